#pragma once
// ConsumerHarness: a KafkaConsumer on its own thread, with lanes and a database that are made up
// but keep the real ones' promises: compare-and-set on the offset, and rows and offset in one step.
//
// So a test can say what it expects of the whole: every value once, whatever happened in between.
//
// Owner         the test.
// Thread-safety the consumer and each lane run on threads of their own; what a test asks is locked.
#include <atomic>
#include <cstdint>
#include <map>
#include <memory>
#include <stop_token>
#include <string>
#include <thread>
#include <vector>

#include "ingest/kafka/consumer/consumer.h"
#include "schema/mutex.h"

namespace usage_ingest::kafka::consumer {

// What PostgreSQL would hold. Shared by harnesses that stand for daemons of one group.
class FakeDatabase {
 public:
  // One transaction: false when `expected` is not what is stored.
  [[nodiscard]] bool Commit(const TopicPartition& source, Offset expected, StoredOffset after,
                            std::int64_t gap_records, const std::vector<std::string>& values);
  [[nodiscard]] std::vector<StoredOffset> Find(const pipeline::PositionsRequest& request);

  void Set(const TopicPartition& source, StoredOffset stored);
  [[nodiscard]] StoredOffset At(const TopicPartition& source) const;
  [[nodiscard]] std::map<std::string, int> Values() const;  // how often each was stored
  [[nodiscard]] std::size_t Count() const;                  // of distinct values
  [[nodiscard]] std::int64_t gap_records() const;

 private:
  mutable Mutex mutex_;
  std::map<TopicPartition, StoredOffset> offsets_ GUARDED_BY(mutex_);
  std::map<std::string, int> values_ GUARDED_BY(mutex_);
  std::int64_t gap_records_ GUARDED_BY(mutex_) = 0;
};

class RecordingSink final : public pipeline::TelemetrySink {
 public:
  void On(const pipeline::TelemetryEvent& event) override;

  std::atomic<int> rebalances{0};
  std::atomic<int> assigned{0};
  std::atomic<int> pauses{0};
  std::atomic<int> resumes{0};
  std::atomic<int> transient_errors{0};
  std::atomic<std::int64_t> gap_records{0};
  [[nodiscard]] std::map<TopicPartition, pipeline::PartitionLag> lags() const;
  [[nodiscard]] bool HasError(std::string_view part) const;
  struct Stuck {
    pipeline::StuckReason reason{};
    Offset offset;
    std::string why;
  };
  [[nodiscard]] std::map<TopicPartition, Stuck> stuck() const;
  [[nodiscard]] int Errors(pipeline::KafkaErrorClass error_class) const;

 private:
  mutable Mutex mutex_;
  std::map<TopicPartition, pipeline::PartitionLag> lags_ GUARDED_BY(mutex_);
  std::vector<std::string> errors_ GUARDED_BY(mutex_);
  std::map<pipeline::KafkaErrorClass, int> error_classes_ GUARDED_BY(mutex_);
  std::map<TopicPartition, Stuck> stuck_ GUARDED_BY(mutex_);
};

// Bell: a thread without work waits for Ring() or for its stop. A thread reads `rings` before it
// looks for work, so that it does not miss a Ring() in between.
class Bell {
 public:
  [[nodiscard]] std::uint64_t rings() const;
  void Ring();
  void WaitForMoreThan(std::uint64_t rings, const std::stop_token& stop);

 private:
  mutable Mutex mutex_;
  CondVar rung_;
  std::uint64_t rings_ GUARDED_BY(mutex_) = 0;
};

struct HarnessOptions {
  client::KafkaOptions kafka;
  std::size_t lanes = 2;
  pipeline::LaneQueue::Limits queue{.records_max = 4096, .bytes_max = std::size_t{8} << 20};
};

class ConsumerHarness {
 public:
  ConsumerHarness(HarnessOptions options, FakeDatabase& database);
  ~ConsumerHarness();  // stops
  ConsumerHarness(const ConsumerHarness&) = delete;
  ConsumerHarness& operator=(const ConsumerHarness&) = delete;

  void Start();
  [[nodiscard]] Result<> Stop();                            // what Run returned
  void StopConsumer();                                      // and let the lanes go on until Stop
  void HoldLanes(bool hold);                                // PostgreSQL is away
  void HoldAnswers(bool hold);                              // and has nothing to say
  [[nodiscard]] int requests() const { return requests_; }  // for positions
  [[nodiscard]] bool has_ended() const { return has_ended_; }
  // What went against the contract between consumer and lanes; empty when nothing did.
  [[nodiscard]] std::vector<std::string> Violations() const;

  RecordingSink telemetry;

 private:
  class TestLane;
  void Answer(const std::stop_token& stop);

  FakeDatabase& database_;
  HarnessOptions options_;
  pipeline::ConsumerInbox inbox_;
  Bell bell_;  // for lanes and answers: there may be something to do
  Mutex requests_mutex_;
  std::vector<pipeline::PositionsRequest> asked_ GUARDED_BY(requests_mutex_);
  std::atomic<int> requests_{0};
  std::atomic<bool> lanes_held_{false};
  std::atomic<bool> answers_held_{false};
  std::atomic<bool> has_ended_{false};
  Result<> result_;
  std::unique_ptr<KafkaConsumer> consumer_;  // outlives queues and lanes
  std::vector<std::unique_ptr<pipeline::LaneQueue>> queues_;
  std::vector<std::unique_ptr<TestLane>> lanes_;
  std::jthread answering_;
  std::jthread running_;
};

}  // namespace usage_ingest::kafka::consumer
