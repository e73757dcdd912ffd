#include "ingest/kafka/range/range_reader.h"

#include <fmt/format.h>
#include <spdlog/spdlog.h>

#include <algorithm>
#include <thread>
#include <utility>

#include "ingest/kafka/client/client_config.h"
#include "ingest/kafka/client/kafka_error.h"
#include "ingest/kafka/client/log_end_query.h"
#include "ingest/kafka/client/message_record.h"
#include "ingest/kafka/client/offset_query.h"
#include "ingest/kafka/client/partition_list.h"
#include "ingest/kafka/client/partition_table.h"
#include "ingest/kafka/client/topic_ids.h"
#include "ingest/kafka/range/range_ends.h"
#include "ingest/kafka/range/range_plan.h"
#include "ingest/kafka/range/record_rate.h"
#include "schema/check.h"
#include "schema/limits.h"

namespace usage_ingest::kafka::range {
namespace {

constexpr pipeline::Epoch kEpoch{1};
constexpr auto kQueryTimeout = std::chrono::milliseconds(5000);
constexpr auto kNap = std::chrono::milliseconds(1);
constexpr auto kProgressInterval = std::chrono::milliseconds(100);
// A new leader may take a moment to know all records of the log.
constexpr auto kLogGrowsMax = std::chrono::seconds(10);

}  // namespace

class RangeReader::Impl final : public RangeReader {
 public:
  Impl(const client::KafkaOptions& options, std::vector<pipeline::LaneQueue::Producer> lanes)
      : options_(options),
        lanes_(std::move(lanes)),
        events_(nullptr, client::ClientEvents::Voice::kLog) {
    USAGE_INGEST_CHECK(!lanes_.empty());
  }

  Result<> Connect() {
    auto client = client::MakeClient(options_, client::ClientRole::kRangeReader, events_);
    if (!client) return std::unexpected(client.error());
    client_ = std::move(*client);
    return {};
  }
  [[nodiscard]] Result<std::vector<PartitionRange>> Resolve(const RangeRequest& request,
                                                            client::Timeout timeout) override;
  [[nodiscard]] Result<RangeProgress> Read(std::span<const PartitionRange> ranges,
                                           const std::stop_token& stop,
                                           const ReadOptions& options) override;
  [[nodiscard]] const std::vector<MissingRange>& missing() const override { return missing_; }
  [[nodiscard]] const std::atomic<std::uint64_t>& current_epoch() const noexcept override {
    return epoch_;
  }

 private:
  using Partitions = std::vector<const TopicPartition*>;

  Result<Partitions> FindPartitions(const RangeRequest& request, client::Timeout timeout);
  Result<std::vector<Offset>> QueryBegins(const RangeRequest& request, const Partitions& partitions,
                                          client::Timeout timeout);
  Result<std::vector<LogBounds>> QueryBounds(const Partitions& partitions, client::Timeout timeout);
  Result<> AssignRest();
  Result<> OnMessage(client::MessageHandle message, const std::stop_token& stop);
  Result<> OnMessageError(const rd_kafka_message_t& message);
  Result<> BeginBehindGap();
  Result<> EndTruncatedRanges(std::chrono::steady_clock::time_point now);
  Result<std::vector<client::Watermarks>> QueryLogs();
  Result<> Deliver(RangeEnds& range, client::MessageHandle message, const std::stop_token& stop);
  void StopReading(RangeEnds& range);
  void Note(const std::optional<MissingRange>& missing) {
    if (missing) missing_.push_back(*missing);
  }
  Result<> Release();
  Error WhyNoAnswer(const Error& error);
  RangeEnds* Find(const rd_kafka_message_t& message);
  [[nodiscard]] bool is_done() const { return std::ranges::all_of(ranges_, &RangeEnds::is_done); }
  RangeProgress Progress();

