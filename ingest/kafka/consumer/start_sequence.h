#pragma once
// StartSequence: the steps from an assignment to the offset where each partition is read from.
//
//   stage           what is assigned   ends with
//   kIdle           nothing            Start, after the group's assignment
//   kAskKafka       nothing            Kafka's answer: the topics' ids, where they begin
//   kAskPostgres    nothing            OnPositions: PostgreSQL's answer
//   kCompare        nothing            Kafka's answer: where the logs begin and end now
//   kReading        everything         Stop (revoked) or Restart (re-read from the stored offsets)
//
// Owner         the consumer thread. Time is an argument; Advance blocks for Kafka's answers.
// Errors        of Advance: Kafka did not answer. The same step is tried again, after a delay.
#include <chrono>
#include <map>
#include <span>
#include <variant>
#include <vector>

#include "ingest/kafka/consumer/log_queries.h"
#include "ingest/kafka/consumer/restart_delay.h"
#include "ingest/kafka/consumer/start_plan.h"
#include "ingest/pipeline/consumer_inbox.h"

namespace usage_ingest::kafka::consumer {

class StartSequence {
 public:
  using TimePoint = std::chrono::steady_clock::time_point;
  enum class Stage : unsigned char { kIdle, kAskKafka, kAskPostgres, kCompare, kReading };

  struct PartitionStart {
    StoredOffset stored;
    StartPlan plan;
    TopicId topic_id = {};  // of the log that is read from here on
  };
  struct Wait {};
  // Ask PostgreSQL, and give the answer to OnPositions.
  struct AskPostgres {};
  // Assign the partitions as planned, in the order of Start's, and then call OnAssigned.
  using Assign = std::vector<PartitionStart>;
  using Step = std::variant<Wait, AskPostgres, Assign>;

  explicit StartSequence(LogQueries& logs) : logs_(logs) {}

  void Start(pipeline::Epoch epoch, std::span<const TopicPartition* const> sources);
  void Stop() { stage_ = Stage::kIdle; }
  // The same partitions again, because of a fault. Returns how long Advance waits.
  std::chrono::milliseconds Restart(pipeline::Epoch epoch, TimePoint now);
  // The record before `next_offset` was read, and is not the one that PostgreSQL remembers.
  void MarkChangedLog(const TopicPartition* source, Offset next_offset) {
    changed_logs_[source] = next_offset;
  }

  // Takes the next step if it is time. The caller does what it returns.
  [[nodiscard]] Result<Step> Advance(TimePoint now);
  // REQUIRES: kAskPostgres; `stored` answers request().
  void OnPositions(std::vector<StoredOffset> stored);
  // REQUIRES: kCompare, and Advance's plans are assigned.
  void OnAssigned();

  [[nodiscard]] Stage stage() const { return stage_; }
  [[nodiscard]] bool is_reading() const { return stage_ == Stage::kReading; }
  // What PostgreSQL is asked in this epoch; complete after kAskKafka.
  [[nodiscard]] const pipeline::PositionsRequest& request() const { return request_; }

 private:
  [[nodiscard]] Result<Step> AskKafka(TimePoint now);
  [[nodiscard]] Result<Step> TryLater(TimePoint now, const Error& error);
  [[nodiscard]] Result<Step> Compare(TimePoint now);
  [[nodiscard]] bool WaitsForBrokers(TimePoint now);
  [[nodiscard]] Result<std::vector<LogNow>> QueryLogs() const;
  [[nodiscard]] TopicId TopicIdOf(const TopicPartition& source) const;
  [[nodiscard]] std::vector<std::string> topics() const;

  LogQueries& logs_;
  Stage stage_ = Stage::kIdle;
  pipeline::PositionsRequest request_;
  std::vector<StoredOffset> stored_;  // kCompare: PostgreSQL's answer
  // Whose record before this next_offset was read, and differs from what PostgreSQL remembers. Out
  // of date when the offsets row has moved by the next start: another process compared the record
  // at the new offset. One entry for each partition that was ever assigned.
  std::map<const TopicPartition*, Offset> changed_logs_;
  bool has_waited_ = false;  // for brokers that do not know the new topic yet
  RestartDelay restart_delay_;
  TimePoint not_before_;  // kAskKafka, kCompare
};

}  // namespace usage_ingest::kafka::consumer
