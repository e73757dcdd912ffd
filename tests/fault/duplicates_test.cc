// Four ways lead into usage_logs: COPY or the table on the side, with the batch's locks or with the
// constraints. Whichever is taken, the tables are the same in the end.
#include <gtest/gtest.h>

#include <algorithm>

#include "tests/fault/fault_fixture.h"
#include "tests/support/compare.h"

namespace usage_ingest::support {
namespace {

using namespace std::chrono_literals;

class DuplicatesTest : public FaultTest {
 protected:
  DuplicatesTest() : FaultTest({}, {.events = 5'000}) {}

  void IngestAll(const std::string& foreign_keys) {
    DaemonOptions options = SmallBatches();
    options.settings["postgres"]["foreign_keys"] = "\"" + foreign_keys + "\"";
    daemon_ = std::make_unique<DaemonProcess>(options);
    daemon_->StartAndWait();
    totals_->ExpectMatch(database_, kafka_.admin(),
                         {.records = producer_->delivered(), .rows_from_elsewhere = kept_});
    EXPECT_NE(daemon_->log().find("copy path: " + foreign_keys), std::string::npos);
    duplicates_ = database_.Number("SELECT sum(duplicates) FROM usage_ingest.kafka_offsets");
    EXPECT_EQ(daemon_->Terminate(), 0) << daemon_->log();
  }
  // Forgets the rows that `condition` names and everything that was ever read; the rest of the
  // tables is then as if only those that stay had come.
  void StartOver(const std::string& condition) {
    database_.Execute("DELETE FROM usage_logs WHERE " + condition);
    kept_ = RowCount();
    database_.Execute("DELETE FROM usage_ingest.kafka_offsets");
    DaemonOptions as_owner = DaemonDefaults();
    as_owner.conninfo = postgres_.conninfo(kDatabase, kOwnerRole);
    database_.Execute("TRUNCATE usage_summaries, usage_ingest.usage_daily");
    const CommandResult rebuilt = DaemonProcess(as_owner).Run({"summaries", "rebuild"});
    ASSERT_EQ(rebuilt.exit_code, 0) << rebuilt.errors;
    database_.Execute(
        "UPDATE subscriptions s SET used_requests = n.requests, used_tokens = n.tokens FROM "
        "(SELECT s.id, count(l.id) AS requests, coalesce(sum(l.total_tokens), 0) AS tokens "
        "FROM subscriptions s LEFT JOIN usage_logs l ON l.subscription_id = s.id GROUP BY 1) n "
        "WHERE n.id = s.id");
  }
  [[nodiscard]] std::vector<std::string> Tables() {
    std::vector<std::string> lines = database_.Lines("SELECT * FROM usage_logs");
    for (const char* sql :
         {"SELECT subscription_id, model_id, period_type, period_start, request_count, "
          "total_tokens, error_count, avg_latency_ms, latency_ms_sum, latency_count, "
          "request_tokens, response_tokens, total_cost FROM usage_summaries",
          "SELECT id, status, used_requests, used_tokens FROM subscriptions",
          "SELECT topic, partition, record_offset, event_index, reason, event_id "
          "FROM usage_ingest.dead_letters"}) {
      const std::vector<std::string> more = database_.Lines(sql);
      lines.insert(lines.end(), more.begin(), more.end());
    }
    std::ranges::sort(lines);
    return lines;
  }

  std::int64_t kept_ = 0;
  std::int64_t duplicates_ = 0;  // of the last ingestion
};

TEST_F(DuplicatesTest, EveryWayIntoUsageLogsGivesTheSameTables) {
  load_.PublishAll(*producer_);
  IngestAll("batch");
  const std::vector<std::string> expected = Tables();
  const std::int64_t rows = RowCount();
  const std::int64_t repeated = duplicates_;
  constexpr char kHalf[] = "get_byte(uuid_send(id), 15) % 2 = 0";

  StartOver(kHalf);
  ASSERT_GT(kept_, rows / 3);
  IngestAll("batch");
  EXPECT_EQ(duplicates_, repeated + kept_);
  ExpectSameLines("tables by the table on the side", expected, Tables());

  StartOver("true");
  IngestAll("constraints");
  EXPECT_EQ(duplicates_, repeated);
  ExpectSameLines("tables with the constraints", expected, Tables());

  StartOver(kHalf);
  IngestAll("constraints");
  EXPECT_EQ(duplicates_, repeated + kept_);
  ExpectSameLines("tables by the table on the side with the constraints", expected, Tables());
}

}  // namespace
}  // namespace usage_ingest::support
