#include "ingest/event/kept_texts.h"

#include <algorithm>
#include <array>

namespace usage_ingest::event {
namespace {

// One text for the arena, which finds it with one look instead of three.
void KeepOwner(UsageEvent& event, Arena& arena) {
  const std::array texts = {&event.key_hash, &event.user_id, &event.team_id};
  std::size_t bytes = 0;
  for (const std::string_view* text : texts) bytes += text->size();
  char* const copy = arena.Allocate(bytes);
  char* end = copy;
  for (const std::string_view* text : texts) end = std::copy(text->begin(), text->end(), end);
  const char* at = arena.Share({copy, bytes}).data();
  for (std::string_view* text : texts) {
    *text = {at, text->size()};
    at += text->size();
  }
}

}  // namespace

void KeepTexts(UsageEvent& event, Arena& arena) {
  event.error_message = arena.Copy(event.error_message);
  event.litellm_request_id = arena.Copy(event.litellm_request_id);
  event.model_id = arena.Share(arena.Copy(event.model_id));
  KeepOwner(event, arena);
}

}  // namespace usage_ingest::event
