#include "ingest/event/element_identity.h"

#include <string>

#include "ingest/event/dead_letter_payload.h"
#include "ingest/event/sha256.h"
#include "schema/check.h"

namespace usage_ingest::event {

std::string_view FallbackIdentity(const ElementPlace& place, Arena& arena) {
  if (place.origin.is_import) {
    return arena.Copy(Hex(Sha256(PayloadOfElement(place.bytes))));
  }
  USAGE_INGEST_CHECK(place.origin.source != nullptr);
  const TopicPartition& source = *place.origin.source;
  return arena.Copy(source.topic + '/' + std::to_string(source.partition.value) + '/' +
                    std::to_string(place.origin.offset.value) + '/' + std::to_string(place.number));
}

}  // namespace usage_ingest::event
