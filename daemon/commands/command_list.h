#pragma once
// CommandList: every command, in the order in which help and manual show them.
//
// Each function is defined in the file that is named like its command.
#include "daemon/commands/command.h"

namespace usage_ingest::commands {

[[nodiscard]] CommandPtr MakeRun();
[[nodiscard]] CommandPtr MakeCheckConfig();
[[nodiscard]] CommandPtr MakeMigrate();
[[nodiscard]] CommandPtr MakeStatus();
[[nodiscard]] CommandPtr MakeReplay();
[[nodiscard]] CommandPtr MakeImport();
[[nodiscard]] CommandPtr MakeDeadLetters();
[[nodiscard]] CommandPtr MakeSummaries();
[[nodiscard]] CommandPtr MakePartitions();
[[nodiscard]] CommandPtr MakeQuotas();
[[nodiscard]] CommandPtr MakeReport();
[[nodiscard]] CommandPtr MakeSupportBundle();
[[nodiscard]] CommandPtr MakeVersion();
[[nodiscard]] CommandPtr MakeCompletion();
[[nodiscard]] CommandPtr MakeMan();

[[nodiscard]] inline CommandList AllCommands() {
  CommandList all;
  for (const auto make : {MakeRun, MakeCheckConfig, MakeMigrate, MakeStatus, MakeReplay, MakeImport,
                          MakeDeadLetters, MakeSummaries, MakePartitions, MakeQuotas, MakeReport,
                          MakeSupportBundle, MakeVersion, MakeCompletion, MakeMan}) {
    all.push_back(make());
  }
  return all;
}

// Subcommands of `partitions`, which lists them.
[[nodiscard]] CommandPtr MakePartitionsIndex();
[[nodiscard]] CommandPtr MakePartitionsSkip();

}  // namespace usage_ingest::commands
