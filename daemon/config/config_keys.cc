#include "daemon/config/config_keys.h"

#include "daemon/config/config_binders.h"
#include "daemon/config/kafka_properties.h"
#include "ingest/event/decoder.h"

namespace usage_ingest::config {
namespace {

using namespace std::chrono_literals;
using postgres::batch::IndexTime;
using postgres::batch::PartitionUnit;
using postgres::batch::QuotaEnforcement;
using std::chrono::days;

constexpr std::size_t kKiB = 1024;
constexpr std::size_t kMiB = 1024 * kKiB;
constexpr std::size_t kGiB = 1024 * kMiB;

// USAGE_INGEST_MEMBER: a lambda that works for a Config and a const Config.
// NOLINTNEXTLINE(bugprone-macro-parentheses): a member cannot be in parentheses
#define USAGE_INGEST_MEMBER(path) [](auto& config) -> auto& { return config.path; }

ConfigKey Reloadable(ConfigKey key) {
  key.reloadable = true;
  return key;
}

void AddSourceKeys(std::vector<ConfigKey>& keys) {
  keys.push_back(Bind("kafka", "brokers", USAGE_INGEST_MEMBER(kafka.brokers),
                      NonEmptyText("\"kafka-1:9092,kafka-2:9092\"")));
  keys.push_back(Bind("kafka", "topics", USAGE_INGEST_MEMBER(kafka.topics), TopicNames()));
  keys.push_back(Bind("kafka", "group_id", USAGE_INGEST_MEMBER(kafka.group_id), GroupId()));
  keys.push_back(
      Bind("kafka", "start", USAGE_INGEST_MEMBER(kafka.start),
           ChoiceOf<kafka::client::LogEnd>({{"earliest", kafka::client::LogEnd::kEarliest},
                                            {"latest", kafka::client::LogEnd::kLatest}})));
  keys.push_back(Bind("events", "metadata", USAGE_INGEST_MEMBER(events.metadata), MetadataKeys()));
  keys.push_back(Bind("events", "record_bytes_max", USAGE_INGEST_MEMBER(events.record_bytes_max),
                      SizeIn({kKiB, kGiB})));
}

void AddDatabaseKeys(std::vector<ConfigKey>& keys) {
  keys.push_back(Bind("postgres", "conninfo", USAGE_INGEST_MEMBER(postgres.conninfo),
                      NonEmptyText("\"host=db dbname=litemaas user=usage_ingest\"")));
  keys.push_back(Bind("postgres", "writers", USAGE_INGEST_MEMBER(postgres.writers),
                      IntegerIn<std::size_t>({1, 64})));
  keys.push_back(Bind("postgres", "foreign_keys", USAGE_INGEST_MEMBER(postgres.foreign_keys),
                      ChoiceOf<postgres::batch::ForeignKeys>(
                          {{"auto", postgres::batch::ForeignKeys::kAuto},
                           {"batch", postgres::batch::ForeignKeys::kBatch},
                           {"constraints", postgres::batch::ForeignKeys::kConstraints}})));
  keys.push_back(Bind("batch", "rows_max", USAGE_INGEST_MEMBER(batch.rows_max),
                      IntegerIn<std::size_t>({1, 1'000'000})));
  keys.push_back(
      Bind("batch", "bytes_max", USAGE_INGEST_MEMBER(batch.bytes_max), SizeIn({64 * kKiB, kGiB})));
  keys.push_back(
      Bind("batch", "linger", USAGE_INGEST_MEMBER(batch.linger), DurationIn({0ms, 60s})));
  keys.push_back(Bind("memory", "budget", USAGE_INGEST_MEMBER(memory_budget_bytes),
                      SizeIn({128 * kMiB, 1024 * kGiB})));
  keys.push_back(Bind(
      "partitions", "by", USAGE_INGEST_MEMBER(partitions.by),
      ChoiceOf<PartitionUnit>({{"month", PartitionUnit::kMonth}, {"day", PartitionUnit::kDay}})));
  keys.push_back(Bind("partitions", "indexes", USAGE_INGEST_MEMBER(partitions.indexes),
                      ChoiceOf<IndexTime>({{"immediate", IndexTime::kImmediate},
                                           {"deferred", IndexTime::kDeferred}})));
  keys.push_back(Bind("partitions", "index_after", USAGE_INGEST_MEMBER(partitions.index_after),
                      DurationIn({0ms, days(30)})));
  keys.push_back(Bind("partitions", "months_ahead", USAGE_INGEST_MEMBER(partitions.months_ahead),
                      IntegerIn<int>({0, 120})));
  keys.push_back(Bind("partitions", "days_ahead", USAGE_INGEST_MEMBER(partitions.days_ahead),
                      IntegerIn<int>({0, 366})));
  keys.push_back(Bind("partitions", "retention_months",
                      USAGE_INGEST_MEMBER(partitions.retention_months), IntegerIn<int>({0, 1200})));
  keys.push_back(Bind("partitions", "retention_days",
                      USAGE_INGEST_MEMBER(partitions.retention_days), IntegerIn<int>({0, 36500})));
  keys.push_back(Bind("quotas", "enforce", USAGE_INGEST_MEMBER(quotas.enforce),
                      ChoiceOf<QuotaEnforcement>({{"auto", QuotaEnforcement::kAuto},
                                                  {"seed", QuotaEnforcement::kSeed},
                                                  {"active-only", QuotaEnforcement::kActiveOnly},
                                                  {"off", QuotaEnforcement::kOff}})));
  keys.push_back(Bind("quotas", "periods", USAGE_INGEST_MEMBER(quotas.has_periods),
                      ChoiceOf<bool>({{"on", true}, {"off", false}})));
  keys.push_back(
      Bind("quotas", "warn_at", USAGE_INGEST_MEMBER(quotas.warn_at_percent), Percents()));
  keys.push_back(Bind("history", "daily", USAGE_INGEST_MEMBER(history.is_kept),
                      ChoiceOf<bool>({{"on", true}, {"off", false}})));
  const auto on_or_off = ChoiceOf<bool>({{"on", true}, {"off", false}});
  keys.push_back(
      Bind("litemaas", "last_used_at", USAGE_INGEST_MEMBER(litemaas.keeps_last_used), on_or_off));
  keys.push_back(
      Bind("litemaas", "current_spend", USAGE_INGEST_MEMBER(litemaas.keeps_spend), on_or_off));
  keys.push_back(Bind("litemaas", "daily_usage_cache",
                      USAGE_INGEST_MEMBER(litemaas.fills_daily_usage_cache), on_or_off));
}

void AddTimerKeys(std::vector<ConfigKey>& keys) {
  keys.push_back(Bind("attribution", "refresh", USAGE_INGEST_MEMBER(attribution.refresh),
                      DurationIn({1s, days(1)})));
  keys.push_back(Bind("attribution", "retry_dead_letters",
                      USAGE_INGEST_MEMBER(attribution.retry_dead_letters),
                      DurationIn({1s, days(1)})));
  keys.push_back(Bind("attribution", "retry_for", USAGE_INGEST_MEMBER(attribution.retry_for),
                      DurationIn({0ms, days(3650)})));
  keys.push_back(Bind("dead_letters", "keep", USAGE_INGEST_MEMBER(dead_letters_keep),
                      DurationIn({0ms, days(36500)})));
}

void AddServiceKeys(std::vector<ConfigKey>& keys) {
  keys.push_back(Bind("http", "listen", USAGE_INGEST_MEMBER(http_listen), SetListenAddress));
  keys.push_back(Reloadable(Bind("log", "level", USAGE_INGEST_MEMBER(log_level),
                                 ChoiceOf<LogLevel>({{"trace", LogLevel::kTrace},
                                                     {"debug", LogLevel::kDebug},
                                                     {"info", LogLevel::kInfo},
                                                     {"warn", LogLevel::kWarn},
                                                     {"error", LogLevel::kError}}))));
  keys.push_back(Reloadable(Bind(
      "log", "format", USAGE_INGEST_MEMBER(log_format),
      ChoiceOf<LogFormat>(
          {{"auto", LogFormat::kAuto}, {"text", LogFormat::kText}, {"json", LogFormat::kJson}}))));
  keys.push_back(
      Bind("shutdown", "drain", USAGE_INGEST_MEMBER(shutdown_drain), DurationIn({0ms, 1h})));
}

#undef USAGE_INGEST_MEMBER

}  // namespace

EventsConfig::EventsConfig() : metadata(event::AllMetadataKeys()) {}

const std::vector<ConfigKey>& ConfigKeys() {
  static const std::vector<ConfigKey> all = [] {
    std::vector<ConfigKey> keys;
    AddSourceKeys(keys);
    AddDatabaseKeys(keys);
    AddTimerKeys(keys);
    AddServiceKeys(keys);
    return keys;
  }();
  return all;
}

std::optional<Problem> SetKafkaProperty(Config& config, const std::string& name,
                                        const ConfigValue& value) {
  std::string text;
  if (const auto* given = std::get_if<std::string>(&value.value)) {
    text = *given;
  } else if (const auto* number = std::get_if<std::int64_t>(&value.value)) {
    text = std::to_string(*number);
  } else if (const auto* flag = std::get_if<bool>(&value.value)) {
    text = *flag ? "true" : "false";
  } else {
    return WrongType(value, "text, a whole number or true/false", R"("SASL_SSL")");
  }
  if (auto refusal = RefuseKafkaProperty(name, text)) return refusal;
  config.kafka.properties.insert_or_assign(name, std::move(text));
  return std::nullopt;
}

}  // namespace usage_ingest::config