  client::KafkaOptions options_;
  std::vector<pipeline::LaneQueue::Producer> lanes_;
  client::PartitionTable table_;
  std::atomic<std::uint64_t> epoch_{kEpoch.value};
  client::ClientEvents events_;  // before the client, which calls it
  client::ClientHandle client_;
  std::vector<RangeEnds> ranges_;
  RangeProgress progress_;
  std::vector<MissingRange> missing_;
  RecordRate rate_{0};
};

// The client's own events say why no broker answers; the request says only that none did.
Error RangeReader::Impl::WhyNoAnswer(const Error& error) {
  if (error.code != ErrorCode::kUnavailable) return error;
  // ignored because the number of events served says nothing
  static_cast<void>(rd_kafka_poll(client_.get(), 0));
  if (events_.last_error().empty()) return error;
  return {events_.is_refused() ? ErrorCode::kFatal : error.code, events_.last_error()};
}

Result<RangeReader::Impl::Partitions> RangeReader::Impl::FindPartitions(const RangeRequest& request,
                                                                        client::Timeout timeout) {
  const auto counts =
      client::QueryPartitionCounts(client_.get(), std::span(&request.topic, 1), timeout);
  if (!counts) return std::unexpected(WhyNoAnswer(counts.error()));
  const std::int32_t count = counts->at(request.topic);
  std::vector<PartitionId> wanted = request.partitions;
  for (std::int32_t i = 0; request.partitions.empty() && i < count; ++i) wanted.push_back({i});
  std::ranges::sort(wanted);
  const auto twice = std::ranges::unique(wanted);
  wanted.erase(twice.begin(), twice.end());
  Partitions partitions;
  for (const PartitionId partition : wanted) {
    if (partition.value < 0 || partition.value >= count) {
      return Fail(ErrorCode::kBadRequest, fmt::format("topic {} has no partition {}: it has {}",
                                                      request.topic, partition.value, count));
    }
    partitions.push_back(table_.Intern(request.topic, partition));
  }
  return partitions;
}

Result<std::vector<Offset>> RangeReader::Impl::QueryBegins(const RangeRequest& request,
                                                           const Partitions& partitions,
                                                           client::Timeout timeout) {
  // Kafka has no times before 1970: its numbers below 0 mean the ends of the log.
  const std::int64_t from_time_ms = request.from_time_ms.value_or(0);
  if (from_time_ms > 0) {
    return client::QueryOffsetsAt(client_.get(), partitions, from_time_ms, timeout);
  }
  return std::vector<Offset>(partitions.size(), request.from_offset.value_or(Offset{0}));
}

Result<std::vector<LogBounds>> RangeReader::Impl::QueryBounds(const Partitions& partitions,
                                                              client::Timeout timeout) {
  // The end of all records first: what comes after it is no open transaction.
  const auto ends = client::QueryHighWatermarks(client_.get(), partitions, timeout);
  if (!ends) return std::unexpected(ends.error());
  const auto logs = client::QueryWatermarks(client_.get(), partitions, timeout);
  if (!logs) return std::unexpected(logs.error());
  std::vector<LogBounds> bounds;
  for (std::size_t i = 0; i < partitions.size(); ++i) {
    const client::Watermarks& log = (*logs)[i];
    bounds.push_back({log.low, log.high, std::max(log.high, (*ends)[i])});
  }
  return bounds;
}

Result<std::vector<PartitionRange>> RangeReader::Impl::Resolve(const RangeRequest& request,
                                                               client::Timeout timeout) {
  missing_.clear();
  const auto partitions = FindPartitions(request, timeout);
  if (!partitions) return std::unexpected(partitions.error());
  auto ids = client::QueryTopicIds(client_.get(), std::span(&request.topic, 1), timeout);
  if (!ids) return std::unexpected(ids.error());
  const TopicId* topic_id = table_.Intern((*ids)[request.topic]);
  const auto logs = QueryBounds(*partitions, timeout);
  if (!logs) return std::unexpected(logs.error());
  const auto begins = QueryBegins(request, *partitions, timeout);
  if (!begins) return std::unexpected(begins.error());
  std::vector<PartitionRange> ranges;
  for (std::size_t i = 0; i < partitions->size(); ++i) {
    PartitionRange range{.source = (*partitions)[i],
                         .topic_id = topic_id,
                         .begin = {},
                         .end = {},
                         .from_time_ms = request.from_time_ms,
                         .to_time_ms = request.to_time_ms};
    const AskedRange asked{(*begins)[i], request.to_offset, range.is_by_time()};
    const RangePlan plan = PlanRange(*range.source, asked, (*logs)[i]);
    range.begin = plan.begin;
    range.end = plan.end;
    ranges.push_back(range);
    missing_.insert(missing_.end(), plan.missing.begin(), plan.missing.end());
  }
  return ranges;
}

Result<RangeProgress> RangeReader::Impl::Read(std::span<const PartitionRange> ranges,
                                              const std::stop_token& stop,
                                              const ReadOptions& options) {
  ranges_.clear();
  progress_ = {};
  rate_ = RecordRate(options.records_per_second_max);
  for (const PartitionRange& range : ranges) {
    ranges_.emplace_back(range, client::LaneOf(*range.source, lanes_.size()));
    pipeline::Record start;
    start.kind = pipeline::Record::Kind::kStart;
    start.source = range.source;
    start.epoch = kEpoch;
    start.topic_id = range.topic_id;
    start.offset = range.begin;
    USAGE_INGEST_CHECK(lanes_[ranges_.back().lane()].TryPush(start));  // never refused
  }
  if (auto assigned = AssignRest(); !assigned) return std::unexpected(assigned.error());
  auto said = std::chrono::steady_clock::now();
  while (!is_done()) {
    if (stop.stop_requested()) return Fail(ErrorCode::kShuttingDown, "stopped");
    if (const auto& fatal = events_.fatal()) return std::unexpected(*fatal);
    client::MessageHandle message(
        rd_kafka_consumer_poll(client_.get(), static_cast<int>(limits::kPollTimeout.count())));
    if (message != nullptr) {
      if (auto read = OnMessage(std::move(message), stop); !read) {
        return std::unexpected(read.error());
      }
    }
    if (const auto now = std::chrono::steady_clock::now(); now - said >= kProgressInterval) {
      said = now;
      options.on_progress(Progress());
      if (auto ended = EndTruncatedRanges(now); !ended) return std::unexpected(ended.error());
    }
  }
  if (auto released = Release(); !released) return std::unexpected(released.error());
  options.on_progress(Progress());
  return Progress();
}

Result<> RangeReader::Impl::AssignRest() {
  client::PartitionOffsets rest;
  for (const RangeEnds& range : ranges_) {
    if (!range.is_done()) rest.emplace_back(range.source(), range.position());
  }
  const auto assigned = rd_kafka_assign(client_.get(), client::MakePartitionList(rest).get());
  if (assigned == RD_KAFKA_RESP_ERR_NO_ERROR) return {};
  return std::unexpected(client::MakeKafkaError(assigned, "assigning partitions"));
}

Result<> RangeReader::Impl::OnMessage(client::MessageHandle message, const std::stop_token& stop) {
  if (message->err != RD_KAFKA_RESP_ERR_NO_ERROR) return OnMessageError(*message);
  RangeEnds* range = Find(*message);
  if (range == nullptr) return {};
  const bool was_done = range->is_done();
  Note(range->EndUnreadable(Offset{message->offset}));
  const auto decision = range->OnRecord(Offset{message->offset});
  Result<> delivered;
  if (decision == RangeEnds::Decision::kDeliver) {
    delivered = Deliver(*range, std::move(message), stop);
  }
  if (!was_done && range->is_done()) StopReading(*range);
  return delivered;
}

Result<> RangeReader::Impl::Deliver(RangeEnds& range, client::MessageHandle message,
                                    const std::stop_token& stop) {
  pipeline::Record record = client::MakeRecord(std::move(message), range.source(), kEpoch);
  if (!range.HasTime(record.timestamp_ms)) return {};
  if (auto waited = rate_.Wait(stop); !waited) return waited;
  ++progress_.records;
  progress_.bytes += static_cast<std::int64_t>(record.value.size());
  // No group, so a pause between two polls has no limit.
  while (!lanes_[range.lane()].TryPush(record)) {
    if (stop.stop_requested()) return Fail(ErrorCode::kShuttingDown, "stopped");
    std::this_thread::sleep_for(kNap);
  }
  return {};
}

// What is done needs no fetching; nothing depends on it, since what comes after is dropped.
void RangeReader::Impl::StopReading(RangeEnds& range) {
  if (std::exchange(range.is_paused, true)) return;
  const TopicPartition* source = range.source();
  const auto paused = rd_kafka_pause_partitions(
      client_.get(),
      client::MakePartitionList(std::span<const TopicPartition* const>(&source, 1)).get());
  if (paused != RD_KAFKA_RESP_ERR_NO_ERROR) {
    spdlog::debug("pausing {}[{}]: {}", source->topic, source->partition.value,
                  rd_kafka_err2str(paused));
  }
}

// librdkafka remembers that a partition is paused even when it is not assigned any more.
Result<> RangeReader::Impl::Release() {
  std::vector<const TopicPartition*> paused;
  for (const RangeEnds& range : ranges_) {
    if (range.is_paused) paused.push_back(range.source());
  }
  auto code = rd_kafka_assign(client_.get(), nullptr);
  if (code == RD_KAFKA_RESP_ERR_NO_ERROR && !paused.empty()) {
    code = rd_kafka_resume_partitions(client_.get(), client::MakePartitionList(paused).get());
  }
  if (code == RD_KAFKA_RESP_ERR_NO_ERROR) return {};
  return std::unexpected(client::MakeKafkaError(code, "letting the partitions go"));
}

Result<> RangeReader::Impl::OnMessageError(const rd_kafka_message_t& message) {
  if (message.err == RD_KAFKA_RESP_ERR__PARTITION_EOF) {
    RangeEnds* range = Find(message);
    if (range == nullptr) return {};
    Note(range->EndUnreadable(Offset{message.offset}));
    range->OnEndReached(Offset{message.offset}, std::chrono::steady_clock::now());
    if (range->is_done()) StopReading(*range);
    return {};
  }
  if (message.err == RD_KAFKA_RESP_ERR__AUTO_OFFSET_RESET) return BeginBehindGap();
  const Error error = client::MakeKafkaError(message.err, rd_kafka_message_errstr(&message));
  RangeEnds* range = Find(message);
  if (error.code == ErrorCode::kBadRecord && range != nullptr && message.offset >= 0) {
    Note(range->OnUnreadable(Offset{message.offset}));
    if (range->is_done()) StopReading(*range);
    return {};
  }
  if (error.code == ErrorCode::kBadRecord || error.code == ErrorCode::kFatal) {
    return std::unexpected(error);  // behind it librdkafka would go on without what it skipped
  }
  events_.Report(error, rd_kafka_err2name(message.err));
  return {};
}

// Retention has overtaken us, or the topic is a new one: what is left of the range is read, and
// what is gone is reported.
Result<> RangeReader::Impl::BeginBehindGap() {
  const auto logs = QueryLogs();
  if (!logs) return std::unexpected(logs.error());
  for (std::size_t i = 0; i < ranges_.size(); ++i) {
    if (ranges_[i].is_done()) continue;
    Note(ranges_[i].OnLogChanged((*logs)[i]));
  }
  return AssignRest();
}

// An unclean election took the end of a range: nothing will ever come there.
Result<> RangeReader::Impl::EndTruncatedRanges(std::chrono::steady_clock::time_point now) {
  const bool is_due = std::ranges::any_of(ranges_, [now](const RangeEnds& range) {
    return !range.is_done() && range.waits_since() && now - *range.waits_since() >= kLogGrowsMax;
  });
  if (!is_due) return {};
  const auto logs = QueryLogs();
  if (!logs) return std::unexpected(logs.error());
  for (std::size_t i = 0; i < ranges_.size(); ++i) {
    if (ranges_[i].is_done() || !ranges_[i].waits_since()) continue;
    Note(ranges_[i].OnLogEndsEarly((*logs)[i].high));
    if (ranges_[i].is_done()) StopReading(ranges_[i]);
  }
  return {};
}

Result<std::vector<client::Watermarks>> RangeReader::Impl::QueryLogs() {
  Partitions sources;
  for (const RangeEnds& range : ranges_) sources.push_back(range.source());
  return client::QueryWatermarks(client_.get(), sources, kQueryTimeout);
}

RangeEnds* RangeReader::Impl::Find(const rd_kafka_message_t& message) {
  if (message.rkt == nullptr) return nullptr;
  const std::string_view topic = rd_kafka_topic_name(message.rkt);
  const auto found = std::ranges::find_if(ranges_, [&](const RangeEnds& range) {
    return range.source()->partition.value == message.partition && range.source()->topic == topic;
  });
  return found == ranges_.end() ? nullptr : &*found;
}

RangeProgress RangeReader::Impl::Progress() {
  progress_.offsets_done = 0;
  for (const RangeEnds& range : ranges_) progress_.offsets_done += range.offsets_done();
  return progress_;
}

Result<std::unique_ptr<RangeReader>> RangeReader::Make(
    const client::KafkaOptions& options, std::vector<pipeline::LaneQueue::Producer> lanes) {
  auto impl = std::make_unique<Impl>(options, std::move(lanes));
  if (auto connected = impl->Connect(); !connected) return std::unexpected(connected.error());
  return impl;
}

}  // namespace usage_ingest::kafka::range
