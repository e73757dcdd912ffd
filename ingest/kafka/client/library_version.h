#pragma once
// LibraryVersion: the version of librdkafka that this process runs with.
//
// Where it is a shared library, that is not always the one it was built with.
#include <string_view>

namespace usage_ingest::kafka::client {

[[nodiscard]] std::string_view LibraryVersion();

}  // namespace usage_ingest::kafka::client
