#pragma once
// Totals: how every end-to-end test ends. What was produced is accounted for, exactly.
//
// INV-1 per partition and in sum, INV-2 for hours, days and months, INV-3 per subscription, INV-4
// by the number of rows, INV-7 against Kafka, INV-10 for each day: by SQL, not by what the daemon
// says of itself.
//
// Owner         the test. Make it before the daemon runs: it remembers the counters.
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <utility>

#include "tests/support/kafka/kafka_admin.h"
#include "tests/support/postgres/database.h"
#include "tests/support/wait.h"

namespace usage_ingest::support {

using RecordCounts = std::map<std::pair<std::string, std::int32_t>, std::int64_t>;

struct ExpectedTotals {
  RecordCounts records;                            // Producer::delivered()
  std::optional<std::int64_t> events = {};         // of all partitions; nothing: one a record
  std::optional<std::int64_t> inserted = {};       // checked when given
  std::optional<std::int64_t> duplicates = {};     // checked when given
  std::optional<std::int64_t> dead_lettered = {};  // checked when given
  std::optional<std::int64_t> skipped = {};        // checked when given
  std::int64_t rows_from_elsewhere = 0;            // inserted by replays and healed dead letters
  std::int64_t gap_records = 0;                    // lost in Kafka before they were read
  std::string group = "usage-ingestd";
};

class Totals {
 public:
  explicit Totals(Database& database);

  // True when the offsets rows stand at the ends of the partitions that `records` names.
  [[nodiscard]] static bool CaughtUp(Database& database, const ExpectedTotals& expected,
                                     KafkaAdmin& kafka);
  // Waits for that, then checks everything.
  void ExpectMatch(Database& database, KafkaAdmin& kafka, const ExpectedTotals& expected,
                   std::chrono::seconds timeout = std::chrono::seconds(120));

  // The checks one by one, for tests in which some do not apply.
  static void ExpectOffsetsAccountFor(Database& database, const ExpectedTotals& expected);
  static void ExpectRows(Database& database, const ExpectedTotals& expected);
  static void ExpectSummariesExact(Database& database);
  // Of what is left of the rows: the history knows more.
  static void ExpectHistoryExact(Database& database);
  void ExpectCountersExact(Database& database) const;
  static void ExpectKafkaFollows(Database& database, KafkaAdmin& kafka,
                                 const ExpectedTotals& expected);

 private:
  std::vector<std::string> counters_beside_rows_;  // used_* less the rows, by subscription
};

}  // namespace usage_ingest::support
