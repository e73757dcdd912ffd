#include "tests/integration/kafka/consumer_harness.h"

#include <xxhash.h>

#include <algorithm>
#include <array>
#include <utility>

namespace usage_ingest::kafka::consumer {

bool FakeDatabase::Commit(const TopicPartition& source, Offset expected, StoredOffset after,
                          std::int64_t gap_records, const std::vector<std::string>& values) {
  const MutexLock lock(mutex_);
  StoredOffset& stored = offsets_[source];
  if (stored.next_offset != expected) return false;
  stored = after;
  gap_records_ += gap_records;
  for (const std::string& value : values) ++values_[value];
  return true;
}

std::vector<StoredOffset> FakeDatabase::Find(const pipeline::PositionsRequest& request) {
  const MutexLock lock(mutex_);
  for (const auto& [topic, firsts] : request.first_offsets) {
    const bool is_known = std::ranges::any_of(
        offsets_, [&topic](const auto& row) { return row.first.topic == topic; });
    if (is_known) continue;
    for (const auto& [partition, first] : firsts) {
      offsets_[{topic, partition}] = {.next_offset = first, .last_record = {}};
    }
  }
  std::vector<StoredOffset> found;
  for (const TopicPartition* source : request.partitions) found.push_back(offsets_[*source]);
  return found;
}

void FakeDatabase::Set(const TopicPartition& source, StoredOffset stored) {
  const MutexLock lock(mutex_);
  offsets_[source] = stored;
}

StoredOffset FakeDatabase::At(const TopicPartition& source) const {
  const MutexLock lock(mutex_);
  const auto found = offsets_.find(source);
  return found == offsets_.end() ? StoredOffset{} : found->second;
}

std::map<std::string, int> FakeDatabase::Values() const {
  const MutexLock lock(mutex_);
  return values_;
}

std::size_t FakeDatabase::Count() const {
  const MutexLock lock(mutex_);
  return values_.size();
}

std::int64_t FakeDatabase::gap_records() const {
  const MutexLock lock(mutex_);
  return gap_records_;
}

void RecordingSink::On(const pipeline::TelemetryEvent& event) {
  if (const auto* failure = std::get_if<pipeline::KafkaFailed>(&event)) {
    if (failure->error_class == pipeline::KafkaErrorClass::kTransient) ++transient_errors;
    const MutexLock lock(mutex_);
    errors_.emplace_back(failure->message);
    ++error_classes_[failure->error_class];
  } else if (const auto* event_of = std::get_if<pipeline::PartitionStuck>(&event)) {
    const MutexLock lock(mutex_);
    if (event_of->stuck) {
      stuck_[*event_of->source] = {event_of->reason, event_of->offset, std::string(event_of->why)};
    } else {
      stuck_.erase(*event_of->source);
    }
  } else if (const auto* now = std::get_if<pipeline::PartitionsAssigned>(&event)) {
    assigned = static_cast<int>(now->partitions.size());
    ++rebalances;
  } else if (const auto* gap = std::get_if<pipeline::OffsetGap>(&event)) {
    gap_records += gap->records;
  } else if (const auto* pause = std::get_if<pipeline::ReadingPaused>(&event)) {
    ++(pause->paused ? pauses : resumes);
  } else if (const auto* lag = std::get_if<pipeline::PartitionLag>(&event)) {
    const MutexLock lock(mutex_);
    lags_[*lag->source] = *lag;
  }
}

std::map<TopicPartition, pipeline::PartitionLag> RecordingSink::lags() const {
  const MutexLock lock(mutex_);
  return lags_;
}

std::map<TopicPartition, RecordingSink::Stuck> RecordingSink::stuck() const {
  const MutexLock lock(mutex_);
  return stuck_;
}

int RecordingSink::Errors(pipeline::KafkaErrorClass error_class) const {
  const MutexLock lock(mutex_);
  const auto found = error_classes_.find(error_class);
  return found == error_classes_.end() ? 0 : found->second;
}

bool RecordingSink::HasError(std::string_view part) const {
  const MutexLock lock(mutex_);
  return std::ranges::any_of(
      errors_, [part](const std::string& error) { return error.find(part) != std::string::npos; });
}

std::uint64_t Bell::rings() const {
  const MutexLock lock(mutex_);
  return rings_;
}

void Bell::Ring() {
  const MutexLock lock(mutex_);
  ++rings_;
  rung_.NotifyAll();
}

void Bell::WaitForMoreThan(std::uint64_t rings, const std::stop_token& stop) {
  const MutexLock lock(mutex_);
  rung_.Wait(mutex_, stop, [&]() REQUIRES(mutex_) { return rings_ > rings; });
}

// Pops, commits each chunk at once, reports: a Lane without decoding.
class ConsumerHarness::TestLane {
 public:
  TestLane(ConsumerHarness& harness, pipeline::LaneQueue::Consumer queue,
           const std::atomic<std::uint64_t>& current_epoch)
      : harness_(harness),
        queue_(std::move(queue)),
        current_epoch_(current_epoch),
        thread_([this](const std::stop_token& stop) { Run(stop); }) {}

