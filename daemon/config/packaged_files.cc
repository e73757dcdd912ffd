#include "daemon/config/packaged_files.h"

#include <unistd.h>

#include <cstdlib>
#include <fstream>
#include <iterator>

namespace usage_ingest::config {
namespace {

constexpr std::string_view kSpaces = " \t\r";
constexpr int kKeepWhatIsSet = 0;

std::string_view Trimmed(std::string_view text) {
  const std::size_t begin = text.find_first_not_of(kSpaces);
  if (begin == std::string_view::npos) return {};
  return text.substr(begin, text.find_last_not_of(kSpaces) - begin + 1);
}

// In single quotes each character means itself; elsewhere a backslash precedes what it protects.
std::string Unquoted(std::string_view text) {
  std::string value;
  char quote = '\0';
  for (std::size_t i = 0; i < text.size(); ++i) {
    const char c = text[i];
    const bool is_quote = c == '\'' || c == '"';
    if (quote == '\0' && is_quote) {
      quote = c;
    } else if (quote != '\0' && c == quote) {
      quote = '\0';
    } else if (c == '\\' && quote != '\'' && i + 1 < text.size()) {
      value += text[++i];
    } else {
      value += c;
    }
  }
  return value;
}

bool IsReadable(const std::filesystem::path& file) { return access(file.c_str(), R_OK) == 0; }

void Set(const std::string& name, const std::string& value) {
  // ignored because it fails only for a name that is no variable, which nothing can read either
  static_cast<void>(setenv(name.c_str(), value.c_str(), kKeepWhatIsSet));
}

}  // namespace

Environment ParseEnvironmentFile(std::string_view text) {
  Environment variables;
  while (!text.empty()) {
    const std::size_t end = text.find('\n');
    const std::string_view line = Trimmed(text.substr(0, end));
    text.remove_prefix(end == std::string_view::npos ? text.size() : end + 1);
    const std::size_t equals = line.find('=');
    if (equals == std::string_view::npos || line.front() == '#' || line.front() == ';') continue;
    variables.emplace_back(Trimmed(line.substr(0, equals)),
                           Unquoted(Trimmed(line.substr(equals + 1))));
  }
  return variables;
}

void UsePackagedFiles(const std::filesystem::path& folder) {
  if (std::ifstream file(folder / kPackagedEnvironmentFile); file) {
    const std::string text{std::istreambuf_iterator<char>(file), {}};
    for (const auto& [name, value] : ParseEnvironmentFile(text)) Set(name, value);
  }
  const std::filesystem::path services = folder / kPackagedServiceFile;
  if (IsReadable(services)) Set("PGSERVICEFILE", services.string());
}

}  // namespace usage_ingest::config
