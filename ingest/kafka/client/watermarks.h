#pragma once
// Watermarks: the two ends of a partition's log.
#include "schema/kafka_position.h"

namespace usage_ingest::kafka::client {

// The log holds [low, high).
struct Watermarks {
  Offset low;
  Offset high;
};

}  // namespace usage_ingest::kafka::client
