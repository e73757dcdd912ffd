#pragma once
// Config: everything that an operator can choose, after validation.
//
// One value type without a TOML header, so that other modules and tests can build one directly.
// Defaults are here or in the type of a member; names and bounds are in config_keys.cc. A test
// compares both with docs/configuration.md and the packaged file.
//
// Owner         main; const for all others. A reload builds a new one (config_reload.h).
// Units         durations are milliseconds as std::chrono, sizes are bytes.
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "ingest/kafka/client/kafka_options.h"
#include "ingest/postgres/batch/foreign_keys.h"
#include "ingest/postgres/batch/partition_plan.h"
#include "ingest/postgres/batch/quota_enforcement.h"
#include "schema/limits.h"

namespace usage_ingest::config {

inline constexpr std::string_view kDefaultConfigPath = "/etc/usage-ingestd/usage-ingestd.toml";

enum class LogLevel : unsigned char { kTrace, kDebug, kInfo, kWarn, kError };
enum class LogFormat : unsigned char { kAuto, kText, kJson };

struct ListenAddress {
  std::string host;
  std::uint16_t port = 0;
  friend bool operator==(const ListenAddress&, const ListenAddress&) = default;
};

struct KafkaConfig {
  std::string brokers;
  std::vector<std::string> topics{"litellm.usage.v1"};
  std::string group_id = "usage-ingestd";
  kafka::client::LogEnd start = kafka::client::LogEnd::kEarliest;
  std::map<std::string, std::string> properties;  // may hold secrets: never print a value
};

struct PostgresConfig {
  std::string conninfo;  // may hold a password: never print it
  std::size_t writers = 2;
  postgres::batch::ForeignKeys foreign_keys = postgres::batch::ForeignKeys::kAuto;
};

struct BatchConfig {
  std::size_t rows_max = 10'000;
  std::size_t bytes_max = std::size_t{32} << 20;
  std::chrono::milliseconds linger{250};
};

struct EventsConfig {
  EventsConfig();  // metadata: every key of the closed list
  std::vector<std::string> metadata;
  std::size_t record_bytes_max = limits::kRecordBytesMax;
};

struct AttributionConfig {
  std::chrono::milliseconds refresh = std::chrono::seconds(60);
  std::chrono::milliseconds retry_dead_letters = std::chrono::minutes(5);
  std::chrono::milliseconds retry_for = std::chrono::days(7);
};

struct QuotasConfig {
  postgres::batch::QuotaEnforcement enforce = postgres::batch::QuotaEnforcement::kAuto;
  bool has_periods = true;  // reset_at and budget_duration are acted on
  std::vector<std::int64_t> warn_at_percent = {80, 95, 100};
};

struct HistoryConfig {
  bool is_kept = true;  // usage_ingest.usage_daily is written
};

// Columns of LiteMaaS that the daemon fills, unless LiteMaaS or LiteLLM does.
struct LiteMaasConfig {
  bool keeps_last_used = true;  // api_keys.last_used_at
  bool keeps_spend = true;      // subscriptions.current_spend
  bool fills_daily_usage_cache = false;
};

struct Config {
  KafkaConfig kafka;
  PostgresConfig postgres;
  BatchConfig batch;
  std::size_t memory_budget_bytes = std::size_t{512} << 20;
  EventsConfig events;
  AttributionConfig attribution;
  std::chrono::milliseconds dead_letters_keep = std::chrono::days(90);
  postgres::batch::PartitionPlan partitions;
  QuotasConfig quotas;
  HistoryConfig history;
  LiteMaasConfig litemaas;
  // Not 9464: exporters of OpenTelemetry use it by default.
  ListenAddress http_listen{"127.0.0.1", 19464};
  LogLevel log_level = LogLevel::kInfo;
  LogFormat log_format = LogFormat::kAuto;
  std::chrono::milliseconds shutdown_drain = std::chrono::seconds(10);
};

}  // namespace usage_ingest::config
