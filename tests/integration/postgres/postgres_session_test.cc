// A session is set up as session_setup.h says. Its time-outs, and a server that goes away, give an
// error of the right class and never a hang.
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <cstdlib>
#include <exception>

#include "ingest/postgres/session/async_connection.h"
#include "schema/limits.h"
#include "tests/integration/postgres/postgres_fixture.h"
#include "tests/support/network/tcp_gate.h"

namespace usage_ingest::postgres {
namespace {

using namespace std::chrono_literals;

class SessionTest : public PostgresTest {
 protected:
  session::AsyncConnection& Connection(const std::string& conninfo) {
    connection_.emplace(context_.get_executor(), conninfo, "usage-ingestd/test");
    return *connection_;
  }
  session::AsyncConnection& Connection() { return Connection(postgres_.conninfo("postgres")); }

  // Runs what the lane would co_await, to its end.
  template <class T>
  T Await(pipeline::Task<T> task) {
    std::optional<T> result;
    boost::asio::co_spawn(context_, std::move(task), [&](const std::exception_ptr& bug, T value) {
      if (bug) std::rethrow_exception(bug);
      result.emplace(std::move(value));
    });
    context_.restart();
    context_.run();
    return std::move(result).value();
  }
  std::string Setting(const std::string& name) {
    session::Statement statement{"SELECT current_setting($1)", {}};
    statement.params.Add(std::string_view(name));
    const auto answer = Await(connection_->Execute(statement));
    return answer ? PQgetvalue(answer->get(), 0, 0) : answer.error().context;
  }
  // "" when it works.
  std::string CodeOf(const char* sql) {
    const Result<> result = Await(connection_->ExecuteScript(sql));
    return result ? "" : std::to_string(static_cast<int>(result.error().code));
  }
  static std::string Code(ErrorCode code) { return std::to_string(static_cast<int>(code)); }

  boost::asio::io_context context_;
  std::optional<session::AsyncConnection> connection_;
};

TEST_F(SessionTest, IsSetUpWhateverItsRoleAndConninfoSay) {
  Create("mine");
  Database admin = postgres_.Connect("mine");
  admin.Execute(
      "CREATE ROLE odd LOGIN; ALTER ROLE odd SET lock_timeout = '1h'; ALTER ROLE odd SET "
      "statement_timeout = 0; ALTER ROLE odd SET default_transaction_read_only = on; ALTER ROLE "
      "odd "
      "SET TimeZone = 'Asia/Tokyo'; ALTER ROLE odd SET search_path = 'nowhere'; ALTER ROLE odd SET "
      "default_transaction_isolation = 'serializable'");
  session::AsyncConnection& connection = Connection(
      postgres_.conninfo("mine", "odd") + " application_name=else options='-c lock_timeout=1h'");
  ASSERT_TRUE(Await(connection.Connect()));
  EXPECT_EQ(Setting("lock_timeout"), std::to_string(limits::kLockTimeout / 1ms) + "ms");
  EXPECT_EQ(Setting("statement_timeout"), std::to_string(limits::kStatementTimeout / 1s) + "s");
  EXPECT_EQ(Setting("idle_in_transaction_session_timeout"),
            std::to_string(limits::kIdleInTransactionTimeout / 1s) + "s");
  EXPECT_EQ(Setting("TimeZone"), "UTC");
  EXPECT_EQ(Setting("search_path"), "public, pg_temp");
  EXPECT_EQ(Setting("default_transaction_isolation"), "read committed");
  EXPECT_EQ(Setting("default_transaction_read_only"), "off");
  EXPECT_EQ(Setting("application_name"), "usage-ingestd/test");  // stalled sessions are found by it
}

TEST_F(SessionTest, AStatementThatTimesOutLeavesTheSessionUsable) {
  ASSERT_TRUE(Await(Connection().Connect()));
  ASSERT_EQ(CodeOf("SET statement_timeout = '50ms'"), "");
  EXPECT_EQ(CodeOf("SELECT pg_sleep(30)"), Code(ErrorCode::kUnavailable));
  EXPECT_TRUE(connection_->connected());
  EXPECT_EQ(CodeOf("SELECT 1"), "");
}

TEST_F(SessionTest, ALockThatIsNotGivenIsAConflict) {
  Create("mine");
  Database other = postgres_.Connect("mine");
  other.Execute("CREATE TABLE t (a int)");
  other.Execute("BEGIN");
  other.Execute("LOCK TABLE t");
  ASSERT_TRUE(Await(Connection(postgres_.conninfo("mine")).Connect()));
  EXPECT_EQ(CodeOf("SELECT FROM t"), Code(ErrorCode::kConflict));
  EXPECT_TRUE(connection_->connected());
}

TEST_F(SessionTest, ATransactionLeftIdleEndsTheSession) {
  ASSERT_TRUE(Await(Connection().Connect()));
  ASSERT_EQ(CodeOf("SET idle_in_transaction_session_timeout = '50ms'; BEGIN"), "");
  Database admin = postgres_.Connect("postgres");
  ASSERT_TRUE(support::WaitUntil(support::After(20s), [&] {
    return admin.Number(
               "SELECT count(*) FROM pg_stat_activity WHERE application_name = "
               "'usage-ingestd/test'") == 0;
  }));
  EXPECT_EQ(CodeOf("SELECT 1"), Code(ErrorCode::kUnavailable));
  EXPECT_FALSE(connection_->connected());
}

TEST_F(SessionTest, AServerThatGoesAwayIsUnavailableAndComesBack) {
  ASSERT_TRUE(Await(Connection().Connect()));
  postgres_.Stop(support::PostgresCluster::StopMode::kImmediate);
  EXPECT_EQ(CodeOf("SELECT 1"), Code(ErrorCode::kUnavailable));
  EXPECT_FALSE(connection_->connected());
  const Result<> refused = Await(connection_->Connect());
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code, ErrorCode::kUnavailable);
  postgres_.Start();
  EXPECT_TRUE(Await(connection_->Connect()));
  EXPECT_EQ(CodeOf("SELECT 1"), "");
}

// A conninfo of several hosts goes on to the next one.
TEST_F(SessionTest, TheFirstHostThatAnswersIsTaken) {
  const std::string port = std::to_string(postgres_.port());
  const std::string conninfo = "host=127.0.0.1,127.0.0.1 port=1," + port +
                               " dbname=postgres user=postgres target_session_attrs=read-write";
  ASSERT_TRUE(Await(Connection(conninfo).Connect()));
  EXPECT_EQ(CodeOf("SELECT 1"), "");
}

// A host that takes connections and never says a word.
class SilentHost {
 public:
  SilentHost() : acceptor_(context_, {boost::asio::ip::make_address("127.0.0.1"), 0}) {}
  [[nodiscard]] std::string port() const {
    return std::to_string(acceptor_.local_endpoint().port());
  }

