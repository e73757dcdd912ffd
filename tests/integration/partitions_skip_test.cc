// A damaged batch on a real broker, seen through the real daemon: what it says, and how an operator
// gives the records up.
#include <endian.h>
#include <gmock/gmock.h>

#include <array>
#include <cstring>
#include <fstream>

#include "tests/support/pipeline/pipeline_fixture.h"
#include "tests/support/wait.h"

namespace usage_ingest::support {
namespace {

using namespace std::chrono_literals;
using ::testing::AllOf;
using ::testing::HasSubstr;

constexpr int kExitBadInput = 65;

class PartitionsSkipTest : public PipelineTest {
 protected:
  // Damages the first batch of partition 0; returns the offset behind it.
  // Source: Kafka's protocol guide, "Record Batch".
  std::int64_t DamageFirstBatch() {
    const auto path = kafka_.PartitionDirectory(kTopic, 0) / "00000000000000000000.log";
    std::fstream file(path, std::ios::in | std::ios::out | std::ios::binary);
    std::array<char, 27> header{};
    file.read(header.data(), header.size());
    std::uint32_t length = 0;
    std::uint32_t last_offset_delta = 0;
    std::memcpy(&length, header.data() + 8, sizeof length);
    std::memcpy(&last_offset_delta, header.data() + 23, sizeof last_offset_delta);
    const auto last_byte = static_cast<std::streamoff>(12 + be32toh(length) - 1);
    file.seekg(last_byte);
    const int byte = file.get();
    file.seekp(last_byte);
    file.put(static_cast<char>(byte ^ 1));
    return be32toh(last_offset_delta) + std::int64_t{1};
  }
  static CommandResult Skip(const DaemonProcess& daemon, std::int64_t from, std::int64_t to) {
    return daemon.Run({"partitions", "skip", "--topic", kTopic, "--partition", "0", "--from-offset",
                       std::to_string(from), "--to-offset", std::to_string(to)});
  }
};

TEST_F(PartitionsSkipTest, ADamagedBatchIsSaidAndGivenUp) {
  GeneratedLoad load({}, kTopic);
  Install(load);
  Producer producer(kafka_.brokers());
  load.Publish(producer, 4'000);
  const std::int64_t behind = DamageFirstBatch();
  DaemonProcess daemon(DaemonDefaults());
  daemon.StartAndWait();
  ASSERT_TRUE(WaitUntil(After(30s), [&] {
    return daemon.Metric("usage_ingest_partition_stuck", {"reason=\"corrupt_batch\""}) == 1;
  })) << daemon.log();
  const std::string command = "partitions skip --topic " + std::string(kTopic) +
                              " --partition 0 --from-offset 0 --to-offset " +
                              std::to_string(behind);
  EXPECT_EQ(daemon.Get("/readyz").status, 200);
  EXPECT_THAT(daemon.Get("/readyz").body,
              AllOf(HasSubstr("is not read at offset 0"), HasSubstr(command)));
  EXPECT_THAT(daemon.Get("/status").body,
              HasSubstr(R"("stuck":{"reason":"corrupt_batch","offset":0,)"));
  EXPECT_TRUE(WaitUntil(After(30s), [&] {
    return database_.Number(
               "SELECT count(*) FROM usage_ingest.kafka_offsets "
               "WHERE partition > 0 AND records > 0") == partitions_ - 1;
  })) << "the others are read";

  EXPECT_EQ(Skip(daemon, 1, behind).exit_code, kExitBadInput);
  EXPECT_EQ(Skip(daemon, 0, 1'000'000).exit_code, kExitBadInput) << "behind the end";
  const CommandResult skipped = Skip(daemon, 0, behind);
  EXPECT_EQ(skipped.exit_code, 0) << skipped.errors;
  EXPECT_EQ(
      database_.Number("SELECT count(*) FROM audit_logs WHERE action = "
                       "'kafka.records_skipped' AND (metadata->>'to_offset')::int8 = $1::int8",
                       {std::to_string(behind)}),
      1);
  EXPECT_EQ(Skip(daemon, 0, behind).exit_code, kExitBadInput) << "it is done";
  const ExpectedTotals all = load.Expected(producer);
  ExpectTotalsMatch({.records = all.records, .gap_records = behind});
  EXPECT_EQ(daemon.Metric("usage_ingest_partition_stuck"), 0);
  EXPECT_EQ(daemon.Terminate(), 0) << daemon.log();
}

TEST_F(PartitionsSkipTest, CheckConfigFetchesARecordAndLooksAtTheTopic) {
  const std::string topic = "compacted";
  kafka_.admin().CreateTopic(topic, {.settings = {{"cleanup.policy", "compact"},
                                                  {"retention.ms", "3600000"},
                                                  {"max.message.bytes", "200000000"}}});
  DaemonOptions options = DaemonDefaults();
  options.topics = {topic};
  const DaemonProcess daemon(options);
  const CommandResult result = daemon.Run({"check-config", "--connect"});
  EXPECT_EQ(result.exit_code, 0) << result.output << result.errors;
  EXPECT_THAT(result.output, AllOf(HasSubstr("it is compacted"), HasSubstr("are kept for"),
                                   HasSubstr("it has one replica"), HasSubstr("a batch may have"),
                                   HasSubstr("cleanup.policy=delete")));
}

TEST_F(PartitionsSkipTest, RunWarnsOfATopicThatMayLoseUsage) {
  kafka_.admin().CreateTopic("compacted", {.settings = {{"cleanup.policy", "compact"}}});
  DaemonOptions options = DaemonDefaults();
  options.topics = {"compacted"};
  DaemonProcess daemon(options);
  daemon.Start();
  EXPECT_TRUE(WaitUntil(After(std::chrono::seconds(30)), [&] {
    return daemon.log().find("topic compacted: it is compacted") != std::string::npos;
  })) << daemon.log();
  EXPECT_EQ(daemon.Terminate(), 0) << daemon.log();
}

}  // namespace
}  // namespace usage_ingest::support
