#include "ingest/event/metadata_writer.h"

#include <algorithm>
#include <array>
#include <charconv>

#include "ingest/event/credential.h"
#include "schema/check.h"
#include "schema/request_marks.h"
#include "schema/token_keys.h"

namespace usage_ingest::event {
struct MetadataWriter::Key {
  std::string_view name;
  void (MetadataWriter::*write)(const Member&, const Source&);
  Field field = Field::kNone;
};

// The closed list. docs/events.md and docs/configuration.md name the keys in this order, and
// tests/golden/metadata_keys_test.cc compares them.
std::span<const MetadataWriter::Key> MetadataWriter::Keys() {
  using W = MetadataWriter;
  static constexpr auto kKeys = std::to_array<Key>({
      {"call_type", &W::WriteText, Field::kCallType},
      {"provider", &W::WriteText, Field::kProvider},
      {"model", &W::WriteText, Field::kModel},
      {"model_id", &W::WriteText, Field::kModelId},
      {"stream", &W::WriteFlag, Field::kStream},
      {"cache_hit", &W::WriteFlag, Field::kCacheHit},
      {"ttft_ms", &W::WriteTtft},
      {"trace_id", &W::WriteText, Field::kTraceId},
      {"call_id", &W::WriteText, Field::kCallId},
      {"end_user", &W::WriteText, Field::kEndUser},
      {"tags", &W::WriteTags, Field::kTags},
      {"cost", &W::WriteCost},
      {kCachedTokens, &W::WriteCachedTokens},
      {kReasoningTokens, &W::WriteReasoningTokens},
      {"error_class", &W::WriteText, Field::kErrorClass},
      {"request_id", &W::WriteRequestId},
      {kBilledRetryAttempt, &W::WriteFlag, Field::kBilledRetryAttempt},
      {kInternalCallOrigin, &W::WriteText, Field::kInternalCallOrigin},
      {kIsSilentExperiment, &W::WriteFlag, Field::kIsSilentExperiment},
  });
  return kKeys;
}

const std::vector<std::string>& MetadataWriter::AllKeys() {
  static const std::vector<std::string> names = [] {
    std::vector<std::string> all;
    for (const Key& key : Keys()) all.emplace_back(key.name);
    return all;
  }();
  return names;
}

MetadataWriter::MetadataWriter(const std::vector<std::string>& keys) {
  for (const std::string& name : keys) {
    const auto key = std::ranges::find(Keys(), name, &Key::name);
    USAGE_INGEST_CHECK(key != Keys().end());
    members_.push_back({&*key, json::JsonBuffer::Name(name)});
  }
  // Whatever events.metadata says: the summaries and the history depend on them.
  for (const Key& key : Keys()) {
    const bool is_needed = IsNoRequestMark(key.name) || IsTokenKey(key.name);
    if (is_needed && std::ranges::find(keys, key.name) == keys.end()) {
      members_.push_back({&key, json::JsonBuffer::Name(key.name)});
    }
  }
}

std::string_view MetadataWriter::Write(const Source& source) {
  out_.Clear();
  out_.Append('{');
  for (const Member& member : members_) (this->*member.key->write)(member, source);
  out_.Close('}');
  return source.reader.arena().Copy(out_.view());
}

void MetadataWriter::WriteText(const Member& member, const Source& source) {
  AppendText(member, source.reader.Clean(member.key->field), source.secret);
}

void MetadataWriter::WriteFlag(const Member& member, const Source& source) {
  if (!source.reader.IsTrue(member.key->field)) return;
  out_.Append(member.name);
  out_.Append("true,");
}

void MetadataWriter::WriteCachedTokens(const Member& member, const Source& source) {
  AppendCount(member, source.tokens.cached);
}

void MetadataWriter::WriteReasoningTokens(const Member& member, const Source& source) {
  AppendCount(member, source.tokens.reasoning);
}

void MetadataWriter::WriteTtft(const Member& member, const Source& source) {
  AppendCount(member, source.ttft_ms);
}

void MetadataWriter::WriteRequestId(const Member& member, const Source& source) {
  AppendText(member, {source.request_id, true}, source.secret);
}

void MetadataWriter::WriteCost(const Member& member, const Source& source) {
  std::array<char, Decimal::kPlainBytesMax> digits;
  const std::size_t size = source.cost.WritePlain(digits.data());
  if (size == 0) return;
  out_.Append(member.name);
  out_.Append({digits.data(), size});
  out_.Append(',');
}

void MetadataWriter::AppendQuoted(const CleanText& value, std::string_view secret) {
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

void MetadataWriter::AppendText(const Member& member, const CleanText& value,
                                std::string_view secret) {
  if (value.text.empty()) return;
  out_.Append(member.name);
  if (!value.needs_escapes && secret.empty()) {
    out_.AppendQuoted(value.text);
  } else {
    AppendQuoted(value, secret);
  }
}

void MetadataWriter::AppendCount(const Member& member, std::int64_t value) {
  if (value == json::kNoNumber) return;
  std::array<char, 20> digits;
  const char* const end = std::to_chars(digits.data(), digits.data() + 20, value).ptr;
  out_.Append(member.name);
  out_.Append({digits.data(), end});
  out_.Append(',');
}

void MetadataWriter::WriteTags(const Member& member, const Source& source) {
  const json::JsonValue& tags = source.reader.fields()[member.key->field];
  // LiteLLM writes the tags of a SpendLogs row as JSON text.
  const std::string_view text =
      tags.kind == json::JsonKind::kArray ? tags.text() : source.reader.Text(member.key->field);
  if (text.empty()) return;
  const std::size_t before = out_.size();
  out_.Append(member.name);
  out_.Append('[');
  const std::size_t first = out_.size();
  AppendElements(text, source);
  if (out_.size() == first) return out_.Truncate(before);
  out_.Close(']');
  out_.Append(',');
}

void MetadataWriter::AppendElements(std::string_view text, const Source& source) {
  if (source.spare.Build(text) != json::JsonIndex::Status::kOk) return;
  const json::JsonWalker json(source.spare);
  const json::JsonWalker::Token at = json.Container();
  if (at == json::JsonWalker::kBroken || !json.IsArray(at) || json.Skip(at) != json.end()) return;
  const json::JsonWalker::Token end = json.ReadArray(at, [&](json::JsonWalker::Token element) {
    json::JsonValue tag;
    const json::JsonWalker::Token next = json.Read(element, tag);
    const CleanText clean = source.reader.Clean(tag);
    if (!clean.text.empty()) AppendQuoted(clean, source.secret);
    return next;
  });
  USAGE_INGEST_CHECK(end == json.end());
}

}  // namespace usage_ingest::event
