#pragma once
// DeadLetterGroups: dead letters counted by what they have in common, for `dead-letters list`.
//
// Hundreds of dead letters usually have one cause: a key that is missing, a model without a
// subscription. Each value of a group is a value of --reason, --key or --model of the same command.
#include <iosfwd>
#include <optional>
#include <string>
#include <vector>

#include "daemon/commands/dead_letter_query.h"

namespace usage_ingest::commands {

struct DeadLetterGroup {
  std::vector<std::optional<std::string>>
      values;  // in the order of the names; nullopt: it has none
  std::int64_t letters = 0;
  std::string first_seen_at;
  std::string last_seen_at;
};

// What a group may be formed by: "reason", "key", "model".
[[nodiscard]] const std::vector<std::string>& GroupNames();
// "reason,key" as its names; empty when one of them is none.
[[nodiscard]] std::vector<std::string> ParseGroupNames(const std::string& text);

// The largest first; pending ones, as ListDeadLetters. REQUIRES: names of GroupNames().
[[nodiscard]] std::vector<DeadLetterGroup> GroupDeadLetters(
    postgres::blocking::SyncConnection& connection, const DeadLetterFilter& filter,
    const std::vector<std::string>& names);

void PrintGroups(std::ostream& out, const std::vector<std::string>& names,
                 const std::vector<DeadLetterGroup>& groups);
[[nodiscard]] std::string GroupsJson(const std::vector<std::string>& names,
                                     const std::vector<DeadLetterGroup>& groups);

}  // namespace usage_ingest::commands
