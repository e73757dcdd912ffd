// Servers that are not as they must be: too old, a standby, another encoding. The finding says so,
// and `migrate` changes nothing.
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cstring>
#include <sstream>
#include <string_view>
#include <thread>

#include "tests/integration/postgres/postgres_fixture.h"
#include "tests/support/postgres/postgres_replica.h"

namespace usage_ingest::postgres {
namespace {

using namespace std::string_view_literals;

// Says it is PostgreSQL 14 to one session, and agrees to whatever that sets. A real one of that age
// cannot be had from Debian 12.
class OldServer {
 public:
  OldServer() : listener_(socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)) {
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    socklen_t size = sizeof address;
    auto* generic = reinterpret_cast<sockaddr*>(&address);
    if (bind(listener_, generic, size) != 0 || listen(listener_, 1) != 0 ||
        getsockname(listener_, generic, &size) != 0) {
      throw std::runtime_error("cannot listen");
    }
    port_ = ntohs(address.sin_port);
    thread_ = std::jthread([this] { Serve(); });
  }
  ~OldServer() {
    shutdown(listener_, SHUT_RDWR);
    thread_.join();
    close(listener_);
  }
  OldServer(const OldServer&) = delete;
  OldServer& operator=(const OldServer&) = delete;

  [[nodiscard]] std::string conninfo() const {
    return "host=127.0.0.1 dbname=x user=x sslmode=disable gssencmode=disable port=" +
           std::to_string(port_);
  }

 private:
  static void Send(int session, std::string_view bytes) {
    // ignored because the client then sees a broken connection, and the test fails
    static_cast<void>(send(session, bytes.data(), bytes.size(), MSG_NOSIGNAL));
  }
  // PostgreSQL manual, "Message Formats": AuthenticationOk, ParameterStatus, ReadyForQuery; then
  // each message is answered with CommandComplete and ReadyForQuery.
  void Serve() const {
    const int session = accept4(listener_, nullptr, nullptr, SOCK_CLOEXEC);
    if (session < 0) return;
    char message[8192];
    for (bool first = true; recv(session, message, sizeof message, 0) > 0; first = false) {
      Send(session, first ? "R\0\0\0\10\0\0\0\0S\0\0\0\30server_version\00014.9\0Z\0\0\0\5I"sv
                          : "C\0\0\0\10SET\0Z\0\0\0\5I"sv);
    }
    close(session);
  }

  int listener_;
  std::uint16_t port_ = 0;
  std::jthread thread_;
};

class OtherServersTest : public PostgresTest {
 protected:
  static void ExpectRefusal(const std::string& conninfo, const std::string& part) {
    std::ostringstream output;
    const Result<> migrated = migrate::Migrate(conninfo, {}, output);
    ASSERT_FALSE(migrated);
    EXPECT_EQ(migrated.error().code, ErrorCode::kFatal);
    EXPECT_TRUE(Holds(migrated.error().context, part)) << migrated.error().context;
  }
};

TEST_F(OtherServersTest, TooOldIsFatalAndSaysWhichOneToHave) {
  const OldServer server;
  const auto report = probe::ProbeDatabase(server.conninfo());
  ASSERT_TRUE(report) << report.error().context;
  ASSERT_EQ(report->findings.size(), 1U);
  EXPECT_EQ(report->findings[0].ToLine(),
            "fatal: server: PostgreSQL 14 is too old; fix: upgrade to PostgreSQL 15 or later");
}

TEST_F(OtherServersTest, OtherEncodingIsFatalAndSaysHowToConvert) {
  postgres_.Connect("postgres")
      .Execute("CREATE DATABASE \"La tin\" ENCODING 'LATIN1' LOCALE 'C' TEMPLATE template0");
  const probe::ProbeReport report = Probe("'La tin'");
  ASSERT_EQ(report.findings.size(), 1U);
  EXPECT_FALSE(report.ok());
  EXPECT_TRUE(Holds(report.findings[0].what, "LATIN1"));
  EXPECT_TRUE(Holds(report.findings[0].fix, "CREATE DATABASE \"La tin\" ENCODING 'UTF8'"));
  ExpectRefusal(postgres_.conninfo("'La tin'"), "LATIN1");
}

TEST_F(OtherServersTest, StandbyIsNotWrittenTo) {
  CreateMigrated("litemaas");
  const support::PostgresReplica replica(postgres_);
  const auto report = probe::ProbeDatabase(replica.conninfo("litemaas"));
  ASSERT_TRUE(report) << report.error().context;
  EXPECT_TRUE(report->facts.in_recovery);
  ASSERT_FALSE(report->findings.empty());
  EXPECT_TRUE(Holds(report->findings[0].fix, "target_session_attrs=read-write"));
  ExpectRefusal(replica.conninfo("litemaas"), "it is a standby");
}

}  // namespace
}  // namespace usage_ingest::postgres
