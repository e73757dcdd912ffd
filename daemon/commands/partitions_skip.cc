// `partitions skip`: gives up records of a Kafka partition that cannot be read.
#include <fmt/format.h>

#include <iostream>

#include "daemon/assembly/component_options.h"
#include "daemon/assembly/database_access.h"
#include "daemon/commands/command_list.h"
#include "daemon/text/json_writer.h"
#include "ingest/kafka/client/kafka_probe.h"

namespace usage_ingest::commands {
namespace {

constexpr auto kKafkaTimeout = std::chrono::seconds(15);

// $1 group, $2 topic, $3 partition, $4 from, $5 to. One statement: the offset moves, the gap is
// counted and the audit row is written together, or nothing is. The lanes' compare-and-set fails
// against a row that was moved, so nothing counts twice.
constexpr auto kSkip = R"sql(
WITH moved AS (
  UPDATE usage_ingest.kafka_offsets
  SET next_offset = $5::int8, gap_records = gap_records + $5::int8 - $4::int8,
      last_timestamp = NULL, last_hash = NULL, last_leader_epoch = NULL, updated_at = now()
  WHERE group_id = $1 AND topic = $2 AND partition = $3::int4 AND next_offset = $4::int8
  RETURNING topic, partition
), audit AS (
  INSERT INTO public.audit_logs (action, resource_type, resource_id, metadata)
  SELECT 'kafka.records_skipped', 'kafka_partition', topic || '/' || partition,
         jsonb_build_object('group_id', $1::text, 'from_offset', $4::int8, 'to_offset', $5::int8,
                            'role', session_user)
  FROM moved)
SELECT count(*) FROM moved)sql";

constexpr auto kNextOffset =
    "SELECT next_offset FROM usage_ingest.kafka_offsets "
    "WHERE group_id = $1 AND topic = $2 AND partition = $3::int4";

text::UserError BadRange(std::string what, std::string fix) {
  return {text::ExitCode::kBadInput, {.what = std::move(what), .fix = std::move(fix)}};
}

class Skip final : public Command {
 public:
  Skip()
      : Command(
            {.name = "skip",
             .summary = "Give up records of a Kafka partition that cannot be read",
             .description =
                 "The partition continues at --to-offset. The records are not billed: they are "
                 "counted in kafka_offsets.gap_records, and audit_logs says who gave them up. "
                 "A running daemon follows within half a minute.",
             .examples = {"usage-ingestd partitions skip --topic litellm.usage.v1 --partition 0 "
                          "--from-offset 1200 --to-offset 1300"}},
            {.kafka = Need::kServer, .postgres = Need::kServer}) {}

  std::vector<Option> Options() override {
    return {Required(TextOption({"--topic", "TOPIC", "the topic"}, topic_)),
            Required(NumberOption({"--partition", "NUMBER", "the partition"}, partition_)),
            Required(NumberOption({"--from-offset", "OFFSET", "the offset where it is stuck"},
                                  from_offset_)),
            Required(NumberOption({"--to-offset", "OFFSET", "where it continues"}, to_offset_)),
            JsonFlag(json_)};
  }

  [[nodiscard]] std::optional<Problem> Check() const override {
    if (from() < to()) return std::nullopt;
    return Problem{.what = "the range is empty",
                   .fix = "--to-offset is the first offset that is read again"};
  }

  int Run(const CommandContext& context) override {
    const config::Config& config = context.config();
    CheckLog(config);
    auto connection = assembly::ConnectOrThrow(config, "partitions skip");
    const std::vector<postgres::blocking::SyncParam> row = {config.kafka.group_id, topic_,
                                                            std::to_string(partition())};
    auto range = row;
    range.emplace_back(std::to_string(from()));
    range.emplace_back(std::to_string(to()));
    const auto moved = assembly::QueryOrThrow(connection, kSkip, range);
    if (moved.number(0, 0) == 0)
      throw NotThere(assembly::QueryOrThrow(connection, kNextOffset, row));
    Print();
    return 0;
  }

 private:
  // Options that are required have a value.
  [[nodiscard]] std::int64_t partition() const { return partition_.value_or(0); }
  [[nodiscard]] std::int64_t from() const { return from_offset_.value_or(0); }
  [[nodiscard]] std::int64_t to() const { return to_offset_.value_or(0); }

  // An offset beyond the end would look like a log that was cut.
  void CheckLog(const config::Config& config) const {
    const auto log = assembly::KafkaValueOrThrow(kafka::client::ProbeWatermarks(
        assembly::KafkaOptionsFor(config),
        {topic_, PartitionId{static_cast<std::int32_t>(partition())}}, kKafkaTimeout));
    if (to() <= log.high.value) return;
    throw BadRange(fmt::format("{}[{}] ends at offset {}", topic_, partition(), log.high.value),
                   "give a --to-offset that is not behind the end");
  }

  [[nodiscard]] text::UserError NotThere(const postgres::blocking::SyncRows& stored) const {
    if (stored.count() == 0) {
      return BadRange(fmt::format("{}[{}] has not been read in this group", topic_, partition()),
                      "see usage-ingestd status for the partitions");
    }
    return BadRange(fmt::format("{}[{}] is at offset {}, not at {}", topic_, partition(),
                                stored.number(0, 0), from()),
                    "only the records that are due can be skipped: --from-offset must be the "
                    "offset where the partition is");
  }

  void Print() const {
    if (!json_) {
      std::cout << fmt::format("{}[{}]: {} records [{}, {}) are given up\n", topic_, partition(),
                               to() - from(), from(), to());
      return;
    }
    text::JsonWriter json;
    json.BeginObject().Key("topic").String(topic_).Key("partition").Int(partition());
    json.Key("from_offset").Int(from()).Key("to_offset").Int(to());
    json.Key("gap_records").Int(to() - from()).EndObject();
    std::cout << json.Take() << '\n';
  }

  std::string topic_;
  std::optional<std::int64_t> partition_;
  std::optional<std::int64_t> from_offset_;
  std::optional<std::int64_t> to_offset_;
  bool json_ = false;
};

}  // namespace

CommandPtr MakePartitionsSkip() { return std::make_unique<Skip>(); }

}  // namespace usage_ingest::commands
