#pragma once
// Oracle: computes with the seed's own row trigger what the tables should hold (INV-8).
//
// A second database holds LiteMaaS' schema word for word (tests/data/seed). Its trigger is fed row
// by row with the rows that the daemon stored, and must come to the same hour summaries and the
// same subscriptions. avg_latency_ms is not compared: the seed truncates it at every row, and one
// unknown latency makes it NULL for good (docs/database.md, "Defects of the seed"). Totals checks
// it exactly.
//
// Limit         about 5,000 rows a second: the trigger is why the daemon exists.
#include <string>

#include "tests/support/postgres/postgres_cluster.h"

namespace usage_ingest::support {

class Oracle {
 public:
  // Makes database `name` in the cluster and takes the users, models, teams, subscriptions (with
  // their counters) and keys of `checked` as they are now: before the daemon writes.
  Oracle(PostgresCluster& postgres, Database& checked, const std::string& name = "oracle");

  // Feeds the rows of usage_logs and compares. REQUIRES: called once.
  void ExpectAgrees(Database& checked);

 private:
  void CopyTable(Database& from, const std::string& table);
  void FeedRows(Database& from);
  [[nodiscard]] std::string Columns(const std::string& table);

  Database database_;
};

}  // namespace usage_ingest::support
