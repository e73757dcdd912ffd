#pragma once
// MetadataWriter: the metadata column of a row, one JSON object of a closed list of keys.
//
// Closed, because LiteLLM's events hold e-mail addresses, IP addresses, headers and prompts, and
// none of them may ever get into the database by being passed on.
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "ingest/event/field_reader.h"
#include "ingest/event/json_cursor.h"
#include "ingest/event/json_index.h"

namespace usage_ingest::ingest {

class MetadataWriter {
 public:
  // Unknown names are a bug of the caller: the configuration refuses them.
  explicit MetadataWriter(const std::vector<std::string>& keys);

  struct Source {
    const FieldReader& reader;
    const JsonIndex& index;       // of the record, for request_tags
    JsonIndex& spare;             // for request_tags that are a JSON text
    std::string_view secret;      // a raw key that no value may tell, or ""
    std::string_view request_id;  // when litellm_request_id had to be cut
    std::optional<std::int32_t> ttft_ms;
    Decimal cost;
  };
  // In the arena; "{}" when there is nothing.
  [[nodiscard]] std::string_view Write(const Source& source);

 private:
  enum class Key : unsigned char;

  void WriteKey(Key key, const Source& source);
  void WriteName(Key key);
  void WriteQuoted(const CleanText& value, std::string_view secret);
  void WriteText(Key key, const CleanText& value, std::string_view secret);
  void WriteWhole(Key key, std::optional<std::int64_t> value);
  void WriteTokens(Key key, std::optional<std::int64_t> value);
  void WriteCost(const Decimal& cost);
  void WriteTags(const Source& source);
  void WriteTagsAt(JsonCursor& cursor, const Source& source);

  std::vector<Key> keys_;
  std::string out_;  // kept from event to event for its memory
};

}  // namespace usage_ingest::ingest
