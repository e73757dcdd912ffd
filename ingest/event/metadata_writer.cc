#include "ingest/event/metadata_writer.h"

#include <algorithm>
#include <array>
#include <charconv>

#include "ingest/event/credential.h"
#include "schema/check.h"

namespace usage_ingest::event {
namespace {

constexpr std::int64_t kTokensMax = 2'147'483'647;

// By MetadataWriter::Key.
constexpr std::array kTexts = {
    Field::kCallType, Field::kProvider, Field::kModel,      Field::kModelId,
    Field::kNone,     Field::kNone,     Field::kNone,       Field::kTraceId,
    Field::kCallId,   Field::kEndUser,  Field::kNone,       Field::kNone,
    Field::kNone,     Field::kNone,     Field::kErrorClass, Field::kNone};

}  // namespace

// In the order of AllKeys().
enum class MetadataWriter::Key : unsigned char {
  kCallType,
  kProvider,
  kModel,
  kModelId,
  kStream,
  kCacheHit,
  kTtftMs,
  kTraceId,
  kCallId,
  kEndUser,
  kTags,
  kCost,
  kCachedTokens,
  kReasoningTokens,
  kErrorClass,
  kRequestId,
  kCount,
};

const std::vector<std::string>& MetadataWriter::AllKeys() {
  static const std::vector<std::string> keys = {
      "call_type",     "provider",         "model",       "model_id",  "stream", "cache_hit",
      "ttft_ms",       "trace_id",         "call_id",     "end_user",  "tags",   "cost",
      "cached_tokens", "reasoning_tokens", "error_class", "request_id"};
  return keys;
}

MetadataWriter::MetadataWriter(const std::vector<std::string>& keys) {
  static_assert(kTexts.size() == static_cast<std::size_t>(Key::kCount));
  const std::vector<std::string>& all = AllKeys();
  for (const std::string& key : keys) {
    const auto found = std::ranges::find(all, key);
    USAGE_INGEST_CHECK(found != all.end());
    const auto which = static_cast<std::size_t>(found - all.begin());
    members_.push_back({static_cast<Key>(which), kTexts[which], json::JsonBuffer::Name(key)});
  }
}

std::string_view MetadataWriter::Write(const Source& source) {
  out_.Clear();
  out_.Append('{');
  for (const Member& member : members_) {
    if (member.text == Field::kNone) {
      WriteOther(member, source);
    } else {
      WriteText(member.name, source.reader.Clean(member.text), source.secret);
    }
  }
  out_.Close('}');
  return source.reader.arena().Copy(out_.view());
}

void MetadataWriter::WriteOther(const Member& member, const Source& source) {
  const FieldReader& reader = source.reader;
  const json::JsonBuffer::Name& name = member.name;
  switch (member.key) {
    case Key::kStream:
      return WriteFlag(name, reader.IsTrue(Field::kStream));
    case Key::kCacheHit:
      return WriteFlag(name, reader.IsTrue(Field::kCacheHit));
    case Key::kTtftMs:
      return WriteCount(name, source.ttft_ms);
    case Key::kTags:
      return WriteTags(name, source);
    case Key::kCost:
      return WriteCost(name, source.cost);
    case Key::kCachedTokens: {
      // OpenAI's name, else Anthropic's.
      const std::int64_t cached = reader.Whole(Field::kCachedTokens);
      return WriteCount(name,
                        cached != json::kNoNumber ? cached : reader.Whole(Field::kCacheReadTokens));
    }
    case Key::kReasoningTokens:
      return WriteCount(name, reader.Whole(Field::kReasoningTokens));
    case Key::kRequestId:
      return WriteText(name, {source.request_id, true}, source.secret);
    case Key::kCallType:
    case Key::kProvider:
    case Key::kModel:
    case Key::kModelId:
    case Key::kTraceId:
    case Key::kCallId:
    case Key::kEndUser:
    case Key::kErrorClass:
    case Key::kCount:
      break;
  }
}

void MetadataWriter::WriteQuoted(const CleanText& value, std::string_view secret) {
  out_.Append('"');
  if (!secret.empty() && Reveals(value.text, secret)) {
    out_.Append(kRedacted);
  } else if (value.needs_escapes) {
    out_.AppendEscaped(value.text);
  } else {
    out_.Append(value.text);
  }
  out_.Append("\",");
}

void MetadataWriter::WriteText(const json::JsonBuffer::Name& name, const CleanText& value,
                               std::string_view secret) {
  if (value.text.empty()) return;
  out_.Append(name);
  if (!value.needs_escapes && secret.empty()) {
    out_.AppendQuoted(value.text);
  } else {
    WriteQuoted(value, secret);
  }
}

void MetadataWriter::WriteFlag(const json::JsonBuffer::Name& name, bool value) {
  if (!value) return;
  out_.Append(name);
  out_.Append("true,");
}

void MetadataWriter::WriteCount(const json::JsonBuffer::Name& name, std::int64_t value) {
  if (value < 0 || value > kTokensMax) return;  // kNoNumber, too
  std::array<char, 20> digits;
  const char* const end = std::to_chars(digits.data(), digits.data() + 20, value).ptr;
  out_.Append(name);
  out_.Append({digits.data(), end});
  out_.Append(',');
}

void MetadataWriter::WriteCost(const json::JsonBuffer::Name& name, const Decimal& cost) {
  std::array<char, Decimal::kPlainBytesMax> digits;
  const std::size_t size = cost.WritePlain(digits.data());
  if (size == 0) return;
  out_.Append(name);
  out_.Append({digits.data(), size});
  out_.Append(',');
}

void MetadataWriter::WriteTags(const json::JsonBuffer::Name& name, const Source& source) {
  const json::JsonValue& tags = source.reader.fields()[Field::kTags];
  // LiteLLM writes the tags of a SpendLogs row as JSON text.
  const std::string_view text =
      tags.kind == json::JsonKind::kArray ? tags.text() : source.reader.Text(Field::kTags);
  if (text.empty()) return;
  const std::size_t before = out_.size();
  out_.Append(name);
  out_.Append('[');
  const std::size_t first = out_.size();
  WriteElements(text, source);
  if (out_.size() == first) return out_.Truncate(before);
  out_.Close(']');
  out_.Append(',');
}

void MetadataWriter::WriteElements(std::string_view text, const Source& source) {
  if (source.spare.Build(text) != json::JsonIndex::Status::kOk) return;
  const json::JsonWalker json(source.spare);
  const json::JsonWalker::Token at = json.Container();
  if (at == json::JsonWalker::kBroken || !json.IsArray(at) || json.Skip(at) != json.end()) return;
  const json::JsonWalker::Token end = json.ReadArray(at, [&](json::JsonWalker::Token element) {
    json::JsonValue tag;
    const json::JsonWalker::Token next = json.Read(element, tag);
    const CleanText clean = source.reader.Clean(tag);
    if (!clean.text.empty()) WriteQuoted(clean, source.secret);
    return next;
  });
  USAGE_INGEST_CHECK(end == json.end());
}

}  // namespace usage_ingest::event
