#include "ingest/event/dead_letter_payload.h"

#include <algorithm>
#include <array>
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

// Where the value of a member "…api_key" or "…api_key_hash" lies; quotes and what escapes them in a
// text inside a text are not part of it.
class RawKeyFinder {
 public:
  explicit RawKeyFinder(std::string_view json) : json_(json) {}

  // False: no more.
  bool Next(std::size_t& begin, std::size_t& size) {
    for (;;) {
      at_ = json_.find(kName, at_);
      if (at_ == std::string_view::npos) return false;
      at_ += kName.size();
      if (json_.substr(at_).starts_with("_hash")) at_ += 5;
      if (!SkipQuote() || !SkipColon()) continue;
      const bool is_text = SkipQuote();
      begin = at_;
      const std::string_view stop = is_text ? R"("\)" : ",}] \t\r\n";
      at_ = std::min(json_.find_first_of(stop, at_), json_.size());
      size = at_ - begin;
      const std::string_view value = json_.substr(begin, size);
      const bool is_raw = is_text ? ClassifyCredential(value) == CredentialKind::kRawKey
                                  : !value.empty() && value.find_first_not_of("0123456789") ==
                                                          std::string_view::npos;
      if (is_raw && value != "None") return true;
    }
  }

 private:
  static constexpr std::string_view kName = "api_key";

  bool SkipQuote() {
    while (at_ < json_.size() && json_[at_] == '\\') ++at_;
    if (at_ == json_.size() || json_[at_] != '"') return false;
    ++at_;
    return true;
  }
  bool SkipColon() {
    while (at_ < json_.size() && IsJsonBlank(json_[at_])) ++at_;
    if (at_ == json_.size() || json_[at_] != ':') return false;
    ++at_;
    while (at_ < json_.size() && IsJsonBlank(json_[at_])) ++at_;
    return true;
  }

  std::string_view json_;
  std::size_t at_ = 0;
};

void ReplaceAll(std::string& text, std::string_view what, std::string_view with) {
  for (std::size_t at = 0; (at = text.find(what, at)) != std::string::npos; at += with.size()) {
    text.replace(at, what.size(), with);
  }
}

std::string WithoutRawKeys(std::string json) {
  std::vector<std::string> secrets;
  std::string clean;
  RawKeyFinder finder(json);
  std::size_t copied = 0;
  std::size_t begin = 0;
  std::size_t size = 0;
  while (finder.Next(begin, size)) {
    secrets.push_back(json.substr(begin, size));
    clean.append(json, copied, begin - copied);
    const bool is_text = json[begin - 1] == '"';
    if (!is_text) clean += '0';
    copied = begin + size;
  }
  if (secrets.empty()) return json;
  clean.append(json, copied);
  for (const std::string& secret : secrets) {
    if (Reveals(clean, secret)) ReplaceAll(clean, secret, kRedacted);
  }
  return clean;
}

}  // namespace

std::string PayloadOfElement(std::string_view json) { return WithoutRawKeys(Stripper(json).Run()); }

std::string PayloadOfBrokenBytes(std::string_view bytes) {
  return WithoutRawKeys(std::string(bytes.substr(0, limits::kDeadLetterPayloadBytesMax)));
}

}  // namespace usage_ingest::ingest