  void Stop() {
    thread_.request_stop();
    thread_.join();
  }
  [[nodiscard]] std::vector<std::string> Violations() {
    const MutexLock lock(mutex_);
    return violations_;
  }

 private:
  struct Position {
    pipeline::Epoch epoch;
    Offset stored;
    Offset read;
    std::int64_t gap_records = 0;
    std::optional<RecordFingerprint> last;
    std::vector<std::string> values;
  };

  void Run(const std::stop_token& stop) {
    std::array<pipeline::Record, 64> chunk;
    while (!stop.stop_requested()) {
      const std::uint64_t rings = harness_.bell_.rings();
      const bool is_held = harness_.lanes_held_;
      const std::size_t count = is_held ? 0 : queue_.Pop(chunk);
      for (std::size_t i = 0; i < count; ++i) {
        Add(chunk[i]);
        chunk[i] = pipeline::Record{};
      }
      CommitAll();
      if (is_held || (count == 0 && queue_.PrepareSleep())) {
        harness_.bell_.WaitForMoreThan(rings, stop);
      }
    }
  }

  [[nodiscard]] bool IsStale(pipeline::Epoch epoch) const {
    return epoch <= abandoned_ || epoch.value < current_epoch_.load(std::memory_order_acquire);
  }

  void Add(const pipeline::Record& record) {
    if (IsStale(record.epoch)) return;
    if (record.kind == pipeline::Record::Kind::kStart) {
      positions_[record.source] = {
          record.epoch, record.offset, record.offset, 0, record.last_record, {}};
      return;
    }
    const auto found = positions_.find(record.source);
    if (found == positions_.end() || found->second.epoch != record.epoch) {
      return Violate("a record before its kStart");
    }
    Position& position = found->second;
    if (record.kind == pipeline::Record::Kind::kGap) {
      position.gap_records += record.gap_records;
      position.read = record.offset;
      position.last.reset();
      return;
    }
    if (record.kind == pipeline::Record::Kind::kHole) {
      position.read = std::max(position.read, record.offset);
      return;
    }
    if (record.offset < position.read) return Violate("a record that was delivered before");
    position.read = Offset{record.offset.value + 1};
    position.last = RecordFingerprint{
        record.timestamp_ms,
        static_cast<std::int64_t>(XXH3_64bits(record.value.data(), record.value.size()))};
    position.values.emplace_back(record.value);
  }

  void CommitAll() {
    for (auto& [source, position] : positions_) {
      if (position.read == position.stored && position.gap_records == 0) continue;
      if (IsStale(position.epoch)) continue;
      const StoredOffset after{.next_offset = position.read, .last_record = position.last};
      if (!harness_.database_.Commit(*source, position.stored, after, position.gap_records,
                                     position.values)) {
        abandoned_ = position.epoch;
        harness_.inbox_.Push(pipeline::PositionsLost{position.epoch, "compare-and-set failed"});
        return;
      }
      harness_.inbox_.Push(pipeline::Committed{source, position.epoch, position.read});
      position.stored = position.read;
      position.gap_records = 0;
      position.values.clear();
    }
  }

