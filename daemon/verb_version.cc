#include <iostream>

#include "daemon/json_writer.h"
#include "daemon/verbs.h"
#include "daemon/version.h"

namespace usage_ingest::daemon {

int ShowVersion(const VersionOptions& options) {
  if (!options.json) {
    std::cout << "usage-ingestd " << kVersion << " (" << kCommit << ")\nbuilt with";
    for (const LibraryVersion& library : LibraryVersions()) {
      std::cout << '\n' << "  " << library.name << ' ' << library.version;
    }
    std::cout << '\n';
    return 0;
  }
  JsonWriter json;
  json.BeginObject();
  json.Key("version").String(kVersion);
  json.Key("commit").String(kCommit);
  json.Key("libraries").BeginObject();
  for (const LibraryVersion& library : LibraryVersions()) {
    json.Key(library.name).String(library.version);
  }
  json.EndObject().EndObject();
  std::cout << json.Take() << '\n';
  return 0;
}

}  // namespace usage_ingest::daemon
