#pragma once
// MetadataWriter: the metadata column of a row, one JSON object of a closed list of keys.
//
// Closed, because LiteLLM's events hold e-mail addresses, IP addresses, headers and prompts, and
// none of them may ever get into the database by being passed on.
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "ingest/event/field_reader.h"
#include "ingest/json/json_buffer.h"
#include "ingest/json/json_index.h"
#include "ingest/json/json_walker.h"

namespace usage_ingest::event {

class MetadataWriter {
 public:
  // The closed list of docs/events.md, in its order.
  [[nodiscard]] static const std::vector<std::string>& AllKeys();

  // Unknown names are a bug of the caller: the configuration refuses them.
  explicit MetadataWriter(const std::vector<std::string>& keys);

  struct Source {
    const FieldReader& reader;
    json::JsonIndex& spare;       // for request_tags
    std::string_view secret;      // a raw key that no value may contain, or ""
    std::string_view request_id;  // when litellm_request_id had to be cut
    std::int64_t ttft_ms = json::kNoNumber;
    Decimal cost;
  };
  // In the arena; "{}" when there is nothing.
  [[nodiscard]] std::string_view Write(const Source& source);

 private:
  enum class Key : unsigned char;
  struct Member {
    Key key;
    Field text;  // whose text it is; kNone: see WriteOther
    json::JsonBuffer::Name name;
  };

  // Each ends what it writes with a comma.
  void WriteOther(const Member& member, const Source& source);
  void WriteText(const json::JsonBuffer::Name& name, const CleanText& value,
                 std::string_view secret);
  void WriteQuoted(const CleanText& value, std::string_view secret);
  void WriteFlag(const json::JsonBuffer::Name& name, bool value);
  void WriteCount(const json::JsonBuffer::Name& name, std::int64_t value);
  void WriteCost(const json::JsonBuffer::Name& name, const Decimal& cost);
  void WriteTags(const json::JsonBuffer::Name& name, const Source& source);
  void WriteElements(std::string_view array, const Source& source);

  std::vector<Member> members_;
  json::JsonBuffer out_;
};

}  // namespace usage_ingest::event
