#include "tests/support/network_link.h"

#include <gtest/gtest.h>

#include "tests/support/postgres_cluster.h"

namespace usage_ingest::support {
namespace {

using namespace std::chrono_literals;

TEST(NetworkLinkTest, CarriesIsCutWithoutAWordAndHeals) {
  IsolateNetwork();
  const NetworkLink link;
  PostgresCluster postgres(
      {.fsync = false, .listen = std::string("127.0.0.1,") + NetworkLink::kNearAddress});
  const auto ask = [&] {
    std::vector<std::string> command = link.far_prefix();
    const std::string url = "host=" + std::string(NetworkLink::kNearAddress) +
                            " port=" + std::to_string(postgres.port()) +
                            " user=postgres connect_timeout=2";
    command.insert(command.end(), {"psql", "-XAtc", "SELECT 'hello'", url});
    return RunCommand({.command = command}, After(30s));
  };
  EXPECT_EQ(ask().output, "hello\n");
  link.Cut();
  const CommandResult cut = ask();
  EXPECT_NE(cut.exit_code, 0);
  EXPECT_NE(cut.errors.find("timeout expired"), std::string::npos) << cut.errors;
  link.Heal();
  EXPECT_EQ(ask().output, "hello\n");
}

}  // namespace
}  // namespace usage_ingest::support
