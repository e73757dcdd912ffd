#pragma once
// PropertyNames: every property that librdkafka knows, to suggest the right one for a misspelt one.
//
// Source        rdkafka.h, rd_kafka_conf_properties_show: the table of CONFIGURATION.md.
#include <string>
#include <string_view>
#include <vector>

namespace usage_ingest::kafka::client {

[[nodiscard]] std::vector<std::string> PropertyNames();

// Of the librdkafka that this process runs with: where it is a shared library, that is not always
// the one it was built with.
[[nodiscard]] std::string_view LibraryVersion();

}  // namespace usage_ingest::kafka::client
