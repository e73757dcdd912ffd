#include "ingest/event/dead_letter_payload.h"

#include <algorithm>
#include <array>
#include <bit>
#include <optional>
#include <utility>
#include <vector>

#include "ingest/event/credential.h"
#include "ingest/json/json_text.h"
#include "schema/limits.h"

namespace usage_ingest::event {
namespace {

constexpr std::array<std::string_view, 4> kDropped = {
    R"("messages")", R"("response")", R"("model_map_information")", R"("proxy_server_request")"};

// `key` has its quotes and may have escapes.
bool IsDropped(std::string_view key) {
  constexpr std::size_t kKeyBytesMax = 256;  // of the longest one in escapes alone
  std::array<char, kKeyBytesMax> plain;
  if (key.size() <= plain.size() && key.contains('\\') && json::FindEscapes(key).valid) {
    key = {plain.data(), json::Unescape(key, plain.data())};
  }
  return std::ranges::find(kDropped, key) != kDropped.end();
}

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
      while (at_ < json_.size() && (json::IsJsonBlank(json_[at_]) || json_[at_] == ',')) ++at_;
      if (at_ == json_.size() || json_[at_] != '"') return;  // the bracket that closes it
      const std::string_view key = TakeString();
      SkipBlanks();
      if (at_ < json_.size() && json_[at_] == ':') ++at_;
      SkipBlanks();
      const std::string_view value = TakeValue();
      if (IsDropped(key)) continue;
      if (!first) out_ += ',';
      first = false;
      out_.append(key).append(":").append(value);
    }
  }
  void SkipBlanks() {
    while (at_ < json_.size() && json::IsJsonBlank(json_[at_])) ++at_;
  }
  // REQUIRES: at a quote.
  std::string_view TakeString() {
    const std::size_t begin = at_;
    json::JsonNesting nesting;
    do nesting.Take(json_[at_++]);
    while (at_ < json_.size() && nesting.in_string());
    return json_.substr(begin, at_ - begin);
  }
  std::string_view TakeValue() {
    const std::size_t begin = at_;
    json::JsonNesting nesting;
    while (at_ < json_.size()) {
      const char c = json_[at_];
      const bool is_outside = nesting.depth() == 0 && !nesting.in_string();
      if (is_outside && (json::JsonNesting::IsClosing(c) || c == ',' || json::IsJsonBlank(c)))
        break;
      nesting.Take(c);
      ++at_;
      const bool is_end = c == '"' || json::JsonNesting::IsClosing(c);
      if (is_end && nesting.depth() == 0 && !nesting.in_string()) break;
    }
    return json_.substr(begin, at_ - begin);
  }

  std::string_view json_;
  std::size_t at_ = 0;
  std::string out_;
};

// Finds the values of members "…api_key" and "…api_key_hash" that are raw keys, in JSON, in JSON
// inside a text of JSON, and in bytes that are neither. What can be written as an escape is found
// as one, too: the decoder undoes escapes before it compares.
class RawKeyFinder {
 public:
  struct Found {
    std::string_view value;  // without its quotes
    bool is_text = false;    // else a number
  };

  explicit RawKeyFinder(std::string_view json) : json_(json) {}

  // The next one; nullopt: no more.
  std::optional<Found> Next() {
    while (SkipToName()) {
      TakeIf([this] { return TakeName(kHash); });
      int level = 0;
      if (!TakeIf([&] { return TakeQuote(level) && TakeColon(); })) continue;
      int value_level = 0;
      if (!TakeIf([&] { return TakeQuote(value_level); })) {
        const std::string_view value = TakeDigits();
        if (!value.empty()) return Found{value, false};
      } else if (value_level == level) {  // else one of them is of another text: no member
        const std::string_view value = TakeText(level);
        if (ClassifyCredential(value) == CredentialKind::kRawKey && value != "None") {
          return Found{value, true};
        }
      }
    }
    return std::nullopt;
  }

 private:
  static constexpr std::string_view kName = "api_key";
  static constexpr std::string_view kHash = "_hash";

