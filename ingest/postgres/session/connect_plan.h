#pragma once
// ConnectPlan: the servers of a conninfo, to be tried one after the other, and the time for each.
//
// PQconnectPoll goes on to the next host when one refuses, but it knows no time-out:
// "connect_timeout is ignored" (34.1). A first host that does not answer would take the time of all
// others. So AsyncConnection tries each host by itself. What a conninfo, a service file and the
// environment say has been combined by libpq before.
//
// Source        PostgreSQL 15 manual, 34.1.1.3 "Specifying Multiple Hosts", 34.2 PQconninfo.
#include <chrono>
#include <string>
#include <vector>

#include "ingest/postgres/session/pg_handles.h"

namespace usage_ingest::postgres::session {

struct Server {
  std::string host;
  std::string address;  // hostaddr: an address that needs no look-up
  std::string port;
};

struct ConnectPlan {
  std::vector<Server> servers;  // at least one
  std::chrono::seconds timeout;
};

// Of a connection that was started. Without connect_timeout: limits::kConnectTimeout.
[[nodiscard]] ConnectPlan PlanOf(PGconn* started);

}  // namespace usage_ingest::postgres::session
