#pragma once
// MetadataWriter: the metadata column of a row, one JSON object of a closed list of keys.
//
// To add a key, add a line to the table in metadata_writer.cc. The list is closed, because
// LiteLLM's events hold e-mail addresses, IP addresses, headers and prompts, and none of them may
// ever get into the database by being passed on.
#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "ingest/event/field_reader.h"
#include "ingest/event/token_details.h"
#include "ingest/json/json_buffer.h"
#include "ingest/json/json_index.h"

namespace usage_ingest::event {

class MetadataWriter {
 public:
  // Every key there is, in the order of the table in metadata_writer.cc.
  [[nodiscard]] static const std::vector<std::string>& AllKeys();

  // Unknown names are a bug of the caller: the configuration refuses them.
  explicit MetadataWriter(const std::vector<std::string>& keys);

  struct Source {
    const FieldReader& reader;
    json::JsonIndex& spare;       // for request_tags
    std::string_view secret;      // a raw key that no value may contain, or ""
    std::string_view request_id;  // when litellm_request_id had to be cut
    std::int64_t ttft_ms = json::kNoNumber;
    TokenDetails tokens = {};
    Decimal cost;
  };
  // In the arena; "{}" when there is nothing.
  [[nodiscard]] std::string_view Write(const Source& source);

 private:
  // A line of the table: name, fields and writer of a key.
  struct Key;
  [[nodiscard]] static std::span<const Key> Keys();

  struct Member {
    const Key* key;
    json::JsonBuffer::Name name;
  };
  // Each writes the member with a comma after it, or nothing.
  void WriteText(const Member& member, const Source& source);
  void WriteFlag(const Member& member, const Source& source);
  void WriteCachedTokens(const Member& member, const Source& source);
  void WriteReasoningTokens(const Member& member, const Source& source);
  void WriteTtft(const Member& member, const Source& source);
  void WriteTags(const Member& member, const Source& source);
  void WriteCost(const Member& member, const Source& source);
  void WriteRequestId(const Member& member, const Source& source);

  void AppendText(const Member& member, const CleanText& value, std::string_view secret);
  void AppendQuoted(const CleanText& value, std::string_view secret);
  void AppendCount(const Member& member, std::int64_t value);
  void AppendElements(std::string_view array, const Source& source);

  std::vector<Member> members_;
  json::JsonBuffer out_;
};

}  // namespace usage_ingest::event
