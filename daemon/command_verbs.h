#pragma once
// Command verbs: the grammar of the command line, one function a verb; command_line.cc parses by
// it.
#include <string>

#include "daemon/command_line.h"

namespace CLI {  // NOLINT(readability-identifier-naming): theirs
class App;
}

namespace usage_ingest::daemon {

// Where CLI11 writes what it reads. `chosen` is set when a verb is complete.
struct VerbTargets {
  std::string config_path{kDefaultConfigPath};
  CheckConfigOptions check_config;
  MigrateVerbOptions migrate;
  StatusOptions status;
  ReplayOptions replay;
  ImportOptions import;
  DeadLetterOptions dead_letters;
  SummariesOptions summaries;
  PartitionsOptions partitions;
  VersionOptions version;
  VerbOptions chosen = RunOptions{};
};

// `targets` must outlive `app`.
void AddVerbs(CLI::App& app, VerbTargets& targets);

}  // namespace usage_ingest::daemon
