#include "daemon/commands/command.h"

#include "schema/check.h"

namespace usage_ingest::commands {
namespace {

class CommandGroup final : public Command {
 public:
  CommandGroup(CommandText text, CommandList subcommands)
      : Command(std::move(text), {}), subcommands_(std::move(subcommands)) {}

  int Run(const CommandContext& /*context*/) override {
    USAGE_INGEST_CHECK(false);  // the parser asks for a subcommand
    return 0;
  }
  [[nodiscard]] std::span<const CommandPtr> subcommands() const override { return subcommands_; }

 private:
  CommandList subcommands_;
};

}  // namespace

CommandPtr MakeGroup(CommandText text, CommandList subcommands) {
  return std::make_unique<CommandGroup>(std::move(text), std::move(subcommands));
}

}  // namespace usage_ingest::commands
