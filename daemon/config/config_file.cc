#include "daemon/config/config_file.h"

#include <fmt/format.h>
#include <toml++/toml.h>

#include <sstream>
#include <utility>

namespace usage_ingest::config {
namespace {

// Deeper than any key; a file of brackets must not exhaust the stack.
constexpr std::size_t kDepthMax = 16;

std::string TypeName(const toml::node& node) {
  std::ostringstream name;
  name << node.type();
  return name.str();
}

ConfigValue ToValue(const toml::node& node) {
  if (const auto* text = node.as_string()) return {text->get()};
  if (const auto* number = node.as_integer()) return {number->get()};
  if (const auto* number = node.as_floating_point()) return {number->get()};
  if (const auto* flag = node.as_boolean()) return {flag->get()};
  const auto* array = node.as_array();
  if (array == nullptr) return {ConfigValue::Other{TypeName(node)}};
  std::vector<std::string> texts;
  for (const toml::node& element : *array) {
    const auto* text = element.as_string();
    if (text == nullptr) return {ConfigValue::Other{"array with " + TypeName(element)}};
    texts.push_back(text->get());
  }
  return {std::move(texts)};
}

class Flattener {
 public:
  explicit Flattener(const std::string& file_name) : file_name_(file_name) {}

  void Walk(const toml::table& table) {
    for (const auto& [key, node] : table) {
      path_.emplace_back(key.str());
      const auto* inner = node.as_table();
      if (inner != nullptr && !inner->empty() && path_.size() < kDepthMax) {
        Walk(*inner);
      } else {
        entries_.push_back(
            {path_, ToValue(node), fmt::format("{}:{}", file_name_, key.source().begin.line)});
      }
      path_.pop_back();
    }
  }
  [[nodiscard]] std::vector<ConfigEntry> Take() { return std::move(entries_); }

 private:
  const std::string& file_name_;
  std::vector<std::string> path_;
  std::vector<ConfigEntry> entries_;
};

}  // namespace

std::expected<std::vector<ConfigEntry>, Problem> ParseConfigText(std::string_view text,
                                                                 const std::string& file_name) {
  try {
    Flattener flattener(file_name);
    flattener.Walk(toml::parse(text, file_name));
    return flattener.Take();
  } catch (const toml::parse_error& error) {
    return std::unexpected(
        Problem{.what = fmt::format("not valid TOML: {}", error.description()),
                .where = fmt::format("{}:{}", file_name, error.source().begin.line),
                .fix = "correct the line; text needs quotes, sections are [in brackets]"});
  }
}

}  // namespace usage_ingest::config
