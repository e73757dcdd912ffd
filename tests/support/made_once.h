#pragma once
// MadeOnce: what all tests copy or map, such as a data directory fresh from initdb.
#include <filesystem>
#include <functional>
#include <string>

namespace usage_ingest::support {

// The file or directory of that name in the cache of the tests. If there is none, `make` makes it,
// at a path that does not exist yet. Tests may run at once, in threads or processes: each makes its
// own then, and one is kept. Throws what `make` throws, and std::filesystem::filesystem_error.
std::filesystem::path MadeOnce(const std::string& name,
                               const std::function<void(const std::filesystem::path&)>& make);

}  // namespace usage_ingest::support
