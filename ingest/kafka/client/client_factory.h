#pragma once
// ClientFactory: a librdkafka consumer whose events, log lines included, come by poll.
#include "ingest/kafka/client/client_config.h"
#include "ingest/kafka/client/client_events.h"
#include "ingest/kafka/client/handles.h"
#include "schema/error.h"

namespace usage_ingest::kafka::client {

// `events` must outlive the client. Errors: kFatal, a property is unknown or wrong.
[[nodiscard]] Result<ClientHandle> MakeClient(const KafkaOptions& options, ClientRole role,
                                              ClientEvents& events);

}  // namespace usage_ingest::kafka::client
