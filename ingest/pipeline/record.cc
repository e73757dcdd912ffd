#include "ingest/pipeline/record.h"

#include <xxhash.h>

namespace usage_ingest::pipeline {

RecordFingerprint FingerprintOf(const Record& record) {
  const XXH64_hash_t hash = XXH3_64bits(record.value.data(), record.value.size());
  return {.timestamp_ms = record.timestamp_ms,
          .value_hash = static_cast<std::int64_t>(hash),
          .leader_epoch = record.leader_epoch};
}

}  // namespace usage_ingest::pipeline
