#include "ingest/event/dead_letter_payload.h"

#include <algorithm>
#include <array>
#include <optional>
#include <utility>
#include <vector>

#include "ingest/event/credential.h"
#include "ingest/event/json_text.h"
#include "schema/limits.h"

namespace usage_ingest::ingest {
namespace {

constexpr std::array<std::string_view, 4> kDropped = {
    R"("messages")", R"("response")", R"("model_map_information")", R"("proxy_server_request")"};

// Copies a JSON text without some members. Byte by byte and without an index, so that a record too
// large to be parsed can be stripped, too; of bytes that are not JSON it copies what it does not
// understand.
class Stripper {
 public:
  explicit Stripper(std::string_view json) : json_(json) {}

  std::string Run() {
    while (at_ < json_.size()) {
      if (json_[at_] == '"') {
        out_ += TakeString();
      } else if (json_[at_] == '{') {
        CopyObject();
      } else {
        out_ += json_[at_++];
      }
    }
    return std::move(out_);
  }

 private:
  void CopyObject() {
    out_ += json_[at_++];
    for (bool first = true;;) {
      while (at_ < json_.size() && (IsJsonBlank(json_[at_]) || json_[at_] == ',')) ++at_;
      if (at_ == json_.size() || json_[at_] != '"') return;  // the bracket that closes it
      const std::string_view key = TakeString();
      SkipBlanks();
      if (at_ < json_.size() && json_[at_] == ':') ++at_;
      SkipBlanks();
      const std::string_view value = TakeValue();
      if (std::ranges::find(kDropped, key) != kDropped.end()) continue;
      if (!first) out_ += ',';
      first = false;
      out_.append(key).append(":").append(value);
    }
  }
  void SkipBlanks() {
    while (at_ < json_.size() && IsJsonBlank(json_[at_])) ++at_;
  }
  // REQUIRES: at a quote.
  std::string_view TakeString() {
    const std::size_t begin = at_++;
    while (at_ < json_.size() && json_[at_] != '"') at_ += json_[at_] == '\\' ? 2U : 1U;
    at_ = std::min(at_ + 1, json_.size());
    return json_.substr(begin, at_ - begin);
  }
  std::string_view TakeValue() {
    const std::size_t begin = at_;
    std::size_t depth = 0;
    while (at_ < json_.size()) {
      const char c = json_[at_];
      const bool closes = c == '}' || c == ']';
      if (depth == 0 && (closes || c == ',' || IsJsonBlank(c))) break;
      if (c == '"') {
        static_cast<void>(TakeString());  // ignored because the value is cut out as a whole
      } else {
        if (c == '{' || c == '[') ++depth;
        if (closes) --depth;
        ++at_;
      }
      if (depth == 0 && (c == '"' || closes)) break;
    }
    return json_.substr(begin, at_ - begin);
  }

  std::string_view json_;
  std::size_t at_ = 0;
  std::string out_;
};

// Finds the values of members "…api_key" and "…api_key_hash" that are raw keys, in JSON, in JSON
// inside a text of JSON, and in bytes that are neither.
class RawKeyFinder {
 public:
  explicit RawKeyFinder(std::string_view json) : json_(json) {}

  // The next one, without its quotes; nullopt: no more.
  std::optional<std::string_view> Next() {
    for (;;) {
      at_ = json_.find(kName, at_);
      if (at_ == std::string_view::npos) return std::nullopt;
      at_ += kName.size();
      if (json_.substr(at_).starts_with(kHash)) at_ += kHash.size();
      const auto name_quote = TakeQuote();
      if (!name_quote || !TakeColon()) continue;
      if (const auto quote = TakeQuote()) {
        if (*quote != *name_quote) continue;  // of another text: no member
        const std::string_view value = TakeText(*quote);
        if (ClassifyCredential(value) == CredentialKind::kRawKey && value != "None") return value;
      } else {
        const std::string_view value = TakeDigits();
        if (!value.empty()) return value;
      }
    }
  }

 private:
  static constexpr std::string_view kName = "api_key";
  static constexpr std::string_view kHash = "_hash";

