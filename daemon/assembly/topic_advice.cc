#include "daemon/assembly/topic_advice.h"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <iterator>
#include <optional>
#include <string>
#include <utility>

#include "daemon/assembly/component_options.h"
#include "daemon/text/text_table.h"
#include "daemon/text/units.h"
#include "ingest/kafka/client/fetch_limits.h"

namespace usage_ingest::assembly {
namespace {

using kafka::client::TopicFinding;

// A weekend: an outage without a page must not lose usage.
constexpr auto kRetentionMin = std::chrono::hours(72);

std::string TextOf(const TopicFinding& topic, const std::string& name) {
  const auto found = topic.settings.find(name);
  return found == topic.settings.end() ? std::string() : found->second;
}

std::optional<std::int64_t> NumberOf(const TopicFinding& topic, const std::string& name) {
  const std::string text = TextOf(topic, name);
  std::int64_t number = 0;
  const auto parsed = std::from_chars(text.data(), text.data() + text.size(), number);
  return parsed.ec == std::errc() ? std::optional(number) : std::nullopt;
}

void Warn(const TopicFinding& topic, const std::string& what, std::string fix, Problems& problems) {
  problems.push_back(
      {.what = fmt::format("topic {}: {}", topic.name, what), .fix = std::move(fix)});
}

std::string SetTopic(const TopicFinding& topic, std::string_view setting) {
  return fmt::format(
      "kafka-configs.sh --alter --entity-type topics --entity-name {} --add-config {}", topic.name,
      setting);
}

void CheckRetention(const TopicFinding& topic, Problems& problems) {
  if (TextOf(topic, "cleanup.policy").find("compact") != std::string::npos) {
    Warn(topic,
         "it is compacted: of the records with one key only the last one stays, the usage of the "
         "others is lost when it is not read in time",
         SetTopic(topic, "cleanup.policy=delete"), problems);
  }
  const auto retention_ms = NumberOf(topic, "retention.ms");
  if (retention_ms && *retention_ms >= 0 &&
      std::chrono::milliseconds(*retention_ms) < kRetentionMin) {
    Warn(topic,
         fmt::format("records are kept for {} only: a longer outage loses usage",
                     text::Roughly(static_cast<double>(*retention_ms) / 1000)),
         SetTopic(topic, "retention.ms=604800000"), problems);
  }
  const auto retention_bytes = NumberOf(topic, "retention.bytes");
  if (retention_bytes && *retention_bytes >= 0) {
    Warn(topic,
         fmt::format("a partition keeps {} only, however young the records are",
                     text::FormatSize(static_cast<std::size_t>(*retention_bytes))),
         SetTopic(topic, "retention.bytes=-1"), problems);
  }
}

void CheckReplicas(const TopicFinding& topic, Problems& problems) {
  const auto in_sync = NumberOf(topic, "min.insync.replicas");
  if (topic.replicas == 1) {
    Warn(topic, "it has one replica: a disk that is lost loses usage that was not read yet",
         "use a replication factor of 3 and min.insync.replicas=2", problems);
  } else if (in_sync == 1) {
    Warn(topic, "min.insync.replicas is 1: a record that is acknowledged may be on one broker only",
         SetTopic(topic, "min.insync.replicas=2"), problems);
  }
}

void CheckMessageSize(const TopicFinding& topic, std::size_t prefetch_bytes, Problems& problems) {
  const std::size_t limit = kafka::client::FetchLimitsFor(prefetch_bytes).queued_kbytes * 1024;
  const auto bytes_max = NumberOf(topic, "max.message.bytes");
  if (!bytes_max || static_cast<std::size_t>(*bytes_max) <= limit) return;
  Warn(
      topic,
      fmt::format("a batch may have {} and stop its partition: {} is what fits into the memory for "
                  "fetched records",
                  text::FormatSize(static_cast<std::size_t>(*bytes_max)), text::FormatSize(limit)),
      "lower max.message.bytes, or increase events.record_bytes_max and memory.budget", problems);
}

}  // namespace

Problems TopicAdvice(const TopicFinding& topic, std::size_t prefetch_bytes) {
  Problems problems;
  CheckRetention(topic, problems);
  CheckReplicas(topic, problems);
  CheckMessageSize(topic, prefetch_bytes, problems);
  return problems;
}

Result<Problems> QueryTopicAdvice(const config::Config& config, std::chrono::milliseconds timeout) {
  const kafka::client::KafkaOptions options = KafkaOptionsFor(config);
  const auto found =
      kafka::client::ProbeKafka(options, timeout, kafka::client::ProbeDepth::kSettings);
  if (!found) return std::unexpected(found.error());
  Problems problems;
  for (const TopicFinding& topic : found->topics) {
    if (!topic.problem.empty() || !topic.settings_problem.empty()) continue;
    std::ranges::move(TopicAdvice(topic, options.prefetch_bytes), std::back_inserter(problems));
  }
  return problems;
}

}  // namespace usage_ingest::assembly