 private:
  boost::asio::io_context context_;
  boost::asio::ip::tcp::acceptor acceptor_;  // the kernel accepts; no one reads
};

TEST_F(SessionTest, AHostThatDoesNotAnswerLeavesTimeForTheNextOne) {
  const SilentHost silent;
  const std::string hosts = "host=127.0.0.1,127.0.0.1 port=" + silent.port() + "," +
                            std::to_string(postgres_.port()) + " dbname=postgres user=postgres";
  ASSERT_TRUE(Await(Connection(hosts).Connect())) << "with the default for each";
  EXPECT_EQ(CodeOf("SELECT 1"), "");
  ASSERT_TRUE(Await(Connection(hosts + " connect_timeout=1").Connect()));
}

TEST_F(SessionTest, ConnectTimeoutIsThatOfTheConninfo) {
  const SilentHost silent;
  const auto waited = [&](const std::string& timeout) {
    const auto begin = std::chrono::steady_clock::now();
    EXPECT_FALSE(Await(Connection("host=127.0.0.1 port=" + silent.port() + timeout).Connect()));
    return std::chrono::steady_clock::now() - begin;
  };
  EXPECT_LT(waited(" connect_timeout=2"), 4s);
  EXPECT_GE(waited(" connect_timeout=7"), 7s) << "longer than the default";
}

// The story: behind Pgpool-II nothing was ever written, and nothing said why.
TEST_F(SessionTest, AProxyThatAnswersNoPipelineIsNamed) {
  support::TcpGate gate(postgres_.port());
  session::AsyncConnection& connection = Connection(
      "host=127.0.0.1 dbname=postgres user=postgres port=" + std::to_string(gate.port()));
  ASSERT_TRUE(Await(connection.Connect()));
  EXPECT_EQ(CodeOf("SELECT 1"), "");
  const session::Statement statements[] = {{"SELECT 1", {}}, {"SELECT 2", {}}};
  gate.Stall();
  const auto silent = Await(connection.Pipeline(statements));
  ASSERT_FALSE(silent);
  EXPECT_EQ(silent.error().code, ErrorCode::kUnavailable);
  EXPECT_TRUE(Holds(silent.error().context, "pipeline")) << silent.error().context;
  EXPECT_TRUE(Holds(silent.error().context, "connect to PostgreSQL itself"));
  EXPECT_FALSE(connection.connected());
  // One that has answered a pipeline before is no such proxy.
  gate.Resume();
  ASSERT_TRUE(Await(connection.Connect()));
  ASSERT_TRUE(Await(connection.Pipeline(statements)));
  gate.Stall();
  const auto late = Await(connection.Pipeline(statements));
  ASSERT_FALSE(late);
  EXPECT_FALSE(Holds(late.error().context, "pipeline")) << late.error().context;
}

}  // namespace
}  // namespace usage_ingest::postgres
