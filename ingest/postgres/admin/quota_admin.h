#pragma once
// QuotaAdmin: the suspensions that quotas caused, for `quotas list|lift`.
//
// Needs the owner of the tables: the daemon's role may not change a status.
#include <string>
#include <vector>

#include "ingest/postgres/blocking/sync_connection.h"

namespace usage_ingest::postgres::admin {

struct Suspension {
  std::string subscription_id;
  std::string model_id;
  std::string status_before;
  std::string suspended_at;
  std::string requests;  // "101 of 100"
  std::string tokens;
  bool is_liftable = false;    // no one changed its status since
  bool is_over_quota = false;  // its next event suspends it again
};

// Sorted by time. Empty `subscription_id`: all of them.
[[nodiscard]] Result<std::vector<Suspension>> ListSuspensions(blocking::SyncConnection& connection,
                                                              const std::string& subscription_id);
// In a transaction of its own, which writes audit row, history and notification. Returns "lifted",
// or why it was not.
[[nodiscard]] Result<std::string> LiftSuspension(blocking::SyncConnection& connection,
                                                 const std::string& subscription_id);

}  // namespace usage_ingest::postgres::admin
