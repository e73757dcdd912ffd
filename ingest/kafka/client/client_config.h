#pragma once
// ClientConfig: from KafkaOptions to librdkafka's configuration, and to a client.
//
// Three layers, the later one wins: our defaults, the operator's [kafka.properties], and what
// correctness and the memory bound depend on. (The configuration refuses an operator's value of the
// last kind with a message; here it would be overwritten silently.)
//
// Errors        kFatal: librdkafka does not know the property or refuses its value.
// Source        CONFIGURATION.md of librdkafka; values with their reasons in the .cc.
#include "ingest/kafka/client/client_events.h"
#include "ingest/kafka/client/handles.h"
#include "ingest/kafka/client/kafka_options.h"
#include "schema/error.h"

namespace usage_ingest::kafka::client {

enum class ClientRole : unsigned char {
  kGroupConsumer,
  kRangeReader,  // assigns by itself, outside any group
  kProbe,        // asks for metadata and offsets, reads no record
};

[[nodiscard]] Result<ClientConfig> MakeClientConfig(const KafkaOptions& options, ClientRole role);

// A librdkafka consumer whose events, log lines included, come by poll. `events` must outlive it.
[[nodiscard]] Result<ClientHandle> MakeClient(const KafkaOptions& options, ClientRole role,
                                              ClientEvents& events);

}  // namespace usage_ingest::kafka::client
