#include "ingest/kafka/client/library_version.h"

#include <librdkafka/rdkafka.h>

namespace usage_ingest::kafka::client {

std::string_view LibraryVersion() { return rd_kafka_version_str(); }

}  // namespace usage_ingest::kafka::client
