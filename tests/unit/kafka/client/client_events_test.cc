#include "ingest/kafka/client/client_events.h"

#include <gtest/gtest.h>

#include "ingest/kafka/client/group_client.h"
#include "tests/support/captured_log.h"

namespace usage_ingest::kafka::client {
namespace {

class ErrorCounter final : public pipeline::TelemetrySink {
 public:
  void On(const pipeline::TelemetryEvent& event) override {
    if (std::holds_alternative<pipeline::KafkaFailed>(event)) ++errors;
  }
  int errors = 0;
};

TEST(ClientEventsTest, AnErrorOfOneKindIsLoggedOnceWhateverItsText) {
  ErrorCounter counter;
  ClientEvents events(&counter, ClientEvents::Voice::kLog);
  const support::CapturedLog log;
  for (int ms = 0; ms < 100; ++ms) {
    events.Report({ErrorCode::kUnavailable, "after " + std::to_string(ms) + "ms"}, "_TRANSPORT");
  }
  EXPECT_EQ(counter.errors, 100);
  EXPECT_EQ(log.lines(), 1) << log.text();
}

// Not under TSan: see client_config_test.cc.
#if !defined(__SANITIZE_THREAD__)
// librdkafka reports the same failure as a log line and as an error.
TEST(ClientEventsTest, ABrokerThatIsAwayIsLoggedOncePerKindOfError) {
  ErrorCounter counter;
  KafkaOptions options;
  options.brokers = "127.0.0.1:1";
  options.topics = {"t"};
  options.group_id = "g";
  const support::CapturedLog log;
  auto client = GroupClient::Make(options, &counter);
  ASSERT_TRUE(client.has_value()) << client.error().context;
  ASSERT_TRUE((*client)->Subscribe(options.topics).has_value());
  while (counter.errors < 2) {
    ASSERT_EQ((*client)->Poll(std::chrono::milliseconds(100)), nullptr);
  }
  (*client)->Close(std::chrono::steady_clock::now());
  EXPECT_EQ(log.lines(), 2) << log.text();
  EXPECT_EQ(log.text().find("FAIL"), std::string::npos) << log.text();
}
#endif

}  // namespace
}  // namespace usage_ingest::kafka::client
