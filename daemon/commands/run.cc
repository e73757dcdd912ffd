// `run`: the daemon.
#include "daemon/commands/command_list.h"
#include "daemon/service/daemon.h"
#include "daemon/service/reloader.h"

namespace usage_ingest::commands {
namespace {

class RunDaemon final : public Command {
 public:
  RunDaemon()
      : Command({.name = "run",
                 .summary = "Run the daemon in the foreground",
                 .description = "SIGTERM and SIGINT finish the running transactions and end the "
                                "daemon; a second signal ends it at once. SIGHUP reads the "
                                "configuration again. The daemon waits for a broker or a database "
                                "that does not answer.",
                 .examples = {"usage-ingestd run --config ./usage-ingestd.toml"}},
                {.kafka = Need::kKeys, .postgres = Need::kKeys}) {}

  int Run(const CommandContext& context) override {
    return service::RunDaemon(context.config(),
                              service::MakeReloader(context.config(), context.load_again));
  }
};

}  // namespace

CommandPtr MakeRun() { return std::make_unique<RunDaemon>(); }

}  // namespace usage_ingest::commands
