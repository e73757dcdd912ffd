// RangeReader and KafkaProbe against a real Apache Kafka.
#include "ingest/kafka/range/range_reader.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <array>
#include <fstream>
#include <thread>

#include "ingest/kafka/client/kafka_probe.h"
#include "tests/integration/kafka/transactional_producer.h"
#include "tests/support/kafka/kafka_broker.h"
#include "tests/support/kafka/producer.h"
#include "tests/support/wait.h"

namespace usage_ingest::kafka::range {
namespace {

using consumer::TransactionalProducer;

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::UnorderedElementsAre;

constexpr auto kTimeout = std::chrono::milliseconds(20'000);

class RangeReaderTest : public ::testing::Test {
 protected:
  struct Read {
    Result<RangeProgress> result;
    std::map<std::int32_t, std::vector<std::string>> values;  // by partition
    std::map<std::int32_t, Offset> started;
    int reports = 0;
    std::vector<MissingRange> missing;

    [[nodiscard]] std::int64_t gap_records() const { return CountGone(missing); }
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
  // To partition 0; the value is the timestamp.
  void ProduceAt(const std::vector<std::int64_t>& times_ms) {
    support::Producer producer(broker_.brokers());
    for (const std::int64_t time_ms : times_ms) {
      const std::string value = std::to_string(time_ms);
      producer.Produce({.topic = "t", .partition = 0, .value = value, .timestamp_ms = time_ms});
    }
    producer.Flush();
  }
  // Flips a bit of the record with this value on the broker's disk.
  void Damage(int partition, const std::string& value) {
    std::fstream file(broker_.PartitionDirectory("t", partition) / "00000000000000000000.log",
                      std::ios::in | std::ios::out | std::ios::binary);
    const std::string bytes((std::istreambuf_iterator<char>(file)), {});
    const std::size_t at = bytes.find(value);
    if (at == std::string::npos) throw std::runtime_error(value + " is not in the log");
    file.seekp(static_cast<std::streamoff>(at));
    file.put(static_cast<char>(value.front() ^ 0x20));
  }
  static std::vector<std::string> Missing(const Read& read) {
    std::vector<std::string> lines;
    for (const MissingRange& missing : read.missing) {
      lines.push_back(
          std::to_string(missing.begin.value) + " to " + std::to_string(missing.end.value) + " " +
          std::string(TextOf(missing.reason).name) + (missing.is_certain ? "" : " perhaps"));
    }
    return lines;
  }
  [[nodiscard]] Read ReadRange(const RangeRequest& request, std::int64_t rate_max = 0) {
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
    read.result = (*reader)->Read(*ranges, std::stop_token(),
                                  {.records_per_second_max = rate_max,
                                   .on_progress = [&](const RangeProgress&) { ++read.reports; }});
    lane.request_stop();
    lane.join();
    read.missing = (*reader)->missing();
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

  support::KafkaBroker broker_;
  int next_ = 0;
};

TEST_F(RangeReaderTest, DeliversNoMoreThanTheRate) {
  broker_.CreateTopic("t", 2);
  Produce(2, 300);
  const auto begin = std::chrono::steady_clock::now();
  const Read read = ReadRange({.topic = "t"}, 200);
  const std::chrono::duration<double> took = std::chrono::steady_clock::now() - begin;
  ASSERT_TRUE(read.result.has_value()) << read.result.error().context;
  EXPECT_EQ(read.result->records, 600);
  EXPECT_GE(took.count(), (600 - 20) / 200.0);  // the burst is a tenth of a second
}

TEST_F(RangeReaderTest, ReadsExactlyTheOffsetsAskedFor) {
  broker_.CreateTopic("t", 2);
  Produce(2, 1000);
  const Read read = ReadRange({.topic = "t", .from_offset = Offset{100}, .to_offset = Offset{900}});
  ASSERT_TRUE(read.result.has_value()) << read.result.error().context;
  EXPECT_EQ(read.result->records, 1600);
  EXPECT_EQ(read.result->offsets_done, 1600);
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
  EXPECT_THAT(Missing(read), ElementsAre("50 to 1000000 behind_end"));
}

// What the log lost to a truncation is named, not taken for an empty range.
TEST_F(RangeReaderTest, ARangeBehindTheLogIsMissing) {
  broker_.CreateTopic("t", 1);
  Produce(1, 50);
  const Read read = ReadRange({.topic = "t", .from_offset = Offset{60}, .to_offset = Offset{80}});
  ASSERT_TRUE(read.result.has_value()) << read.result.error().context;
  EXPECT_THAT(read.values, IsEmpty());
  EXPECT_THAT(Missing(read), ElementsAre("60 to 80 behind_end"));
}

// The story: a producer's transaction hung, and the replay ended with 0 records and no word.
TEST_F(RangeReaderTest, WhatAnOpenTransactionHidesIsMissing) {
  broker_.CreateTopic("t", 1);
  Produce(1, 5);
  TransactionalProducer producer(broker_.brokers());
  producer.LeaveOpen("t", "open");
  Produce(1, 4);
  const RangeRequest by_offset{.topic = "t", .from_offset = Offset{2}, .to_offset = Offset{8}};
  const Read hidden = ReadRange(by_offset);
  ASSERT_TRUE(hidden.result.has_value()) << hidden.result.error().context;
  EXPECT_EQ(hidden.result->records, 3);
  EXPECT_THAT(Missing(hidden), ElementsAre("5 to 8 open_transaction"));
  const RangeRequest by_time{.topic = "t", .from_time_ms = 3'000, .to_time_ms = 99'000'000};
  EXPECT_THAT(Missing(ReadRange(by_time)), ElementsAre("5 to 10 open_transaction perhaps"));
  producer.Abort();
  ASSERT_TRUE(support::WaitUntil(support::After(kTimeout), [&] {
    const Read whole = ReadRange(by_offset);
    return whole.result->records == 5 && whole.missing.empty();
  }));
}

TEST_F(RangeReaderTest, ReadsByTheTimeOfTheRecord) {
  broker_.CreateTopic("t", 1);
  Produce(1, 50);
  const Read read = ReadRange({.topic = "t", .from_time_ms = 10'500, .to_time_ms = 13'000});
  ASSERT_TRUE(read.result.has_value()) << read.result.error().context;
  EXPECT_THAT(read.values.at(0), ElementsAre("0/10", "0/11")) << "[10.5 s, 13 s)";
}

// The story: a spill file was published late, and a replay of its time read 0 records.
TEST_F(RangeReaderTest, ReadsEveryRecordOfATimeWhateverTheirOrder) {
  broker_.CreateTopic("t", 1);
  ProduceAt({50'000, 10'000, 90'000, 20'000, 15'000, 5'000, 19'999});
  const auto times = [&](std::int64_t from_ms, std::int64_t to_ms) {
    Read read = ReadRange({.topic = "t", .from_time_ms = from_ms, .to_time_ms = to_ms});
    return read.result ? read.values[0] : std::vector<std::string>{read.result.error().context};
  };
  EXPECT_THAT(times(10'000, 20'000), ElementsAre("10000", "15000", "19999"));
  EXPECT_THAT(times(20'000, 60'000), ElementsAre("50000", "20000"));
  EXPECT_THAT(times(0, 10'000), ElementsAre("5000"));
  EXPECT_THAT(times(95'000, 99'000), IsEmpty());
}

// Kafka's numbers below 0 are no times: -2 would be the log's beginning, -1 its end.
TEST_F(RangeReaderTest, ATimeBefore1970IsOlderThanEveryRecord) {
  broker_.CreateTopic("t", 1);
  Produce(1, 3);
  for (const std::int64_t from_ms :
       {std::int64_t{-315'619'200'000}, std::int64_t{-2}, std::int64_t{-1}, std::int64_t{0}}) {
    const Read read = ReadRange({.topic = "t", .from_time_ms = from_ms, .to_time_ms = 3'000});
    ASSERT_TRUE(read.result.has_value()) << read.result.error().context;
    EXPECT_THAT(read.values.at(0), ElementsAre("0/0", "0/1")) << from_ms;
  }
  const Read none = ReadRange({.topic = "t", .from_time_ms = -20, .to_time_ms = -10});
  ASSERT_TRUE(none.result.has_value()) << none.result.error().context;
  EXPECT_THAT(none.values, IsEmpty());
}

TEST_F(RangeReaderTest, ByTimeWhatWasDeletedBeforeTheFirstRecordMayBeMissing) {
  broker_.CreateTopic("t", 1);
  Produce(1, 50);
  broker_.admin().DeleteRecordsBelow("t", 0, 30);
  EXPECT_THAT(Missing(ReadRange({.topic = "t", .from_time_ms = 10'000, .to_time_ms = 40'000})),
              ElementsAre("0 to 30 deleted perhaps"));
  EXPECT_THAT(Missing(ReadRange({.topic = "t", .from_time_ms = 35'000, .to_time_ms = 40'000})),
              IsEmpty());
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
  EXPECT_EQ(read.gap_records(), 20);
  EXPECT_EQ(read.started.at(0), Offset{30});
}

TEST_F(RangeReaderTest, ARangeThatIsGoneAltogetherEndsAtOnce) {
  broker_.CreateTopic("t", 1);
  Produce(1, 50);
  broker_.admin().DeleteRecordsBelow("t", 0, 30);
  const Read read = ReadRange({.topic = "t", .from_offset = Offset{10}, .to_offset = Offset{20}});
  ASSERT_TRUE(read.result.has_value()) << read.result.error().context;
  EXPECT_THAT(read.values, IsEmpty());
  EXPECT_EQ(read.gap_records(), 10);
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

// A batch that was damaged, and perhaps given up, does not keep the others from being read again.
TEST_F(RangeReaderTest, ADamagedBatchIsMissingAndTheOthersAreRead) {
  broker_.CreateTopic("t", 2);
  for (int batch = 0; batch < 4; ++batch) Produce(2, 2);
  Damage(0, "0/2");
  Damage(1, "1/6");  // the last batch of the log
  const Read read = ReadRange({.topic = "t", .from_offset = Offset{0}, .to_offset = Offset{8}});
  ASSERT_TRUE(read.result.has_value()) << read.result.error().context;
  EXPECT_THAT(read.values.at(0), ElementsAre("0/0", "0/1", "0/4", "0/5", "0/6", "0/7"));
  EXPECT_THAT(read.values.at(1), ElementsAre("1/0", "1/1", "1/2", "1/3", "1/4", "1/5"));
  EXPECT_THAT(Missing(read), UnorderedElementsAre("2 to 4 corrupt_batch", "6 to 8 corrupt_batch"));
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
