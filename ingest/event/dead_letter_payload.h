#pragma once
// What a dead letter keeps of an event: enough to retry it, and nothing that must not be kept.
#include <string>
#include <string_view>

namespace usage_ingest::event {

// `json` without the members messages, response, model_map_information and proxy_server_request
// (the request's body, in a SpendLogs row) of its outermost objects, be they alone, in an array or
// in lines; and without raw keys. Doing it twice is the same as doing it once. Empty when it holds
// more raw keys than can be looked for: no event does.
[[nodiscard]] std::string PayloadOfElement(std::string_view json);

// Bytes that do not parse: as they came but for raw keys, cut at kDeadLetterPayloadBytesMax.
[[nodiscard]] std::string PayloadOfBrokenBytes(std::string_view bytes);

// A record of more bytes or elements than are read: stripped, which can make it small enough for a
// retry, and cut at kDeadLetterPayloadBytesMax.
[[nodiscard]] std::string PayloadOfLargeRecord(std::string_view record);

}  // namespace usage_ingest::event
