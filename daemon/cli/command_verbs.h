#pragma once
// Command verbs: the grammar of the command line, one function a verb; command_line.cc parses by
// it.
#include <string>

#include "daemon/cli/command_line.h"

namespace CLI {  // NOLINT(readability-identifier-naming): theirs
class App;
}

namespace usage_ingest::cli {

// Where CLI11 writes what it reads. `chosen` is set when a verb is complete.
struct VerbTargets {
  std::string config_path{config::kDefaultConfigPath};
  commands::CheckConfigOptions check_config;
  commands::MigrateVerbOptions migrate;
  commands::StatusOptions status;
  commands::ReplayOptions replay;
  commands::ImportOptions import;
  commands::DeadLetterOptions dead_letters;
  commands::SummariesOptions summaries;
  commands::PartitionsOptions partitions;
  commands::VersionOptions version;
  VerbOptions chosen = RunOptions{};
};

// `targets` must outlive `app`.
void AddVerbs(CLI::App& app, VerbTargets& targets);

}  // namespace usage_ingest::cli
