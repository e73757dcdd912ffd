#include "ingest/kafka/consumer/topic_watch.h"

namespace usage_ingest::kafka::consumer {
namespace {

// As often as librdkafka asks for the partitions of the topic (client_config.cc).
constexpr auto kInterval = std::chrono::seconds(10);
// A broker that is away makes errors all the time.
constexpr auto kIntervalMin = std::chrono::seconds(1);

}  // namespace

std::optional<std::string> TopicWatch::Note(const client::TopicIds& ids) {
  std::optional<std::string> changed;
  for (const auto& [topic, id] : ids) {
    const auto [known, is_new] = ids_.try_emplace(topic, id);
    if (is_new) topics_.push_back(topic);
    if (id.empty() || known->second == id) continue;
    if (!known->second.empty()) changed = topic;
    known->second = id;
  }
  return changed;
}

std::optional<std::string> TopicWatch::Check(TimePoint now) {
  if (is_asking_) {
    const auto answer = logs_.TakeTopicIds();
    if (!answer) return std::nullopt;
    is_asking_ = false;
    if (*answer) return Note(**answer);
    is_due_soon_ = true;
    return std::nullopt;
  }
  if (topics_.empty() || now - asked_at_ < (is_due_soon_ ? kIntervalMin : kInterval)) {
    return std::nullopt;
  }
  is_due_soon_ = false;
  is_asking_ = true;
  asked_at_ = now;
  logs_.RequestTopicIds(topics_);
  return std::nullopt;
}

void TopicWatch::Forget() {
  if (is_asking_) logs_.CancelTopicIds();
  is_asking_ = false;
  ids_.clear();
  topics_.clear();
}

}  // namespace usage_ingest::kafka::consumer
