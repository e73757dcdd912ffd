#pragma once
// EventBuilder: the rules from the fields of one element to a row, a skip or a rejection.
//
// The order is that of docs/events.md: skip, fields, time. Parsing is done before, attribution
// after.
//
// Owner         a Decoder.
// Shape         texts of its results are in the arena; details of rejections are literals.
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
  // Calls the sink exactly once.
  void Build(const Element& element, Arena& arena, EventSink& sink);

 private:
  MetadataWriter metadata_;
  json::JsonIndex nested_;  // of a text inside the event that is JSON by itself
};

}  // namespace usage_ingest::event
