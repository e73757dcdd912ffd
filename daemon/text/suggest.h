#pragma once
// Suggest: the known name that a mistyped one was probably meant to be.
#include <optional>
#include <span>
#include <string>
#include <string_view>

namespace usage_ingest::text {

// The nearest candidate by edit distance (insert, delete, replace, swap of neighbours), when it is
// near enough: at most a third of its length, or two edits. Case does not count.
[[nodiscard]] std::optional<std::string> Suggest(std::string_view name,
                                                 std::span<const std::string> candidates);

}  // namespace usage_ingest::text
