// `version`: which program this is and what it was built with.
#include "daemon/text/version.h"

#include <iostream>

#include "daemon/commands/command_list.h"
#include "daemon/text/json_writer.h"
#include "ingest/kafka/client/property_names.h"

namespace usage_ingest::commands {
namespace {

class Version final : public Command {
 public:
  Version()
      : Command({.name = "version",
                 .summary = "Show the version, the commit and the libraries",
                 .examples = {"usage-ingestd version --json"}},
                {}) {}

  std::vector<Option> Options() override { return {JsonFlag(json_)}; }

  int Run(const CommandContext& /*context*/) override {
    if (json_) {
      PrintJson();
    } else {
      PrintText();
    }
    return 0;
  }

 private:
  static void PrintText() {
    std::cout << "usage-ingestd " << text::kVersion << " (" << text::kCommit << ")\nbuilt with";
    for (const text::LibraryVersion& library : text::LibraryVersions()) {
      std::cout << '\n' << "  " << library.name << ' ' << library.version;
    }
    std::cout << "\nloaded now\n  librdkafka " << kafka::client::LibraryVersion() << '\n';
  }

  static void PrintJson() {
    text::JsonWriter json;
    json.BeginObject();
    json.Key("version").String(text::kVersion);
    json.Key("commit").String(text::kCommit);
    json.Key("libraries").BeginObject();
    for (const text::LibraryVersion& library : text::LibraryVersions()) {
      json.Key(library.name).String(library.version);
    }
    json.EndObject().Key("loaded").BeginObject();
    json.Key("librdkafka").String(kafka::client::LibraryVersion());
    json.EndObject().EndObject();
    std::cout << json.Take() << '\n';
  }

  bool json_ = false;
};

}  // namespace

CommandPtr MakeVersion() { return std::make_unique<Version>(); }

}  // namespace usage_ingest::commands
