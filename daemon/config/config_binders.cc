#include "daemon/config/config_binders.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <set>

#include "daemon/text/suggest.h"
#include "daemon/text/units.h"
#include "ingest/event/decoder.h"

namespace usage_ingest::config {
namespace {

// Kafka's own bound and alphabet (org.apache.kafka.common.internals.Topic).
constexpr std::size_t kTopicCharsMax = 249;
constexpr std::string_view kTopicAlphabet =
    "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._-";
// kafka_offsets.group_id, and a name longer than this is a mistake.
constexpr std::size_t kGroupIdCharsMax = 255;

std::optional<Problem> CheckTopic(const std::string& topic) {
  if (topic.empty() || topic.size() > kTopicCharsMax || topic == "." || topic == ".." ||
      topic.find_first_not_of(kTopicAlphabet) != std::string::npos) {
    return Problem{
        .what = "holds a name that cannot be a Kafka topic",
        .fix = fmt::format("use 1 to {} letters, digits, '.', '_' and '-'; patterns are not "
                           "supported, list the topics",
                           kTopicCharsMax)};
  }
  return std::nullopt;
}

std::optional<Problem> CheckMetadataKey(const std::string& key) {
  const auto& known = event::AllMetadataKeys();
  if (std::ranges::find(known, key) != known.end()) return std::nullopt;
  const auto near = text::Suggest(key, known);
  return Problem{.what = fmt::format("holds \"{}\", which is not in the closed list", key),
                 .fix = near ? fmt::format("did you mean \"{}\"?", *near)
                             : fmt::format("choose among {}", fmt::join(known, ", "))};
}

// A list without repetition, each element checked by `check`.
std::optional<Problem> SetTexts(std::vector<std::string>& member, const ConfigValue& value,
                                std::string_view example,
                                std::optional<Problem> (*check)(const std::string&)) {
  auto texts = AsTexts(value);
  if (!texts) return WrongType(value, "a list of texts", example);
  std::set<std::string> seen;
  for (const std::string& text : *texts) {
    if (auto problem = check(text)) return problem;
    if (!seen.insert(text).second)
      return Problem{.what = "names something twice", .fix = "list each one once"};
  }
  member = std::move(*texts);
  return std::nullopt;
}

// "80%"
std::optional<std::int64_t> ParsePercent(std::string_view text) {
  if (!text.ends_with('%')) return std::nullopt;
  const auto percent = text::ParseNumber<std::int64_t>(text.substr(0, text.size() - 1));
  if (!percent || *percent < 1 || *percent > 1000) return std::nullopt;
  return percent;
}

}  // namespace

std::string_view TypeOf(const ConfigValue& value) {
  constexpr std::array<std::string_view, 5> kNames = {"text", "a whole number", "a decimal number",
                                                      "true/false", "a list of texts"};
  if (const auto* other = std::get_if<ConfigValue::Other>(&value.value)) return other->type_name;
  return kNames[value.value.index()];
}

Problem WrongType(const ConfigValue& value, std::string_view wanted, std::string_view example) {
  return {.what = fmt::format("must be {}, not {}", wanted,
                              value.is_text_only ? std::string_view("this text") : TypeOf(value)),
          .fix = fmt::format("for example {}", example)};
}

std::optional<std::int64_t> AsInteger(const ConfigValue& value) {
  if (const auto* number = std::get_if<std::int64_t>(&value.value)) return *number;
  const auto* text = std::get_if<std::string>(&value.value);
  if (text == nullptr || !value.is_text_only) return std::nullopt;
  return text::ParseNumber<std::int64_t>(*text);
}

std::optional<std::vector<std::string>> AsTexts(const ConfigValue& value) {
  if (const auto* texts = std::get_if<std::vector<std::string>>(&value.value)) return *texts;
  const auto* text = std::get_if<std::string>(&value.value);
  if (text == nullptr || !value.is_text_only) return std::nullopt;
  std::vector<std::string> texts;
  for (std::size_t begin = 0; begin <= text->size() && !text->empty();) {
    const std::size_t end = std::min(text->find(',', begin), text->size());
    texts.push_back(text->substr(begin, end - begin));
    begin = end + 1;
  }
  return texts;
}

Problem UnknownChoice(const std::vector<std::string>& choices, std::string_view given) {
  const auto near = text::Suggest(given, choices);
  return {.what = "is none of the choices",
          .fix = near ? fmt::format("did you mean \"{}\"?", *near)
                      : fmt::format("choose {}", fmt::join(choices, ", "))};
}

Setter<std::chrono::milliseconds> DurationIn(Range<std::chrono::milliseconds> range) {
  return [range](std::chrono::milliseconds& member,
                 const ConfigValue& value) -> std::optional<Problem> {
    const auto* text = std::get_if<std::string>(&value.value);
    const auto duration = text != nullptr ? text::ParseDuration(*text) : std::nullopt;
    if (!duration) {
      return WrongType(value, "a duration",
                       R"("30s": a whole number and ms, s, m, h or d, in quotes)");
    }
    if (*duration < range.min || *duration > range.max) {
      return Problem{.what = "is out of range",
                     .fix = fmt::format("choose from {} to {}", text::FormatDuration(range.min),
                                        text::FormatDuration(range.max))};
    }
    member = *duration;
    return std::nullopt;
  };
}

Setter<std::size_t> SizeIn(Range<std::size_t> range) {
  return [range](std::size_t& member, const ConfigValue& value) -> std::optional<Problem> {
    const auto* text = std::get_if<std::string>(&value.value);
    auto size = text != nullptr ? text::ParseSize(*text) : std::nullopt;
    const auto* number = std::get_if<std::int64_t>(&value.value);
    if (number != nullptr && *number >= 0) size = static_cast<std::size_t>(*number);
    if (!size) {
      return WrongType(value, "a size", R"("32MiB": a number and B, KiB, MiB or GiB, in quotes)");
    }
    if (*size < range.min || *size > range.max) {
      return Problem{.what = "is out of range",
                     .fix = fmt::format("choose from {} to {}", text::FormatSize(range.min),
                                        text::FormatSize(range.max))};
    }
    member = *size;
    return std::nullopt;
  };
}

Setter<std::string> NonEmptyText(std::string example) {
  return [example = std::move(example)](std::string& member,
                                        const ConfigValue& value) -> std::optional<Problem> {
    const auto* text = std::get_if<std::string>(&value.value);
    if (text == nullptr) return WrongType(value, "text", example);
    if (text->empty()) return Problem{.what = "is empty", .fix = "for example " + example};
    member = *text;
    return std::nullopt;
  };
}

Setter<std::string> GroupId() {
  return [](std::string& member, const ConfigValue& value) -> std::optional<Problem> {
    auto problem = NonEmptyText("\"usage-ingestd\"")(member, value);
    if (!problem && member.size() > kGroupIdCharsMax) {
      problem =
          Problem{.what = "is too long", .fix = fmt::format("at most {} bytes", kGroupIdCharsMax)};
    }
    return problem;
  };
}

Setter<std::vector<std::string>> TopicNames() {
  return [](std::vector<std::string>& member, const ConfigValue& value) {
    auto problem = SetTexts(member, value, R"(["litellm.usage.v1"])", CheckTopic);
    if (!problem && member.empty()) {
      problem =
          Problem{.what = "is empty", .fix = R"(name at least one topic: ["litellm.usage.v1"])"};
    }
    return problem;
  };
}

Setter<std::vector<std::string>> MetadataKeys() {
  return [](std::vector<std::string>& member, const ConfigValue& value) {
    return SetTexts(member, value, R"(["provider", "tags"])", CheckMetadataKey);
  };
}

Setter<std::vector<std::int64_t>> Percents() {
  return [](std::vector<std::int64_t>& member, const ConfigValue& value) -> std::optional<Problem> {
    std::vector<std::string> texts;
    if (auto problem = SetTexts(texts, value, R"(["80%", "95%", "100%"])",
                                [](const std::string& percent) -> std::optional<Problem> {
                                  if (ParsePercent(percent)) return std::nullopt;
                                  return Problem{.what = "holds no percentage",
                                                 .fix = R"(write it as "80%", 1% to 1000%)"};
                                })) {
      return problem;
    }
    member.clear();
    for (const std::string& percent : texts) member.push_back(ParsePercent(percent).value_or(0));
    return std::nullopt;
  };
}

std::optional<Problem> SetListenAddress(ListenAddress& member, const ConfigValue& value) {
  constexpr std::string_view kExample = R"("127.0.0.1:19464" or "[::]:19464")";
  const auto* text = std::get_if<std::string>(&value.value);
  if (text == nullptr) return WrongType(value, "text", kExample);
  const std::size_t colon = text->rfind(':');
  std::string host = colon == std::string::npos ? "" : text->substr(0, colon);
  const auto port =
      colon == std::string::npos
          ? std::nullopt
          : text::ParseNumber<std::uint16_t>(std::string_view(*text).substr(colon + 1));
  const bool has_brackets = host.size() > 2 && host.front() == '[' && host.back() == ']';
  if (has_brackets) host = host.substr(1, host.size() - 2);
  if (!port || host.empty() || (!has_brackets && host.find(':') != std::string::npos)) {
    return Problem{.what = "is not an address and a port",
                   .fix = fmt::format("for example {}", kExample)};
  }
  member = {std::move(host), *port};
  return std::nullopt;
}

}  // namespace usage_ingest::config
