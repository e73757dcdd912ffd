#pragma once
// Verbs: what the command line asks for, one options type and one function a verb.
//
// The command line (command_line.h) fills the options, main calls the function. Each returns the
// process's exit code or throws UserError (user_error.h) with what, where and how to fix it;
// results go to stdout, progress and messages to stderr.
//
// Source        docs: "Command line"; exit codes are user_error.h's.
#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "daemon/config/config.h"
#include "daemon/config/config_load.h"
#include "schema/strong.h"

namespace usage_ingest::commands {

struct CheckConfigOptions {
  bool connect = false;
  bool json = false;
};

struct MigrateVerbOptions {
  bool dry_run = false;
  std::string print_grants_for;  // a role; empty: migrate
};

struct StatusOptions {
  bool json = false;
};

// A range of a topic: [from, to), by offset or by time of the record in Kafka. The command line has
// checked that exactly one pair is given and that it is not empty.
struct ReplayOptions {
  std::string topic;
  std::vector<std::int32_t> partitions;  // empty: all
  std::optional<std::int64_t> from_offset;
  std::optional<std::int64_t> to_offset;
  std::optional<EventTimeUs> from_time;
  std::optional<EventTimeUs> to_time;
  bool dry_run = false;
  bool no_quota = false;
  bool json = false;
};

struct ImportOptions {
  std::vector<std::string> files;  // "-" is stdin
  bool dry_run = false;
  bool no_quota = false;
  bool json = false;
};

enum class DeadLetterAction : unsigned char { kList, kShow, kRetry, kDiscard };
struct DeadLetterOptions {
  DeadLetterAction action = DeadLetterAction::kList;
  std::string reason;                // empty: any
  std::optional<EventTimeUs> since;  // first seen at or after
  std::vector<std::int64_t> ids;     // empty: any
  bool all = false;                  // discard without a selection
  bool json = false;
};

enum class SummariesAction : unsigned char { kVerify, kRebuild };
struct SummariesOptions {
  SummariesAction action = SummariesAction::kVerify;
  std::optional<EventTimeUs> from;
  std::optional<EventTimeUs> to;
  bool json = false;
};

enum class PartitionsAction : unsigned char { kList, kEnsure, kRetain };
struct PartitionsOptions {
  PartitionsAction action = PartitionsAction::kList;
  bool dry_run = false;  // retain
  bool json = false;
};

struct VersionOptions {
  bool json = false;
};

[[nodiscard]] int Replay(const config::Config& config, const ReplayOptions& options);
[[nodiscard]] int Import(const config::Config& config, const ImportOptions& options);
[[nodiscard]] int RetryDeadLetters(const config::Config& config, const DeadLetterOptions& options);

[[nodiscard]] int CheckConfig(const config::LoadedConfig& loaded,
                              const CheckConfigOptions& options);
[[nodiscard]] int MigrateDatabase(const config::Config& config, const MigrateVerbOptions& options);
[[nodiscard]] int ShowStatus(const config::Config& config, const StatusOptions& options);
[[nodiscard]] int DeadLetters(const config::Config& config, const DeadLetterOptions& options);
[[nodiscard]] int Summaries(const config::Config& config, const SummariesOptions& options);
[[nodiscard]] int Partitions(const config::Config& config, const PartitionsOptions& options);
[[nodiscard]] int ShowVersion(const VersionOptions& options);

}  // namespace usage_ingest::commands
