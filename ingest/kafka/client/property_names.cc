#include "ingest/kafka/client/property_names.h"

#include <librdkafka/rdkafka.h>

#include <cstdio>
#include <cstdlib>
#include <memory>

namespace usage_ingest::kafka::client {
namespace {

constexpr std::string_view kNameCharacters = "abcdefghijklmnopqrstuvwxyz0123456789._";

// What librdkafka prints to a FILE.
std::string PropertyTable() {
  char* text = nullptr;
  std::size_t bytes = 0;
  std::FILE* file = open_memstream(&text, &bytes);
  if (file == nullptr) return {};
  rd_kafka_conf_properties_show(file);
  // ignored because a table that is cut only means fewer suggestions
  static_cast<void>(std::fclose(file));
  const std::unique_ptr<char, decltype(&std::free)> owner(text, &std::free);
  return {text, bytes};
}

}  // namespace

std::vector<std::string> PropertyNames() {
  const std::string table = PropertyTable();
  std::vector<std::string> names;
  for (std::size_t begin = 0; begin < table.size();) {
    const std::size_t end = std::min(table.find('\n', begin), table.size());
    const std::string_view line(table.data() + begin, end - begin);
    const std::size_t name_end = line.find_first_not_of(kNameCharacters);
    // "name    | C/P | ..."; titles and the header line begin otherwise.
    if (name_end != 0 && name_end != std::string_view::npos && line.contains('|')) {
      names.emplace_back(line.substr(0, name_end));
    }
    begin = end + 1;
  }
  return names;
}

std::string_view LibraryVersion() { return rd_kafka_version_str(); }

}  // namespace usage_ingest::kafka::client
