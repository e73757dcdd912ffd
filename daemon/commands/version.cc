#include "daemon/text/version.h"

#include <iostream>

#include "daemon/commands/verbs.h"
#include "daemon/text/json_writer.h"

namespace usage_ingest::commands {

int ShowVersion(const VersionOptions& options) {
  if (!options.json) {
    std::cout << "usage-ingestd " << text::kVersion << " (" << text::kCommit << ")\nbuilt with";
    for (const text::LibraryVersion& library : text::LibraryVersions()) {
      std::cout << '\n' << "  " << library.name << ' ' << library.version;
    }
    std::cout << '\n';
    return 0;
  }
  text::JsonWriter json;
  json.BeginObject();
  json.Key("version").String(text::kVersion);
  json.Key("commit").String(text::kCommit);
  json.Key("libraries").BeginObject();
  for (const text::LibraryVersion& library : text::LibraryVersions()) {
    json.Key(library.name).String(library.version);
  }
  json.EndObject().EndObject();
  std::cout << json.Take() << '\n';
  return 0;
}

}  // namespace usage_ingest::commands
