#pragma once
// StatusTable: the partitions of a group as `status` prints them: what is furthest behind first,
// and the totals last.
#include <array>
#include <boost/json/object.hpp>
#include <iosfwd>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "daemon/progress/stored_progress.h"

namespace usage_ingest::progress {

// What the daemon tells of a partition, or of the totals, which have the same fields.
inline constexpr std::array<std::string_view, 5> kLiveTitles = {"lag", "behind", "caught up",
                                                                "events/s", "batches"};
// A cell for each of the titles.
[[nodiscard]] std::vector<std::string> LiveCells(const std::optional<boost::json::object>& live);

// `daemon` is the answer of /status, empty without one; `stored` is what PostgreSQL has, if it
// answers.
void PrintPartitions(std::ostream& out, const boost::json::object& daemon,
                     const std::optional<StoredProgress>& stored);

}  // namespace usage_ingest::progress
