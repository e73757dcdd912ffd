// An outage of minutes is a few lines of the log, not hundreds (K16).
#include <gtest/gtest.h>

#include <algorithm>
#include <sstream>

#include "tests/support/kafka/secure_listeners.h"
#include "tests/support/pipeline/pipeline_fixture.h"

namespace usage_ingest::support {
namespace {

using namespace std::chrono_literals;
using Protocol = SecureListeners::Protocol;

constexpr int kNames = 2;  // librdkafka calls the same failure _SSL or _TRANSPORT

const SecureListeners& Listeners() {
  static const SecureListeners listeners;
  return listeners;
}

class ErrorLinesTest : public PipelineTest {
 protected:
  ErrorLinesTest() : PipelineTest({.kafka = Listeners().Options({})}) {}

  static int LinesWith(const std::string& log, const std::string& part) {
    int lines = 0;
    std::istringstream in(log);
    for (std::string line; std::getline(in, line);) {
      lines += line.find(part) == std::string::npos ? 0 : 1;
    }
    return lines;
  }
};

TEST_F(ErrorLinesTest, AnUntrustedAuthorityIsALineOfEachNameInTenSeconds) {
  DaemonOptions options = DaemonDefaults();
  // Two names of the broker: librdkafka connects to each by itself, so there are more errors.
  const std::string address = Listeners().Address(Protocol::kSaslSsl);
  options.brokers = address + ",localhost" + address.substr(address.find(':'));
  options.kafka_properties.merge(Listeners().Login(Protocol::kSaslSsl, "SCRAM-SHA-512"));
  options.kafka_properties.erase("ssl.ca.location");
  options.kafka_properties.insert({"reconnect.backoff.max.ms", "200"});
  DaemonProcess daemon(options);
  daemon.Start();
  const auto begin = std::chrono::steady_clock::now();
  const auto lines_allowed = [&begin] {
    const std::chrono::duration<double> took = std::chrono::steady_clock::now() - begin;
    return kNames * (1 + static_cast<int>(took.count() / 10));
  };
  // More errors than lines, or the comparison below says nothing. The first seconds have most of
  // them: later librdkafka connects when it needs a broker, on a busy machine every 30 seconds.
  ASSERT_TRUE(WaitUntil(After(180s), [&] {
    return daemon.Metric("usage_ingest_kafka_errors_total") >= std::max(5, 1 + lines_allowed());
  })) << daemon.log();
  const int lines_max = lines_allowed();
  const int lines = LinesWith(daemon.log(), "certificate");
  EXPECT_GE(lines, 1) << daemon.log();
  EXPECT_LE(lines, lines_max) << daemon.log();
}

}  // namespace
}  // namespace usage_ingest::support
