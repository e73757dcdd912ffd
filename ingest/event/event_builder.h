#pragma once
// EventBuilder: the rules from the fields of one element to a row, a skip or a rejection.
//
// docs/events.md in code, in its order: skip, fields, time. Parsing came before, attribution comes
// after and elsewhere.
//
// Owner         a Decoder.
// Shape         what it gives out lives in the arena, but for details, which are literals.
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "ingest/event/event_fields.h"
#include "ingest/event/event_sink.h"
#include "ingest/event/metadata_writer.h"
#include "ingest/json/json_index.h"
#include "schema/arena.h"

namespace usage_ingest::event {

class EventBuilder {
 public:
  explicit EventBuilder(const std::vector<std::string>& metadata_keys) : metadata_(metadata_keys) {}

  struct Element {
    const RecordOrigin& origin;
    std::uint32_t index;     // as the sink gets it
    std::string_view bytes;  // of its JSON object
    EventFields& fields;
  };
  // Tells the sink exactly one thing.
  void Build(const Element& element, Arena& arena, EventSink& sink);

 private:
  MetadataWriter metadata_;
  json::JsonIndex nested_;  // of a text inside the event that is JSON by itself
};

}  // namespace usage_ingest::event
