#pragma once
// ReadInnerTexts: gives a SpendLogs row (a row of LiteLLM's own database) the shape of a
// StandardLoggingPayload. It has the same facts under other names, and its metadata is text.
#include "ingest/event/field_reader.h"
#include "ingest/json/json_index.h"

namespace usage_ingest::event {

struct InnerTexts {
  json::JsonIndex& nested;  // to read the metadata with
  const FieldReader& reader;
};

// Moves a SpendLogs row's fields to where a payload has them, and fills in those that are inside a
// metadata text of either shape. A text that is no JSON object is as if absent.
void ReadInnerTexts(const InnerTexts& source);

}  // namespace usage_ingest::event
