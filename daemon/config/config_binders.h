#pragma once
// Config binders: check a TOML value and write it to a member of Config.
//
// Errors        a problem never repeats the value: it may be a secret on the wrong line.
#include <concepts>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "daemon/config/config_keys.h"

namespace usage_ingest::config {

// What a value is, for "must be X, is Y".
[[nodiscard]] std::string_view TypeOf(const ConfigValue& value);
[[nodiscard]] Problem WrongType(const ConfigValue& value, std::string_view wanted,
                                std::string_view example);
[[nodiscard]] std::optional<std::int64_t> AsInteger(const ConfigValue& value);
[[nodiscard]] std::optional<std::vector<std::string>> AsTexts(const ConfigValue& value);
[[nodiscard]] Problem UnknownChoice(const std::vector<std::string>& choices,
                                    std::string_view given);

// `get` is a generic lambda from (const) Config& to the member.
template <class Get, class Set>
ConfigKey Bind(std::string section, std::string name, Get get, const Set& set) {
  return {std::move(section), std::move(name),
          [get, set](Config& config, const ConfigValue& value) { return set(get(config), value); },
          [get](const Config& a, const Config& b) { return get(a) == get(b); },
          [get](Config& to, const Config& from) { get(to) = get(from); }};
}

template <class T>
struct Range {
  T min;
  T max;
};

template <std::integral T>
auto IntegerIn(Range<T> range) {
  return [range](T& member, const ConfigValue& value) -> std::optional<Problem> {
    const auto number = AsInteger(value);
    if (!number) return WrongType(value, "a whole number", std::to_string(range.min));
    if (!std::in_range<T>(*number) || std::cmp_less(*number, range.min) ||
        std::cmp_greater(*number, range.max)) {
      return Problem{.what = "is out of range",
                     .fix = "choose a number from " + std::to_string(range.min) + " to " +
                            std::to_string(range.max)};
    }
    member = static_cast<T>(*number);
    return std::nullopt;
  };
}

template <class T>
auto ChoiceOf(std::vector<std::pair<std::string, T>> choices) {
  return [choices = std::move(choices)](T& member,
                                        const ConfigValue& value) -> std::optional<Problem> {
    const auto* text = std::get_if<std::string>(&value.value);
    if (text == nullptr) return WrongType(value, "text", '"' + choices.front().first + '"');
    std::vector<std::string> names;
    for (const auto& [name, choice] : choices) {
      if (name == *text) {
        member = choice;
        return std::nullopt;
      }
      names.push_back(name);
    }
    return UnknownChoice(names, *text);
  };
}

// Sets a member of type T, or says what is wrong with the value.
template <class T>
using Setter = std::function<std::optional<Problem>(T& member, const ConfigValue& value)>;

[[nodiscard]] Setter<std::chrono::milliseconds> DurationIn(Range<std::chrono::milliseconds> range);
[[nodiscard]] Setter<std::size_t> SizeIn(Range<std::size_t> range);
[[nodiscard]] Setter<std::string> NonEmptyText(std::string example);
[[nodiscard]] Setter<std::string> GroupId();
[[nodiscard]] Setter<std::vector<std::string>> TopicNames();
[[nodiscard]] Setter<std::vector<std::string>> MetadataKeys();
// A list of "80%" and the like, 1 to 1000; it may be empty.
[[nodiscard]] Setter<std::vector<std::int64_t>> Percents();
[[nodiscard]] std::optional<Problem> SetListenAddress(ListenAddress& member,
                                                      const ConfigValue& value);

}  // namespace usage_ingest::config
