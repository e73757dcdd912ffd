#include "daemon/telemetry/log_observer.h"

#include <spdlog/spdlog.h>

namespace usage_ingest::telemetry {
namespace {

constexpr auto kRepeatAfter = std::chrono::seconds(10);

double Milliseconds(std::chrono::nanoseconds time) {
  return std::chrono::duration<double, std::milli>(time).count();
}

}  // namespace

void LogObserver::BatchCommitted(std::size_t lane, const pipeline::BatchReport& report) {
  const auto ms = [&](pipeline::Phase phase) {
    return Milliseconds(report.phase_time[static_cast<std::size_t>(phase)]);
  };
  spdlog::debug(
      "lane {}: {} rows, {} KiB{}: decode {:.1f} ms, attribute {:.1f}, copy {:.1f}, upsert {:.1f}, "
      "commit {:.1f}",
      lane, report.rows, report.bytes / 1024, report.staged ? ", staged" : "",
      ms(pipeline::Phase::kDecode), ms(pipeline::Phase::kAttribute), ms(pipeline::Phase::kCopy),
      ms(pipeline::Phase::kUpsert), ms(pipeline::Phase::kCommit));
}

void LogObserver::DeadLettersHealed(std::int64_t count) {
  spdlog::info("{} dead letters healed", count);
}

void LogObserver::PostgresError(pipeline::PostgresErrorClass error_class,
                                std::string_view message) {
  if (!IsNews(message)) return;
  switch (error_class) {
    case pipeline::PostgresErrorClass::kTransient:
      spdlog::warn("PostgreSQL: {}; holding the batch and trying again", message);
      break;
    case pipeline::PostgresErrorClass::kData:
      spdlog::warn("PostgreSQL refused a row: {}; it goes to the dead letters", message);
      break;
    case pipeline::PostgresErrorClass::kFatal:
      spdlog::error("PostgreSQL: {}", message);
      break;
  }
}

void LogObserver::PostgresUp(std::size_t lane, bool up) {
  if (up) spdlog::info("lane {}: connected to PostgreSQL", lane);
}

void LogObserver::Fenced(std::string_view why) { spdlog::warn("reading again: {}", why); }

void LogObserver::ReadAgain(std::string_view why) { spdlog::info("reading again: {}", why); }

void LogObserver::KafkaError(pipeline::KafkaErrorClass error_class, std::string_view message) {
  if (!IsNews(message)) return;
  if (error_class == pipeline::KafkaErrorClass::kFatal) {
    spdlog::error("Kafka: {}", message);
  } else {
    spdlog::warn("Kafka: {}", message);
  }
}

void LogObserver::Rebalanced(std::span<const TopicPartition* const> assigned) {
  std::string list;
  for (const TopicPartition* partition : assigned) {
    list += ' ' + partition->topic + '/' + std::to_string(partition->partition.value);
  }
  spdlog::info("assigned:{}", list.empty() ? " nothing" : list);
}

void LogObserver::OffsetGap(const TopicPartition& source, std::int64_t records) {
  spdlog::error(
      "{}/{}: {} records are gone from Kafka before they were read (retention or a "
      "recreated topic); they cannot be billed",
      source.topic, source.partition.value, records);
}

void LogObserver::Paused(pipeline::PauseReason reason, bool paused) {
  spdlog::info("{} reading: {}", paused ? "paused" : "resumed",
               reason == pipeline::PauseReason::kMemory ? "memory bound" : "PostgreSQL is away");
}

void LogObserver::Lag(const TopicPartition&, const pipeline::PartitionLag&) {}

bool LogObserver::IsNews(std::string_view message) {
  const auto now = std::chrono::steady_clock::now();
  const std::lock_guard lock(mutex_);
  if (message == last_message_ && now < said_at_ + kRepeatAfter) return false;
  last_message_ = message;
  said_at_ = now;
  return true;
}

}  // namespace usage_ingest::telemetry
