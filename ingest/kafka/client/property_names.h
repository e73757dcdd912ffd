#pragma once
// PropertyNames: every property that librdkafka knows, to suggest the right one for a misspelt one.
//
// Source        rdkafka.h, rd_kafka_conf_properties_show: the table of CONFIGURATION.md.
#include <string>
#include <vector>

namespace usage_ingest::kafka::client {

[[nodiscard]] std::vector<std::string> PropertyNames();

}  // namespace usage_ingest::kafka::client
