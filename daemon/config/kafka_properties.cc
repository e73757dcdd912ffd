#include "daemon/config/kafka_properties.h"

#include <fmt/format.h>

#include <array>

namespace usage_ingest::config {
namespace {

struct Owned {
  std::string_view name;
  std::string_view reason;
  std::string_view fix;
};

constexpr std::string_view kOffsetsInPostgres =
    "the offsets are kept in PostgreSQL, in the transaction of the rows; Kafka's own follow later";
constexpr std::string_view kFromBudget = "it is derived from memory.budget, which it would break";
constexpr std::string_view kFetchMustEnd =
    "a broker that waits for more records than a fetch may hold answers too late, and nothing is "
    "read";
constexpr std::string_view kRemove = "remove the line";
constexpr std::string_view kUseBudget = "remove the line and set memory.budget";

// Source: CONFIGURATION.md of librdkafka.
constexpr std::array kOwned = std::to_array<Owned>({
    {"bootstrap.servers", "it has a key of its own", "set kafka.brokers"},
    {"metadata.broker.list", "it has a key of its own", "set kafka.brokers"},
    {"group.id", "it has a key of its own", "set kafka.group_id"},
    {"enable.auto.commit", kOffsetsInPostgres, kRemove},
    {"auto.commit.enable", kOffsetsInPostgres, kRemove},
    {"auto.commit.interval.ms", kOffsetsInPostgres, kRemove},
    {"enable.auto.offset.store", kOffsetsInPostgres, kRemove},
    {"auto.offset.reset", "a gap must be counted and reported, never skipped silently",
     "remove the line; kafka.start says where to begin when PostgreSQL has no offset yet"},
    {"offset.store.method", kOffsetsInPostgres, kRemove},
    {"offset.store.path", kOffsetsInPostgres, kRemove},
    {"enable.partition.eof", "the consumer needs it as it sets it", kRemove},
    {"queued.min.messages", kFromBudget, kUseBudget},
    {"queued.max.messages.kbytes", kFromBudget, kUseBudget},
    {"fetch.max.bytes", kFromBudget, kUseBudget},
    {"fetch.message.max.bytes", kFromBudget, kUseBudget},
    {"message.max.bytes", kFromBudget, kUseBudget},
    {"fetch.min.bytes", kFetchMustEnd, kRemove},
    {"fetch.wait.max.ms", kFetchMustEnd, kRemove},
    {"max.partition.fetch.bytes", kFromBudget, kUseBudget},
    {"receive.message.max.bytes", kFromBudget, kUseBudget},
    {"group.protocol",
     "the daemon assigns all its partitions at once, which only the classic protocol allows",
     kRemove},
    {"isolation.level", "records of aborted transactions would be billed", kRemove},
    {"check.crcs", "a damaged record would be billed as it is", kRemove},
    {"topic.blacklist", "it would hide a topic without a word", "remove it from kafka.topics"},
    {"log.queue", "the daemon needs it as it sets it", kRemove},
    {"plugin.library.paths", "it would load foreign code into the daemon", kRemove},
});

Problem Refusal(std::string_view reason, std::string_view fix) {
  return {.what = fmt::format("may not be set: {}", reason), .fix = std::string(fix)};
}

}  // namespace

std::optional<Problem> RefuseKafkaProperty(std::string_view name, std::string_view value) {
  for (const Owned& owned : kOwned) {
    if (owned.name == name) return Refusal(owned.reason, owned.fix);
  }
  if (name == "partition.assignment.strategy" &&
      value.find("cooperative") != std::string_view::npos) {
    return Refusal(
        "the daemon assigns all its partitions at once, which cooperative-sticky does not allow",
        "remove the line, or choose range or roundrobin");
  }
  if (name.ends_with("_cb") || name == "opaque" || name == "interceptors" ||
      name == "default_topic_conf") {
    return Refusal("it is a pointer in a program, not a setting", kRemove);
  }
  return std::nullopt;
}

}  // namespace usage_ingest::config
