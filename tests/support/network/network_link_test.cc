#include "tests/support/network/network_link.h"

#include <gtest/gtest.h>

#include "tests/support/postgres/postgres_cluster.h"

namespace usage_ingest::support {
namespace {

using namespace std::chrono_literals;

TEST(NetworkLinkTest, CarriesCutsSilentlyAndHeals) {
  IsolateNetwork();
  const FarSide side;
  const NetworkLink link(side, 1);
  const NetworkLink other(side, 2);
  PostgresCluster postgres({.fsync = false, .listen = "*"});
  const auto ask = [&](const NetworkLink& over) {
    std::vector<std::string> command = side.prefix();
    const std::string url = "host=" + over.near_address() +
                            " port=" + std::to_string(postgres.port()) +
                            " user=postgres connect_timeout=2";
    command.insert(command.end(), {"psql", "-XAtc", "SELECT 'hello'", url});
    return RunCommand({.command = command}, After(30s));
  };
  EXPECT_EQ(ask(link).output, "hello\n");
  link.Cut();
  const CommandResult cut = ask(link);
  EXPECT_NE(cut.exit_code, 0);
  EXPECT_NE(cut.errors.find("timeout expired"), std::string::npos) << cut.errors;
  EXPECT_EQ(ask(other).output, "hello\n");
  link.Heal();
  // The kernel's neighbour entry may still be the failed one for a moment.
  EXPECT_TRUE(WaitUntil(After(20s), [&] { return ask(link).output == "hello\n"; }));
}

}  // namespace
}  // namespace usage_ingest::support
