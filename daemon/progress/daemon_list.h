#pragma once
// DaemonList: several daemons, a line for each, and their sum: for `status` with several addresses.
//
// It asks the daemons only: each group of users may have a database of its own.
//
// Limit         the sum of what is unknown is unknown. Dead letters have no sum: daemons with one
//               database tell the same number.
#include <iosfwd>
#include <span>
#include <string>
#include <vector>

#include "daemon/progress/daemon_answer.h"

namespace usage_ingest::progress {

struct ListedDaemon {
  std::string url;  // as the person wrote it
  DaemonAnswer answer;
};

// Of all daemons together, with the keys of `totals` of /status.
[[nodiscard]] boost::json::object SumOf(std::span<const ListedDaemon> daemons);

// In the order given. What a person must know of one follows below the table.
void PrintDaemons(std::ostream& out, std::span<const ListedDaemon> daemons);
// {"daemons":[{"url":...,"daemon":{...}},...]}
[[nodiscard]] std::string DaemonsJson(std::span<const ListedDaemon> daemons);

}  // namespace usage_ingest::progress
