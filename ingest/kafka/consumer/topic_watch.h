#pragma once
// TopicWatch: notices that a topic which is being read was deleted and created again, or that the
// brokers are those of another cluster.
//
// The topic's id is compared now and then, and soon after anything that comes with such a change:
// an error, a lost connection, a new leader. A change may be noticed late: until then records are
// stored with the id of the old topic, so that the new one is read again from its beginning.
//
// Owner         the consumer thread. Time is an argument; nothing blocks.
// Limit         one request under way.
#include <chrono>
#include <optional>
#include <string>
#include <vector>

#include "ingest/kafka/consumer/log_queries.h"

namespace usage_ingest::kafka::consumer {

class TopicWatch {
 public:
  using TimePoint = std::chrono::steady_clock::time_point;
  static constexpr std::string_view kFinding =
      "is not the topic that was read before: it was deleted and created again, or these are the "
      "brokers of another cluster";

  explicit TopicWatch(LogQueries& logs) : logs_(logs) {}

  // `ids` are those of now. Returns a topic that had another one before, since the last Forget.
  [[nodiscard]] std::optional<std::string> Note(const client::TopicIds& ids);
  // Asks when it is time, and notes the answer.
  [[nodiscard]] std::optional<std::string> Check(TimePoint now);
  // A topic may have changed: ask as soon as is reasonable.
  void CheckSoon() { is_due_soon_ = true; }
  void Forget();

 private:
  LogQueries& logs_;
  client::TopicIds ids_;
  std::vector<std::string> topics_;
  bool is_due_soon_ = false;
  bool is_asking_ = false;
  TimePoint asked_at_;
};

}  // namespace usage_ingest::kafka::consumer
