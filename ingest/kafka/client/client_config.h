#pragma once
// ClientConfig: from KafkaOptions to librdkafka's configuration.
//
// In three layers, later ones win: our defaults, the operator's [kafka.properties], and what
// correctness and the memory bound stand on. (daemon/ refuses an operator's value of the last kind
// with a message; here it could only be overruled.)
//
// Errors        kFatal: librdkafka does not know the property or refuses its value.
// Source        librdkafka 2.0.2, CONFIGURATION.md; values with their reasons in the .cc.
#include "ingest/kafka/client/handles.h"
#include "ingest/kafka/client/kafka_options.h"
#include "schema/error.h"

namespace usage_ingest::kafka::client {

enum class ClientRole : unsigned char {
  kGroupConsumer,
  kRangeReader,  // reads by hand, outside any group
  kProbe,        // asks, reads nothing
};

[[nodiscard]] Result<ClientConfig> MakeClientConfig(const KafkaOptions& options, ClientRole role);

}  // namespace usage_ingest::kafka::client
