// RangeReader and KafkaProbe against a real Apache Kafka.
#include "ingest/kafka/range/range_reader.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <array>
#include <thread>

#include "ingest/kafka/client/kafka_probe.h"
#include "tests/integration/kafka/transactional_producer.h"
#include "tests/support/kafka_broker.h"
#include "tests/support/producer.h"
#include "tests/support/wait.h"

namespace usage_ingest::kafka::range {
namespace {

using consumer::TransactionalProducer;

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

constexpr auto kTimeout = std::chrono::milliseconds(20'000);

class RangeReaderTest : public ::testing::Test {
 protected:
  struct Read {
    Result<RangeProgress> result;
    std::map<std::int32_t, std::vector<std::string>> values;  // by partition
    std::map<std::int32_t, Offset> started;
    int reports = 0;
  };

  [[nodiscard]] client::KafkaOptions Options() const {
    client::KafkaOptions options;
    options.brokers = broker_.brokers();
    options.topics = {"t"};
    options.group_id = "g";
    return options;
  }
  // Record i of a partition has the value "p/i" and the timestamp 1000 * (i + 1).
  void Produce(int partitions, int count) {
    support::Producer producer(broker_.brokers());
    for (int i = next_; i < next_ + count; ++i) {
      for (int p = 0; p < partitions; ++p) {
        const std::string value = std::to_string(p) + "/" + std::to_string(i);
        producer.Produce(
            {.topic = "t", .partition = p, .value = value, .timestamp_ms = 1000 * (i + 1)});
      }
    }
    producer.Flush();
    next_ += count;
  }
  [[nodiscard]] Read ReadRange(const RangeRequest& request) {
    Read read;
    pipeline::LaneQueue queue({.records_max = 64, .bytes_max = 1 << 20}, [] {});
    std::vector<pipeline::LaneQueue::Producer> lanes;
    lanes.push_back(queue.MakeProducer());
    auto reader = RangeReader::Make(Options(), std::move(lanes));
    if (!reader) throw std::runtime_error(reader.error().context);
    std::jthread lane([&, consumer = queue.MakeConsumer()](const std::stop_token& stop) mutable {
      Drain(consumer, stop, read);
    });
    const auto ranges = (*reader)->Resolve(request, kTimeout);
    if (!ranges) {
      read.result = std::unexpected(ranges.error());
      return read;
    }
    read.result =
        (*reader)->Read(*ranges, std::stop_token(), [&](const RangeProgress&) { ++read.reports; });
    lane.request_stop();
    lane.join();
    return read;
  }
  static void Drain(pipeline::LaneQueue::Consumer& consumer, const std::stop_token& stop,
                    Read& read) {
    std::array<pipeline::Record, 16> chunk;
    for (;;) {
      const bool is_last = stop.stop_requested();  // before the look: nothing is missed
      const std::size_t count = consumer.Pop(chunk);
      for (std::size_t i = 0; i < count; ++i) {
        const std::int32_t partition = chunk[i].source->partition.value;
        if (chunk[i].kind == pipeline::Record::Kind::kStart)
          read.started[partition] = chunk[i].offset;
        if (chunk[i].kind == pipeline::Record::Kind::kMessage) {
          EXPECT_TRUE(read.started.contains(partition));
          read.values[partition].emplace_back(chunk[i].value);
        }
        chunk[i] = pipeline::Record{};
      }
      if (count == 0 && is_last) return;
      if (count == 0) std::this_thread::yield();
    }
  }

  support::KafkaBroker broker_{{.settings = {{"transaction.state.log.replication.factor", "1"},
                                             {"transaction.state.log.min.isr", "1"},
                                             {"transaction.state.log.num.partitions", "1"}}}};
  int next_ = 0;
};

TEST_F(RangeReaderTest, ReadsExactlyTheOffsetsAskedFor) {
  broker_.CreateTopic("t", 2);
  Produce(2, 1000);
  const Read read = ReadRange({.topic = "t", .from_offset = Offset{100}, .to_offset = Offset{900}});
  ASSERT_TRUE(read.result.has_value()) << read.result.error().context;
  EXPECT_EQ(read.result->records, 1600);
  EXPECT_EQ(read.result->offsets_done, 1600);
  EXPECT_EQ(read.result->offsets_total, 1600);
  for (const int partition : {0, 1}) {
    const auto& values = read.values.at(partition);
    ASSERT_EQ(values.size(), 800U);
    for (int i = 0; i < 800; ++i) {
      ASSERT_EQ(values[static_cast<std::size_t>(i)],
                std::to_string(partition) + "/" + std::to_string(100 + i));
    }
    EXPECT_EQ(read.started.at(partition), Offset{100});
  }
  EXPECT_GE(read.reports, 1);
  EXPECT_EQ(broker_.admin().Committed("g", "t", 0), std::nullopt) << "outside the group";
}

TEST_F(RangeReaderTest, ReadsTheLogThatThereIsWhenNoEndIsGiven) {
  broker_.CreateTopic("t", 2);
  Produce(2, 50);
  const Read read = ReadRange({.topic = "t", .partitions = {PartitionId{1}}});
  ASSERT_TRUE(read.result.has_value()) << read.result.error().context;
  EXPECT_EQ(read.result->records, 50);
  EXPECT_FALSE(read.values.contains(0));
}

TEST_F(RangeReaderTest, AnEndBeyondTheLogIsTheLogsEnd) {
  broker_.CreateTopic("t", 1);
  Produce(1, 50);
  const Read read =
      ReadRange({.topic = "t", .from_offset = Offset{48}, .to_offset = Offset{1'000'000}});
  ASSERT_TRUE(read.result.has_value()) << read.result.error().context;
  EXPECT_THAT(read.values.at(0), ElementsAre("0/48", "0/49"));
}

TEST_F(RangeReaderTest, ReadsByTheTimeOfTheRecord) {
  broker_.CreateTopic("t", 1);
  Produce(1, 50);
  const Read read = ReadRange({.topic = "t", .from_time_ms = 10'500, .to_time_ms = 13'000});
  ASSERT_TRUE(read.result.has_value()) << read.result.error().context;
  EXPECT_THAT(read.values.at(0), ElementsAre("0/10", "0/11")) << "[10.5 s, 13 s)";
}

TEST_F(RangeReaderTest, ATimeAfterTheLastRecordIsTheLogsEnd) {
  broker_.CreateTopic("t", 1);
  Produce(1, 3);
  const Read read = ReadRange({.topic = "t", .from_time_ms = 2'000, .to_time_ms = 99'000'000});
  ASSERT_TRUE(read.result.has_value()) << read.result.error().context;
  EXPECT_THAT(read.values.at(0), ElementsAre("0/1", "0/2"));
}

TEST_F(RangeReaderTest, CountsWhatIsGone) {
  broker_.CreateTopic("t", 1);
  Produce(1, 50);
  broker_.admin().DeleteRecordsBelow("t", 0, 30);
  const Read read = ReadRange({.topic = "t", .from_offset = Offset{10}, .to_offset = Offset{32}});
  ASSERT_TRUE(read.result.has_value()) << read.result.error().context;
  EXPECT_THAT(read.values.at(0), ElementsAre("0/30", "0/31"));
  EXPECT_EQ(read.result->gap_records, 20);
  EXPECT_EQ(read.started.at(0), Offset{30});
}

TEST_F(RangeReaderTest, ARangeThatIsGoneAltogetherEndsAtOnce) {
  broker_.CreateTopic("t", 1);
  Produce(1, 50);
  broker_.admin().DeleteRecordsBelow("t", 0, 30);
  const Read read = ReadRange({.topic = "t", .from_offset = Offset{10}, .to_offset = Offset{20}});
  ASSERT_TRUE(read.result.has_value()) << read.result.error().context;
  EXPECT_THAT(read.values, IsEmpty());
  EXPECT_EQ(read.result->gap_records, 10);
}

// The last offset of the range is a transaction's marker, which never comes.
TEST_F(RangeReaderTest, EndsInAHole) {
  broker_.CreateTopic("t", 1);
  TransactionalProducer(broker_.brokers()).CommitOne("t", "only");
  // The marker comes a moment after the commit.
  ASSERT_TRUE(support::WaitUntil(support::After(kTimeout),
                                 [&] { return broker_.admin().EndOffset("t", 0) == 2; }));
  const Read read = ReadRange({.topic = "t", .from_offset = Offset{0}, .to_offset = Offset{2}});
  ASSERT_TRUE(read.result.has_value()) << read.result.error().context;
  EXPECT_THAT(read.values.at(0), ElementsAre("only"));
}

TEST_F(RangeReaderTest, NamesAPartitionThatDoesNotExist) {
  broker_.CreateTopic("t", 2);
  const Read read = ReadRange({.topic = "t", .partitions = {PartitionId{2}}});
  ASSERT_FALSE(read.result.has_value());
  EXPECT_EQ(read.result.error().code, ErrorCode::kBadRequest);
  EXPECT_THAT(read.result.error().context, HasSubstr("no partition 2"));
}

TEST_F(RangeReaderTest, NamesATopicThatDoesNotExist) {
  const Read read = ReadRange({.topic = "nowhere"});
  ASSERT_FALSE(read.result.has_value());
  EXPECT_EQ(read.result.error().code, ErrorCode::kBadRequest);
  EXPECT_THAT(read.result.error().context, HasSubstr("nowhere"));
}

TEST_F(RangeReaderTest, TheProbeFindsBrokersTopicsAndGroup) {
  broker_.CreateTopic("t", 3);
  client::KafkaOptions options = Options();
  options.topics = {"t", "nowhere"};
  const auto findings = client::ProbeKafka(options, kTimeout);
  ASSERT_TRUE(findings.has_value()) << findings.error().context;
  EXPECT_EQ(findings->brokers, 1);
  ASSERT_EQ(findings->topics.size(), 2U);
  EXPECT_EQ(findings->topics[0].partitions, 3);
  EXPECT_EQ(findings->topics[0].problem, "");
  EXPECT_THAT(findings->topics[1].problem, HasSubstr("Unknown topic"));
  EXPECT_EQ(findings->group_problem, "");
}

TEST(KafkaProbeTest, ReportsInTimeWhyNoBrokerAnswers) {
  client::KafkaOptions options;
  options.brokers = "127.0.0.1:1";
  options.topics = {"t"};
  options.group_id = "g";
  const auto begin = std::chrono::steady_clock::now();
  const auto findings = client::ProbeKafka(options, std::chrono::milliseconds(1500));
  EXPECT_LT(std::chrono::steady_clock::now() - begin, std::chrono::milliseconds(4000));
  ASSERT_FALSE(findings.has_value());
  EXPECT_EQ(findings.error().code, ErrorCode::kUnavailable);
  EXPECT_THAT(findings.error().context, HasSubstr("Connection refused"));
}

TEST(KafkaProbeTest, SaysWhichPropertyIsWrong) {
  client::KafkaOptions options;
  options.brokers = "127.0.0.1:1";
  options.topics = {"t"};
  options.group_id = "g";
  options.properties = {{"security.protocol", "telepathy"}};
  const auto findings = client::ProbeKafka(options, std::chrono::milliseconds(1500));
  ASSERT_FALSE(findings.has_value());
  EXPECT_EQ(findings.error().code, ErrorCode::kFatal);
  EXPECT_THAT(findings.error().context, HasSubstr("security.protocol"));
}

}  // namespace
}  // namespace usage_ingest::kafka::range
