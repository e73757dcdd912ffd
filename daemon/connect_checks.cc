#include "daemon/connect_checks.h"

#include <fmt/format.h>

#include <algorithm>
#include <chrono>

#include "daemon/text_table.h"
#include "daemon/wiring_options.h"
#include "ingest/kafka/kafka_probe.h"
#include "ingest/postgres/partition_admin.h"
#include "ingest/postgres/probe.h"

namespace usage_ingest::daemon {
namespace {

using Verdict = ConnectCheck::Verdict;
using Checks = std::vector<ConnectCheck>;

constexpr auto kKafkaPatience = std::chrono::seconds(5);
// Less than this and a new month may come before somebody looks.
constexpr auto kRunwayMin = std::chrono::days(14);

void CheckKafka(const Config& config, Checks& checks) {
  const auto found = ingest::ProbeKafka(KafkaOptionsFor(config), kKafkaPatience);
  if (!found) {
    const bool is_away = found.error().code == ErrorCode::kUnavailable;
    checks.push_back({is_away ? Verdict::kUnavailable : Verdict::kFailed, found.error().context,
                      "check kafka.brokers and [kafka.properties], and that a broker runs there"});
    return;
  }
  checks.push_back({Verdict::kOk, fmt::format("kafka: {} brokers", found->brokers), {}});
  for (const ingest::TopicFinding& topic : found->topics) {
    if (topic.problem.empty()) {
      checks.push_back(
          {Verdict::kOk, fmt::format("topic {}: {} partitions", topic.name, topic.partitions), {}});
    } else {
      // The daemon waits for a topic, so it is away, not wrong.
      checks.push_back({Verdict::kUnavailable,
                        fmt::format("topic {}: {}", topic.name, topic.problem),
                        "create the topic, or correct kafka.topics"});
    }
  }
  if (!found->group_problem.empty()) {
    checks.push_back({Verdict::kFailed,
                      fmt::format("group {}: {}", config.kafka.group_id, found->group_problem),
                      "allow this user to READ the group"});
  }
}

void CheckRunway(const Config& config, Checks& checks) {
  auto connection = ingest::SyncConnection::Open(config.postgres.conninfo, "check-config");
  if (!connection) return;  // the probe has said so
  const auto partitions = ingest::ListPartitions(*connection);
  if (!partitions) return;  // likewise
  const auto now = std::chrono::duration_cast<std::chrono::microseconds>(
      std::chrono::system_clock::now().time_since_epoch());
  const auto runway = ingest::PartitionRunway(*partitions, EventTimeUs{now.count()});
  const bool is_short = runway < kRunwayMin;
  checks.push_back({is_short ? Verdict::kWarning : Verdict::kOk,
                    fmt::format("partitions of usage_logs last for {}",
                                Roughly(static_cast<double>(runway.count()))),
                    is_short ? "usage-ingestd partitions ensure" : ""});
}

void CheckPostgres(const Config& config, Checks& checks) {
  const auto report = ingest::ProbeDatabase(config.postgres.conninfo);
  if (!report) {
    const bool is_away = report.error().code == ErrorCode::kUnavailable;
    checks.push_back({is_away ? Verdict::kUnavailable : Verdict::kFailed,
                      fmt::format("PostgreSQL: {}", report.error().context),
                      "check postgres.conninfo, and that the server runs and lets us in"});
    return;
  }
  const auto& facts = report->facts;
  checks.push_back(
      {Verdict::kOk,
       fmt::format("PostgreSQL {}.{}, schema at step {}, foreign keys by {}",
                   facts.server_version / 10'000, facts.server_version % 10'000,
                   facts.migration_level, facts.may_skip_constraints ? "batch" : "constraints"),
       {}});
  for (const ingest::Finding& finding : report->findings) {
    const bool is_fatal = finding.severity == ingest::Severity::kFatal;
    checks.push_back({is_fatal ? Verdict::kFailed : Verdict::kWarning,
                      fmt::format("{}: {}", finding.where, finding.what), finding.fix});
  }
  CheckRunway(config, checks);
}

}  // namespace

std::vector<ConnectCheck> CheckConnections(const Config& config) {
  Checks checks;
  CheckKafka(config, checks);
  CheckPostgres(config, checks);
  return checks;
}

ExitCode ExitCodeOf(const std::vector<ConnectCheck>& checks) {
  const auto any = [&](Verdict verdict) {
    return std::ranges::find(checks, verdict, &ConnectCheck::verdict) != checks.end();
  };
  if (any(Verdict::kUnavailable)) return ExitCode::kUnavailable;
  return any(Verdict::kFailed) ? ExitCode::kConfig : ExitCode::kOk;
}

}  // namespace usage_ingest::daemon
