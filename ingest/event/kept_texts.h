#pragma once
// KeepTexts: copies the texts of an event from its record into the arena, because the record is
// released.
//
// A batch holds as many rows as its memory allows, so what many of its events share is kept once:
// the model, and the owner's three texts as one.
#include "schema/arena.h"
#include "schema/usage_event.h"

namespace usage_ingest::event {

// All but metadata_json, which is in the arena already.
void KeepTexts(UsageEvent& event, Arena& arena);

}  // namespace usage_ingest::event