  // How many backslashes stand before the quote here, if it is one: 0, in a text inside a text 1.
  std::optional<std::size_t> TakeQuote() {
    const std::size_t quote = std::min(json_.find_first_not_of('\\', at_), json_.size());
    if (quote == json_.size() || json_[quote] != '"') return std::nullopt;
    return quote - std::exchange(at_, quote + 1);
  }
  bool TakeColon() {
    SkipBlanks();
    if (at_ == json_.size() || json_[at_] != ':') return false;
    ++at_;
    SkipBlanks();
    return true;
  }
  void SkipBlanks() {
    while (at_ < json_.size() && IsJsonBlank(json_[at_])) ++at_;
  }
  // Up to the quote that closes the text, or to the end of torn bytes.
  std::string_view TakeText(std::size_t quote_backslashes) {
    const std::size_t begin = at_;
    std::size_t backslashes = 0;
    for (; at_ < json_.size(); ++at_) {
      const bool closes =
          quote_backslashes == 0 ? backslashes % 2 == 0 : backslashes <= quote_backslashes;
      if (json_[at_] == '"' && closes) break;
      backslashes = json_[at_] == '\\' ? backslashes + 1 : 0;
    }
    return json_.substr(begin, at_ - begin - std::min(backslashes, quote_backslashes));
  }
  std::string_view TakeDigits() {
    const std::size_t begin = at_;
    at_ = std::min(json_.find_first_not_of("0123456789", at_), json_.size());
    return json_.substr(begin, at_ - begin);
  }

  std::string_view json_;
  std::size_t at_ = 0;
};

// An event has one key. Bytes that tell more than these are not kept: looking for each of them
// everywhere would cost more than their size.
constexpr std::size_t kSecretsMax = 64;

// `json` without the raw keys in members for keys. Adds each to `secrets` once, as long as they are
// not too many.
std::string BlankRawKeys(std::string_view json, std::vector<std::string_view>& secrets) {
  std::string clean;
  const char* copied = json.data();
  RawKeyFinder finder(json);
  while (const auto secret = finder.Next()) {
    const bool is_new = std::ranges::find(secrets, *secret) == secrets.end();
    if (is_new && secrets.size() <= kSecretsMax) secrets.push_back(*secret);
    clean.append(copied, secret->data());
    const bool is_text = secret->data()[-1] == '"';
    if (!is_text) clean += '0';  // a number, to stay JSON
    copied = secret->data() + secret->size();
  }
  return clean.append(copied, json.data() + json.size());
}

// Redacted() for JSON: what begins in the middle of an escape ("\nkey", and the secret is "nkey")
// is another text, and would not be JSON without its head.
std::string RedactedJson(std::string_view json, std::string_view secret) {
  std::string clean;
  clean.reserve(json.size());
  std::size_t copied = 0;
  std::size_t from = 0;
  for (std::size_t found; (found = json.find(secret, from)) != std::string_view::npos;) {
    const std::size_t plain = json.substr(copied, found - copied).find_last_not_of('\\');
    const std::size_t backslashes =
        found - copied - (plain == std::string_view::npos ? 0 : plain + 1);
    from = found + 1;
    if (backslashes % 2 != 0) continue;
    clean.append(json.substr(copied, found - copied)).append(kRedacted);
    from = copied = found + secret.size();
  }
  return clean.append(json.substr(copied));
}

std::string WithoutRawKeys(std::string_view json) {
  std::vector<std::string_view> secrets;
  std::string clean = BlankRawKeys(json, secrets);
  if (secrets.size() > kSecretsMax) return {};
  bool is_redacted = false;
  for (const std::string_view secret : secrets) {
    if (!Reveals(clean, secret)) continue;
    clean = RedactedJson(clean, secret);
    is_redacted = true;
  }
  // A hash that held a secret is none any more: the second time must find nothing to do.
  std::vector<std::string_view> spoilt;
  return is_redacted ? BlankRawKeys(clean, spoilt) : clean;
}

}  // namespace

std::string PayloadOfElement(std::string_view json) { return WithoutRawKeys(Stripper(json).Run()); }

std::string PayloadOfBrokenBytes(std::string_view bytes) {
  return WithoutRawKeys(bytes.substr(0, limits::kDeadLetterPayloadBytesMax));
}

std::string PayloadOfLargeRecord(std::string_view record) {
  std::string payload = PayloadOfElement(record);
  if (payload.size() > limits::kDeadLetterPayloadBytesMax) {
    payload.resize(limits::kDeadLetterPayloadBytesMax);
  }
  return payload;
}

}  // namespace usage_ingest::ingest
