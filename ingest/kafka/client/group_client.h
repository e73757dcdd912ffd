#pragma once
// GroupClient: our membership of the consumer group, in the few calls of librdkafka that we need.
//
// Incremental assign and batch consume are left out on purpose: each change of what is read is one
// assign of the whole list. Only a partition that is stuck is paused and retried alone.
//
// Owner         the consumer thread.
// Thread-safety none.
// Limit         calls that ask the broker block up to their timeout.
#include <chrono>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "ingest/kafka/client/client_events.h"
#include "ingest/kafka/client/handles.h"
#include "ingest/kafka/client/kafka_options.h"
#include "ingest/kafka/client/partition_list.h"
#include "ingest/kafka/client/watermarks.h"
#include "schema/error.h"

namespace usage_ingest::kafka::client {

class GroupClient {
 public:
  // `telemetry` may be null. Reads nothing before Subscribe.
  [[nodiscard]] static Result<std::unique_ptr<GroupClient>> Make(
      const KafkaOptions& options, pipeline::TelemetrySink* telemetry);
  // REQUIRES: every message that Poll gave out is destroyed.
  ~GroupClient();
  GroupClient(const GroupClient&) = delete;
  GroupClient& operator=(const GroupClient&) = delete;

  [[nodiscard]] Result<> Subscribe(std::span<const std::string> topics);
  // A message, an error in the form of one, or null: nothing came, or events() has something.
  [[nodiscard]] MessageHandle Poll(std::chrono::milliseconds timeout);

  // Reads these from these offsets, and nothing else. Also with an empty list, which is the answer
  // to an assignment whose offsets are not known yet: the group does not wait for us.
  [[nodiscard]] Result<> Assign(const PartitionOffsets& partitions);
  // The answer to a revocation.
  [[nodiscard]] Result<> GiveUp();
  [[nodiscard]] Result<> Pause(std::span<const TopicPartition* const> partitions);
  [[nodiscard]] Result<> Resume(std::span<const TopicPartition* const> partitions);
  // Reads a paused partition from `offset`, whatever was polled of it.
  [[nodiscard]] Result<> ResumeAt(const TopicPartition& source, Offset offset);
  // The answer comes by events().
  [[nodiscard]] Result<> CommitAsync(const PartitionOffsets& offsets);

  // Both ends of the log as of the last fetch, without asking the broker; nullopt before there was
  // one.
  [[nodiscard]] std::optional<Watermarks> CachedWatermarks(const TopicPartition& source) const;
  // Continues joining the group at once; librdkafka would look again after up to a second.
  void WakeGroup();
  // Leaves the group, and begins with a client that remembers nothing of any topic. librdkafka
  // keeps the leader epochs of a topic that was recreated, and then refuses its new leaders for as
  // long as their epochs are lower (rd_kafka_toppar_leader_update in rdkafka_topic.c).
  // Errors: kFatal. Subscribe follows.
  [[nodiscard]] Result<> Reopen(std::chrono::steady_clock::time_point deadline);
  // Leaves the group; at `deadline` without telling it. Only the destructor or Reopen may follow.
  void Close(std::chrono::steady_clock::time_point deadline);

  // Reports a call that failed; the loop continues.
  void ReportFailure(const Result<>& result);
  [[nodiscard]] ClientEvents& events() { return *events_; }
  [[nodiscard]] rd_kafka_t* handle() { return client_.get(); }

 private:
  explicit GroupClient(KafkaOptions options) : options_(std::move(options)) {}

  KafkaOptions options_;
  std::unique_ptr<ClientEvents> events_;  // before the clients, which call it until they are gone
  ClientHandle client_;
  bool leaves_silently_ = false;
  // Each destroys a client of before Reopen, which takes until its last message is destroyed.
  std::vector<std::jthread> retired_;
};

}  // namespace usage_ingest::kafka::client