  // Moves behind the next kName; false: there is none.
  bool SkipToName() {
    for (;;) {
      while (at_ < json_.size() && json_[at_] != kName.front() && json_[at_] != '\\') ++at_;
      if (at_ == json_.size()) return false;
      const std::size_t behind = json_[at_] == '\\' ? BehindBackslashes() : at_ + 1;
      if (TakeIf([this] { return TakeName(kName); })) return true;
      at_ = behind;
    }
  }
  // Stays here unless take() finds what it looks for.
  template <class Take>
  bool TakeIf(Take&& take) {
    const std::size_t before = at_;
    if (take()) return true;
    at_ = before;
    return false;
  }
  struct Character {
    char value = '\0';            // of what is none of ASCII, too, and at the end
    std::size_t backslashes = 0;  // before it
    bool is_code = false;         // written as \u and four digits
    // How many texts around it have it as an escape. A backslash takes two in the text around.
    [[nodiscard]] int Level() const {
      const int doubled = is_code ? std::countr_zero(backslashes) : 0;
      return doubled + std::countr_one(backslashes >> doubled);
    }
  };
  // The character here, be it an escape of this text or of one inside it. Moves behind it.
  Character TakeCharacter() {
    for (;;) {
      const std::size_t plain = BehindBackslashes();
      Character found{.backslashes = plain - at_};
      at_ = std::min(plain + 1, json_.size());
      if (plain == json_.size()) return found;
      if (found.backslashes == 0) return {json_[plain]};
      const std::size_t length = json::EscapeLength(json_, plain - 1);
      if (length == 0) return found;
      at_ = plain - 1 + length;
      std::array<char, 6> bytes;
      const std::size_t size = json::Unescape(json_.substr(plain - 1, length), bytes.data());
      if (size == 0) continue;  // U+0000, which the decoder leaves out
      if (size == 1) found.value = bytes[0];
      found.is_code = json_[plain] == 'u';
      return found;
    }
  }
  [[nodiscard]] std::size_t BehindBackslashes() const {
    return std::min(json_.find_first_not_of('\\', at_), json_.size());
  }
  bool TakeName(std::string_view name) {
    return std::ranges::all_of(name, [this](char c) { return TakeCharacter().value == c; });
  }
  bool TakeQuote(int& level) {
    const Character found = TakeCharacter();
    level = found.Level();
    const bool is_alone = found.is_code || std::has_single_bit(found.backslashes + 1);
    return found.value == '"' && is_alone;
  }
  bool TakeColon() {
    SkipBlanks();
    if (TakeCharacter().value != ':') return false;
    SkipBlanks();
    return true;
  }
  void SkipBlanks() {
    while (TakeIf([this] { return json::IsJsonBlank(TakeCharacter().value); })) continue;
  }
  // Up to the quote that closes the text or one around it, or to the end of torn bytes.
  std::string_view TakeText(int level) {
    const std::size_t begin = at_;
    for (;;) {
      at_ = std::min(json_.find_first_of("\"\\", at_), json_.size());
      if (at_ == json_.size()) return json_.substr(begin);
      const Character found = TakeCharacter();
      if (found.value != '"' || found.Level() > level) continue;
      const std::size_t quote_bytes =
          found.is_code ? found.backslashes + 5 : std::size_t{1} << found.Level();
      return json_.substr(begin, at_ - quote_bytes - begin);
    }
  }
  std::string_view TakeDigits() {
    const std::size_t begin = at_;
    at_ = std::min(json_.find_first_not_of("0123456789", at_), json_.size());
    return json_.substr(begin, at_ - begin);
  }

  std::string_view json_;
  std::size_t at_ = 0;
};

// An event has one key. Bytes that hold more than these are not kept: looking for each of them
// everywhere would cost more than their size.
constexpr std::size_t kSecretsMax = 64;

// `json` without the raw keys in members for keys. Adds each to `secrets` once, as long as they are
// not too many.
std::string BlankRawKeys(std::string_view json, std::vector<std::string_view>& secrets) {
  std::string clean;
  const char* copied = json.data();
  RawKeyFinder finder(json);
  while (const auto found = finder.Next()) {
    const std::string_view secret = found->value;
    const bool is_new = std::ranges::find(secrets, secret) == secrets.end();
    if (is_new && secrets.size() <= kSecretsMax) secrets.push_back(secret);
    clean.append(copied, secret.data());
    if (!found->is_text) clean += '0';  // to stay JSON
    copied = secret.data() + secret.size();
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
  std::vector<std::string_view> changed;
  return is_redacted ? BlankRawKeys(clean, changed) : clean;
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

}  // namespace usage_ingest::event
