#include "ingest/kafka/client/epoch_ends.h"

#include <algorithm>

#include "ingest/kafka/client/client_factory.h"
#include "ingest/kafka/client/kafka_error.h"
#include "ingest/kafka/client/partition_list.h"

namespace usage_ingest::kafka::client {
namespace {

constexpr int kPollMs = 100;

// A binary search in one log. What is sought lies in [low_, high_].
class Bisection {
 public:
  explicit Bisection(const EpochSearch& search)
      : search_(search), low_(search.within.low.value), high_(search.within.high.value) {}

  [[nodiscard]] bool is_done() const { return low_ >= high_; }
  [[nodiscard]] const TopicPartition* source() const { return search_.source; }
  [[nodiscard]] Offset middle() const { return Offset{low_ + (high_ - low_) / 2}; }

  // The first record at or behind middle().
  void OnRecord(Offset offset, std::int32_t epoch) {
    if (offset.value >= high_ || epoch > search_.epoch) return OnEnd();
    low_ = offset.value + 1;
    epoch_below_ = epoch;
  }
  // There is none.
  void OnEnd() { high_ = middle().value; }

  [[nodiscard]] Offset result() const {
    return epoch_below_ == search_.epoch ? Offset{low_} : search_.within.low;
  }

 private:
  EpochSearch search_;
  std::int64_t low_;
  std::int64_t high_;
  std::int32_t epoch_below_ = kUnknownLeaderEpoch;  // of the record before low_
};

class Search {
 public:
  Search(rd_kafka_t* client, std::span<const EpochSearch> searches)
      : client_(client), logs_(searches.begin(), searches.end()) {}

  Result<> Run(std::chrono::steady_clock::time_point deadline) {
    while (!std::ranges::all_of(logs_, &Bisection::is_done)) {
      if (auto assigned = AssignMiddles(); !assigned) return assigned;
      while (!waiting_.empty()) {
        if (std::chrono::steady_clock::now() > deadline) {
          return Fail(ErrorCode::kUnavailable, "searching a log that changed: no answer in time");
        }
        const MessageHandle message(rd_kafka_consumer_poll(client_, kPollMs));
        if (message != nullptr) OnMessage(*message);
      }
    }
    return {};
  }
  [[nodiscard]] std::vector<Offset> Results() const {
    std::vector<Offset> results;
    for (const Bisection& log : logs_) results.push_back(log.result());
    return results;
  }

 private:
  Result<> AssignMiddles() {
    PartitionOffsets offsets;
    for (Bisection& log : logs_) {
      if (log.is_done()) continue;
      offsets.emplace_back(log.source(), log.middle());
      waiting_.push_back(&log);
    }
    const auto code = rd_kafka_assign(client_, MakePartitionList(offsets).get());
    if (code == RD_KAFKA_RESP_ERR_NO_ERROR) return {};
    return std::unexpected(MakeKafkaError(code, "searching a log that changed"));
  }

  // Other errors are retried by librdkafka.
  void OnMessage(const rd_kafka_message_t& message) {
    if (message.rkt == nullptr) return;
    const auto found = std::ranges::find_if(waiting_, [&](const Bisection* log) {
      return log->source()->partition.value == message.partition &&
             log->source()->topic == rd_kafka_topic_name(message.rkt);
    });
    if (found == waiting_.end()) return;
    if (message.err == RD_KAFKA_RESP_ERR__PARTITION_EOF) {
      (*found)->OnEnd();
    } else if (message.err == RD_KAFKA_RESP_ERR_NO_ERROR) {
      (*found)->OnRecord(Offset{message.offset}, rd_kafka_message_leader_epoch(&message));
    } else {
      return;
    }
    waiting_.erase(found);
  }

  rd_kafka_t* client_;
  std::vector<Bisection> logs_;
  std::vector<Bisection*> waiting_;  // for the record in their middle
};

}  // namespace

Result<std::vector<Offset>> FindEpochEnds(const KafkaOptions& options,
                                          std::span<const EpochSearch> searches,
                                          std::chrono::milliseconds timeout) {
  const auto deadline = std::chrono::steady_clock::now() + timeout;
  ClientEvents events(nullptr, ClientEvents::Voice::kSilent);
  const auto client = MakeClient(options, ClientRole::kRangeReader, events);
  if (!client) return std::unexpected(client.error());
  Search search(client->get(), searches);
  if (auto found = search.Run(deadline); !found) return std::unexpected(found.error());
  return search.Results();
}

}  // namespace usage_ingest::kafka::client
