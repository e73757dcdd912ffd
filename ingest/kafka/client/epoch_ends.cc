#include "ingest/kafka/client/epoch_ends.h"

#include <algorithm>
#include <utility>

#include "ingest/kafka/client/client_config.h"
#include "ingest/kafka/client/kafka_error.h"
#include "ingest/kafka/client/message_record.h"
#include "ingest/kafka/client/partition_list.h"
#include "ingest/pipeline/record.h"

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
  void OnRecord(const pipeline::Record& record) {
    if (record.offset.value >= high_ || record.leader_epoch > search_.epoch) return OnEnd();
    low_ = record.offset.value + 1;
    record_below_ = pipeline::FingerprintOf(record);
  }
  // There is none.
  void OnEnd() { high_ = middle().value; }

  [[nodiscard]] EpochEnd result() const {
    const bool is_found = record_below_ && record_below_->leader_epoch == search_.epoch;
    return is_found ? EpochEnd{Offset{low_}, record_below_} : EpochEnd{search_.within.low};
  }

 private:
  EpochSearch search_;
  std::int64_t low_;
  std::int64_t high_;
  std::optional<RecordFingerprint> record_below_;  // of the record before low_
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
        MessageHandle message(rd_kafka_consumer_poll(client_, kPollMs));
        if (message != nullptr) OnMessage(std::move(message));
      }
    }
    return {};
  }
  [[nodiscard]] std::vector<EpochEnd> Results() const {
    std::vector<EpochEnd> results;
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
  void OnMessage(MessageHandle message) {
    if (message->rkt == nullptr) return;
    const auto found = std::ranges::find_if(waiting_, [&](const Bisection* log) {
      return log->source()->partition.value == message->partition &&
             log->source()->topic == rd_kafka_topic_name(message->rkt);
    });
    if (found == waiting_.end()) return;
    if (message->err == RD_KAFKA_RESP_ERR__PARTITION_EOF) {
      (*found)->OnEnd();
    } else if (message->err == RD_KAFKA_RESP_ERR_NO_ERROR) {
      (*found)->OnRecord(MakeRecord(std::move(message), (*found)->source(), {}));
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

Result<std::vector<EpochEnd>> FindEpochEnds(const KafkaOptions& options,
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
