#pragma once
// StatusTable: the partitions of a group as `status` prints them: what is furthest behind first,
// and the totals last.
#include <boost/json/object.hpp>
#include <iosfwd>
#include <optional>
#include <string>
#include <string_view>

#include "daemon/commands/offsets_query.h"

namespace usage_ingest::commands {

// Fields of /status. A missing one is 0 or empty: the daemon may be of another version.
[[nodiscard]] double NumberOf(const boost::json::object& object, std::string_view key);
[[nodiscard]] std::string TextOf(const boost::json::object& object, std::string_view key);

// `daemon` is the answer of /status, empty without one; `stored` is what PostgreSQL has, if it
// answers.
void PrintPartitions(std::ostream& out, const boost::json::object& daemon,
                     const std::optional<StoredProgress>& stored);

}  // namespace usage_ingest::commands
