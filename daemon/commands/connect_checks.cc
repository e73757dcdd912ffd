#include "daemon/commands/connect_checks.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <chrono>
#include <ostream>
#include <string>
#include <string_view>
#include <utility>

#include "daemon/assembly/component_options.h"
#include "daemon/assembly/database_access.h"
#include "daemon/assembly/topic_advice.h"
#include "daemon/text/text_table.h"
#include "ingest/kafka/client/kafka_probe.h"
#include "ingest/pipeline/runtime.h"
#include "ingest/pipeline/telemetry.h"
#include "ingest/postgres/admin/index_admin.h"
#include "ingest/postgres/admin/partition_admin.h"
#include "ingest/postgres/batch/copy_path.h"
#include "ingest/postgres/probe/probe.h"

namespace usage_ingest::commands {
namespace {

using Status = ConnectCheck::Status;
using Checks = std::vector<ConnectCheck>;

constexpr auto kKafkaTimeout = std::chrono::seconds(5);
// With less than this, the time without a partition may begin before an operator reads the warning.
constexpr auto kRunwayMin = std::chrono::days(14);

// `prefetch_bytes`: librdkafka's share of memory.budget.
void CheckTopic(const kafka::client::TopicFinding& topic, std::size_t prefetch_bytes,
                Checks& checks) {
  if (!topic.problem.empty()) {
    // The daemon waits for a topic: it is unavailable, not wrong.
    checks.push_back({Status::kUnavailable,
                      {.what = fmt::format("topic {}: {}", topic.name, topic.problem),
                       .fix = "create the topic, or correct kafka.topics"}});
    return;
  }
  if (!topic.read_problem.empty()) {
    checks.push_back({Status::kFailed,
                      {.what = fmt::format("topic {}: {}", topic.name, topic.read_problem),
                       .fix = "allow this user to READ and DESCRIBE the topic"}});
  } else {
    checks.push_back(
        {Status::kOk,
         {.what = fmt::format("topic {}: {} partitions", topic.name, topic.partitions)}});
  }
  if (!topic.settings_problem.empty()) {
    checks.push_back(
        {Status::kWarning,
         {.what = fmt::format("topic {}: its settings are not known: {}", topic.name,
                              topic.settings_problem),
          .fix = "allow this user to DESCRIBE_CONFIGS the topic, for this check only"}});
    return;
  }
  for (Problem& problem : assembly::TopicAdvice(topic, prefetch_bytes)) {
    checks.push_back({Status::kWarning, std::move(problem)});
  }
}

void CheckKafka(const config::Config& config, Checks& checks) {
  const auto options = assembly::KafkaOptionsFor(config);
  const auto found = kafka::client::ProbeKafka(options, kKafkaTimeout);
  if (!found) {
    const bool is_away = found.error().code == ErrorCode::kUnavailable;
    checks.push_back(
        {is_away ? Status::kUnavailable : Status::kFailed,
         {.what = found.error().context,
          .fix = is_away
                     ? "check kafka.brokers and [kafka.properties], and that a broker runs there"
                     : "correct the credentials, certificates or protocol in [kafka.properties]"}});
    return;
  }
  checks.push_back({Status::kOk,
                    {.what = fmt::format("kafka: {} broker{}", found->brokers,
                                         found->brokers == 1 ? "" : "s")}});
  for (const kafka::client::TopicFinding& topic : found->topics) {
    CheckTopic(topic, options.prefetch_bytes, checks);
  }
  if (!found->group_problem.empty()) {
    checks.push_back(
        {found->is_group_refused ? Status::kFailed : Status::kUnavailable,
         {.what = fmt::format("group {}: {}", config.kafka.group_id, found->group_problem),
          .fix = found->is_group_refused ? "allow this user to READ the group"
                                         : "try again: the brokers have no coordinator for the "
                                           "group yet, or it does not answer"}});
  }
}

// What `migrate` stored takes effect, for all daemons. A changed configuration alone does nothing.
ConnectCheck NeedsMigrate(std::string what) {
  return {Status::kWarning,
          {.what = std::move(what), .fix = "run usage-ingestd migrate as the owner of usage_logs"}};
}

void CheckStoredPlan(const postgres::batch::PartitionPlan& plan,
                     postgres::blocking::SyncConnection& connection, Checks& checks) {
  const auto indexes = postgres::admin::ReadIndexTime(connection);
  if (indexes && *indexes != plan.indexes) {
    checks.push_back(NeedsMigrate(fmt::format(
        "indexes of usage_logs are {}; partitions.indexes = \"{}\" asks for another time",
        NameOf(*indexes), NameOf(plan.indexes))));
  }
  const auto unit = postgres::admin::ReadPartitionUnit(connection);
  if (unit && *unit != plan.by) {
    checks.push_back(NeedsMigrate(fmt::format(
        "new partitions of usage_logs cover a {}; partitions.by = \"{}\" asks for another",
        NameOf(*unit), NameOf(plan.by))));
  }
}

void CheckPartitions(const config::Config& config, Checks& checks) {
  auto connection =
      postgres::blocking::SyncConnection::Open(config.postgres.conninfo, "check-config");
  if (!connection) return;  // CheckPostgres has reported it
  const auto partitions = postgres::admin::ListPartitions(*connection);
  if (!partitions) return;  // CheckPostgres has reported it
  const auto runway =
      postgres::admin::PartitionRunway(*partitions, pipeline::SystemClock().WallNow());
  const bool is_short = runway < kRunwayMin;
  checks.push_back({is_short ? Status::kWarning : Status::kOk,
                    {.what = fmt::format("partitions of usage_logs last for {}",
                                         text::Roughly(static_cast<double>(runway.count()))),
                     .fix = is_short ? "usage-ingestd partitions ensure" : ""}});
  CheckStoredPlan(config.partitions, *connection, checks);
}

// The triggers of the database suspend, so a changed configuration needs a migrate.
void CheckQuotas(const config::Config& config, const postgres::probe::QuotaState& state,
                 Checks& checks) {
  if (!state.chosen) return;  // not migrated: CheckPostgres has reported it
  const auto wanted =
      postgres::probe::ChooseQuotaEnforcement(config.quotas.enforce, state.found).enforcement;
  const auto is_set = wanted == *state.chosen;
  checks.push_back(
      {is_set ? Status::kOk : Status::kWarning,
       {.what = fmt::format("quotas: mode \"{}\" is in effect, because {}{}",
                            NameOf(state.in_effect), state.reason,
                            is_set ? ""
                                   : fmt::format("; quotas.enforce = \"{}\" asks for \"{}\"",
                                                 NameOf(config.quotas.enforce), NameOf(wanted))),
        .fix = is_set ? "" : "run `usage-ingestd migrate` as the owner of the tables"}});
}

// As each session of `run` decides.
void CheckForeignKeys(const config::Config& config, const postgres::batch::CopyPath& path,
                      Checks& checks) {
  const auto skips = postgres::batch::SkipsConstraints(path, config.postgres.foreign_keys);
  if (skips) {
    const auto chosen = *skips ? pipeline::CopyPath::kBatch : pipeline::CopyPath::kConstraints;
    checks.push_back(
        {Status::kOk,
         {.what = fmt::format("foreign keys by {}",
                              pipeline::kCopyPathNames[static_cast<std::size_t>(chosen)])}});
  } else if (skips.error().code == ErrorCode::kFatal) {
    checks.push_back({Status::kFailed, {.what = skips.error().context}});
  }  // else a trigger would count twice, which is a finding of the probe
}

void CheckPostgres(const config::Config& config, Checks& checks) {
  const auto report =
      postgres::probe::ProbeDatabase(config.postgres.conninfo, config.postgres.writers);
  if (!report) {
    const text::UserError error = assembly::ToUserError(report.error(), "PostgreSQL");
    const bool is_away = error.code() == text::ExitCode::kUnavailable;
    checks.push_back({is_away ? Status::kUnavailable : Status::kFailed,
                      {.what = fmt::format("PostgreSQL: {}", error.problem().what),
                       .fix = error.problem().fix}});
    return;
  }
  const auto& facts = report->facts;
  checks.push_back(
      {Status::kOk,
       {.what = fmt::format("PostgreSQL {}.{}, schema at step {}{}", facts.server_version / 10'000,
                            facts.server_version % 10'000, facts.migration_level,
                            facts.is_distributed ? ", usage_logs in Citus" : "")}});
  if (facts.copy_path) CheckForeignKeys(config, *facts.copy_path, checks);
  for (const postgres::probe::Finding& finding : report->findings) {
    const bool is_fatal = finding.severity == postgres::probe::Severity::kFatal;
    checks.push_back({is_fatal ? Status::kFailed : Status::kWarning, finding});
  }
  CheckQuotas(config, facts.quotas, checks);
  CheckPartitions(config, checks);
}

}  // namespace

std::vector<ConnectCheck> CheckConnections(const config::Config& config) {
  Checks checks;
  CheckKafka(config, checks);
  CheckPostgres(config, checks);
  return checks;
}

void PrintChecks(const std::vector<ConnectCheck>& checks, std::ostream& out) {
  for (const ConnectCheck& check : checks) {
    constexpr std::array<std::string_view, 4> kMarks = {"ok  ", "warn", "FAIL", "DOWN"};
    out << kMarks[static_cast<std::size_t>(check.status)] << "  ";
    if (!check.finding.where.empty()) out << check.finding.where << ": ";
    out << check.finding.what << '\n';
    if (!check.finding.fix.empty()) out << "      fix: " << check.finding.fix << '\n';
  }
}

text::ExitCode ExitCodeOf(const std::vector<ConnectCheck>& checks) {
  const auto any = [&](Status status) {
    return std::ranges::find(checks, status, &ConnectCheck::status) != checks.end();
  };
  if (any(Status::kUnavailable)) return text::ExitCode::kUnavailable;
  return any(Status::kFailed) ? text::ExitCode::kConfig : text::ExitCode::kOk;
}

}  // namespace usage_ingest::commands
