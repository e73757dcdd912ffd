#pragma once
// What a dead letter keeps of an event: enough to retry it, no prompt, no answer and no key.
#include <string>
#include <string_view>

namespace usage_ingest::event {

// `json` without the members messages, response, model_map_information and proxy_server_request
// (the body of the request, in a SpendLogs row) of its outermost objects, whether alone, in an
// array or in lines; and without raw keys. Idempotent. Empty when the text has more raw keys than
// are searched for; no event has.
[[nodiscard]] std::string PayloadOfElement(std::string_view json);

// Bytes that do not parse: unchanged except for raw keys, cut at kDeadLetterPayloadBytesMax.
[[nodiscard]] std::string PayloadOfBrokenBytes(std::string_view bytes);

// A record of more bytes or elements than are read: stripped, which can make it small enough for a
// retry, and cut at kDeadLetterPayloadBytesMax.
[[nodiscard]] std::string PayloadOfLargeRecord(std::string_view record);

}  // namespace usage_ingest::event
