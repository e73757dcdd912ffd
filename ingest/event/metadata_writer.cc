#include "ingest/event/metadata_writer.h"

#include <algorithm>
#include <array>
#include <charconv>

#include "ingest/event/credential.h"
#include "ingest/event/decoder.h"
#include "ingest/event/json_text.h"
#include "schema/check.h"

namespace usage_ingest::ingest {

// In the order of AllMetadataKeys().
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
};

const std::vector<std::string>& AllMetadataKeys() {
  static const std::vector<std::string> keys = {
      "call_type",     "provider",         "model",       "model_id",  "stream", "cache_hit",
      "ttft_ms",       "trace_id",         "call_id",     "end_user",  "tags",   "cost",
      "cached_tokens", "reasoning_tokens", "error_class", "request_id"};
  return keys;
}

namespace {

constexpr std::int64_t kTokensMax = 2'147'483'647;

}  // namespace

MetadataWriter::MetadataWriter(const std::vector<std::string>& keys) {
  const std::vector<std::string>& all = AllMetadataKeys();
  for (const std::string& key : keys) {
    const auto found = std::ranges::find(all, key);
    USAGE_INGEST_CHECK(found != all.end());
    keys_.push_back(static_cast<Key>(found - all.begin()));
  }
}

std::string_view MetadataWriter::Write(const Source& source) {
  if (out_.capacity() > JsonIndex::kKeepBytes) out_ = {};
  out_.assign(1, '{');
  for (const Key key : keys_) WriteKey(key, source);
  if (out_.back() == ',') out_.pop_back();
  out_.push_back('}');
  return source.reader.arena().Copy(out_);
}

void MetadataWriter::WriteKey(Key key, const Source& source) {
  const FieldReader& reader = source.reader;
  const auto text = [&](Field field) { WriteText(key, reader.Clean(field), source.secret); };
  const auto flag = [&](Field field) {
    if (!reader.IsTrue(field)) return;
    WriteName(key);
    out_.append("true,");
  };
  switch (key) {
    case Key::kCallType:
      return text(Field::kCallType);
    case Key::kProvider:
      return text(Field::kProvider);
    case Key::kModel:
      return text(Field::kModel);
    case Key::kModelId:
      return text(Field::kModelId);
    case Key::kStream:
      return flag(Field::kStream);
    case Key::kCacheHit:
      return flag(Field::kCacheHit);
    case Key::kTtftMs:
      return WriteWhole(key, source.ttft_ms);
    case Key::kTraceId:
      return text(Field::kTraceId);
    case Key::kCallId:
      return text(Field::kCallId);
    case Key::kEndUser:
      return text(Field::kEndUser);
    case Key::kTags:
      return WriteTags(source);
    case Key::kCost:
      return WriteCost(source.cost);
    case Key::kCachedTokens:
      // OpenAI's name, else Anthropic's.
      if (const auto cached = reader.Whole(Field::kCachedTokens)) return WriteTokens(key, cached);
      return WriteTokens(key, reader.Whole(Field::kCacheReadTokens));
    case Key::kReasoningTokens:
      return WriteTokens(key, reader.Whole(Field::kReasoningTokens));
    case Key::kErrorClass:
      return text(Field::kErrorClass);
    case Key::kRequestId:
      return WriteText(key, {source.request_id, true}, source.secret);
  }
}

void MetadataWriter::WriteName(Key key) {
  out_.push_back('"');
  out_.append(AllMetadataKeys()[static_cast<std::size_t>(key)]);
  out_.append("\":");
}

void MetadataWriter::WriteQuoted(const CleanText& value, std::string_view secret) {
  out_.push_back('"');
  if (Reveals(value.text, secret)) {
    out_.append(kRedacted);
  } else if (value.needs_escapes) {
    AppendEscaped(value.text, out_);
  } else {
    out_.append(value.text);
  }
  out_.push_back('"');
}

void MetadataWriter::WriteText(Key key, const CleanText& value, std::string_view secret) {
  if (value.text.empty()) return;
  WriteName(key);
  WriteQuoted(value, secret);
  out_.push_back(',');
}

void MetadataWriter::WriteWhole(Key key, std::optional<std::int64_t> value) {
  if (!value) return;
  WriteName(key);
  std::array<char, 20> digits;
  const auto end = std::to_chars(digits.data(), digits.data() + digits.size(), *value).ptr;
  out_.append(digits.data(), end);
  out_.push_back(',');
}

void MetadataWriter::WriteTokens(Key key, std::optional<std::int64_t> value) {
  if (value && *value >= 0 && *value <= kTokensMax) WriteWhole(key, value);
}

void MetadataWriter::WriteCost(const Decimal& cost) {
  std::array<char, Decimal::kPlainBytesMax> digits;
  const std::size_t size = cost.WritePlain(digits.data());
  if (size == 0) return;
  WriteName(Key::kCost);
  out_.append(digits.data(), size);
  out_.push_back(',');
}

void MetadataWriter::WriteTags(const Source& source) {
  const JsonValue& tags = source.reader.fields()[Field::kTags];
  if (tags.kind == JsonKind::kArray) {
    JsonCursor cursor(source.index, tags.size);
    return WriteTagsAt(cursor, source);
  }
  // LiteLLM writes the tags of a SpendLogs row as JSON text.
  const std::string_view text = source.reader.Text(Field::kTags);
  if (text.empty() || source.spare.Build(text) != JsonIndex::Status::kOk) return;
  JsonCursor check(source.spare);
  if (!check.StartsContainer() || !check.AtArray() || !check.Skip() || !check.AtEnd()) return;
  JsonCursor cursor(source.spare);
  WriteTagsAt(cursor, source);
}

void MetadataWriter::WriteTagsAt(JsonCursor& cursor, const Source& source) {
  const std::size_t before = out_.size();
  WriteName(Key::kTags);
  out_.push_back('[');
  const std::size_t first = out_.size();
  const bool valid = cursor.ReadArray([&] {
    JsonValue tag;
    if (!cursor.Read(tag)) return false;
    const CleanText clean = source.reader.Clean(tag);
    if (clean.text.empty()) return true;
    WriteQuoted(clean, source.secret);
    out_.push_back(',');
    return true;
  });
  USAGE_INGEST_CHECK(valid);  // it was walked before
  if (out_.size() == first) {
    out_.resize(before);
    return;
  }
  out_.back() = ']';
  out_.push_back(',');
}

}  // namespace usage_ingest::ingest