  void Violate(std::string what) {
    const MutexLock lock(mutex_);
    violations_.push_back(std::move(what));
  }

  ConsumerHarness& harness_;
  pipeline::LaneQueue::Consumer queue_;
  const std::atomic<std::uint64_t>& current_epoch_;
  pipeline::Epoch abandoned_;
  std::map<const TopicPartition*, Position> positions_;
  Mutex mutex_;
  std::vector<std::string> violations_ GUARDED_BY(mutex_);
  std::jthread thread_;  // last: it uses all of the above
};

ConsumerHarness::ConsumerHarness(HarnessOptions options, FakeDatabase& database)
    : database_(database), options_(std::move(options)) {
  KafkaConsumer::Dependencies dependencies{.lanes = {},
                                           .inbox = inbox_,
                                           .request_positions =
                                               [this](pipeline::PositionsRequest request) {
                                                 ++requests_;
                                                 {
                                                   const MutexLock lock(requests_mutex_);
                                                   asked_.push_back(std::move(request));
                                                 }
                                                 bell_.Ring();
                                               },
                                           .telemetry = telemetry};
  for (std::size_t i = 0; i < options_.lanes; ++i) {
    queues_.push_back(
        std::make_unique<pipeline::LaneQueue>(options_.queue, [this] { bell_.Ring(); }));
    dependencies.lanes.push_back(queues_.back()->MakeProducer());
  }
  auto made = KafkaConsumer::Make(options_.kafka, std::move(dependencies));
  if (!made) throw std::runtime_error(made.error().context);
  consumer_ = std::move(*made);
}

ConsumerHarness::~ConsumerHarness() {
  static_cast<void>(Stop());  // ignored because the test asked for the result, or did not care
}

void ConsumerHarness::Start() {
  for (auto& queue : queues_) {
    lanes_.push_back(
        std::make_unique<TestLane>(*this, queue->MakeConsumer(), consumer_->current_epoch()));
  }
  answering_ = std::jthread([this](const std::stop_token& stop) { Answer(stop); });
  running_ = std::jthread([this](const std::stop_token& stop) {
    result_ = consumer_->Run(stop);
    has_ended_ = true;
  });
}

Result<> ConsumerHarness::Stop() {
  if (consumer_ == nullptr) return result_;
  for (auto& lane : lanes_) lane->Stop();
  StopConsumer();
  if (answering_.joinable()) {
    answering_.request_stop();
    answering_.join();
  }
  queues_.clear();  // and the records in them, before their client
  consumer_.reset();
  return result_;
}

void ConsumerHarness::HoldLanes(bool hold) {
  lanes_held_ = hold;
  bell_.Ring();
}

void ConsumerHarness::HoldAnswers(bool hold) {
  answers_held_ = hold;
  bell_.Ring();
}

void ConsumerHarness::StopConsumer() {
  if (!running_.joinable()) return;
  running_.request_stop();
  running_.join();
}

std::vector<std::string> ConsumerHarness::Violations() const {
  std::vector<std::string> all;
  for (const auto& lane : lanes_) {
    for (auto& violation : lane->Violations()) all.push_back(std::move(violation));
  }
  return all;
}

void ConsumerHarness::Answer(const std::stop_token& stop) {
  while (!stop.stop_requested()) {
    const std::uint64_t rings = bell_.rings();
    std::vector<pipeline::PositionsRequest> asked;
    if (!answers_held_) {
      const MutexLock lock(requests_mutex_);
      asked = std::exchange(asked_, {});
    }
    for (const pipeline::PositionsRequest& request : asked) {
      inbox_.Push(pipeline::PositionsFound{request.epoch, database_.Find(request)});
    }
    bell_.WaitForMoreThan(rings, stop);
  }
}

}  // namespace usage_ingest::kafka::consumer
