#include "ingest/kafka/client/client_config.h"

#include <gtest/gtest.h>

#include <array>

#include "ingest/kafka/client/fetch_limits.h"
#include "ingest/kafka/client/kafka_error.h"
#include "ingest/kafka/client/property_names.h"

namespace usage_ingest::kafka::client {
namespace {

constexpr std::size_t kMebibyte = std::size_t{1} << 20;

KafkaOptions Options() {
  KafkaOptions options;
  options.brokers = "broker:9092";
  options.topics = {"t"};
  options.group_id = "g";
  return options;
}

std::string Get(const ClientConfig& conf, const char* name) {
  std::array<char, 256> value{};
  std::size_t size = value.size();
  EXPECT_EQ(rd_kafka_conf_get(conf.get(), name, value.data(), &size), RD_KAFKA_CONF_OK) << name;
  return value.data();
}

TEST(ClientConfigTest, LeavesOffsetsToPostgres) {
  const auto conf = MakeClientConfig(Options(), ClientRole::kGroupConsumer);
  ASSERT_TRUE(conf.has_value()) << conf.error().context;
  EXPECT_EQ(Get(*conf, "enable.auto.commit"), "false");
  EXPECT_EQ(Get(*conf, "enable.auto.offset.store"), "false");
  EXPECT_EQ(Get(*conf, "auto.offset.reset"), "error");
  EXPECT_EQ(Get(*conf, "group.id"), "g");
}

TEST(ClientConfigTest, PassesTheOperatorsPropertiesOn) {
  KafkaOptions options = Options();
  options.properties = {{"session.timeout.ms", "20000"}, {"group.instance.id", "one"}};
  const auto conf = MakeClientConfig(options, ClientRole::kGroupConsumer);
  ASSERT_TRUE(conf.has_value()) << conf.error().context;
  EXPECT_EQ(Get(*conf, "session.timeout.ms"), "20000");
  EXPECT_EQ(Get(*conf, "group.instance.id"), "one");
}

TEST(ClientConfigTest, WinsWhereExactlyOnceAndTheMemoryBoundStandOnIt) {
  KafkaOptions options = Options();
  options.properties = {{"auto.offset.reset", "latest"},
                        {"enable.auto.commit", "true"},
                        {"fetch.max.bytes", "99999999"},
                        {"queued.max.messages.kbytes", "999999"}};
  const auto conf = MakeClientConfig(options, ClientRole::kGroupConsumer);
  ASSERT_TRUE(conf.has_value()) << conf.error().context;
  EXPECT_EQ(Get(*conf, "auto.offset.reset"), "error");
  EXPECT_EQ(Get(*conf, "enable.auto.commit"), "false");
  const FetchLimits limits = FetchLimitsFor(options.prefetch_bytes);
  EXPECT_EQ(Get(*conf, "fetch.max.bytes"), std::to_string(limits.fetch_bytes));
  EXPECT_EQ(Get(*conf, "queued.max.messages.kbytes"), std::to_string(limits.queued_kbytes));
}

TEST(ClientConfigTest, ARangeReaderIsNoMemberWithAName) {
  KafkaOptions options = Options();
  options.properties = {{"group.instance.id", "one"}};
  const auto conf = MakeClientConfig(options, ClientRole::kRangeReader);
  ASSERT_TRUE(conf.has_value()) << conf.error().context;
  std::array<char, 64> value{};
  std::size_t size = value.size();
  EXPECT_NE(rd_kafka_conf_get(conf->get(), "group.instance.id", value.data(), &size),
            RD_KAFKA_CONF_OK);
  EXPECT_EQ(Get(*conf, "enable.partition.eof"), "true");
}

// What librdkafka 2.0.2 needed a wake-up call for.
TEST(ClientConfigTest, LooksForRoomInTheFullPrefetchQueueWithinMilliseconds) {
  for (const ClientRole role : {ClientRole::kGroupConsumer, ClientRole::kRangeReader}) {
    const auto conf = MakeClientConfig(Options(), role);
    ASSERT_TRUE(conf.has_value()) << conf.error().context;
    EXPECT_EQ(Get(*conf, "fetch.queue.backoff.ms"), "20");
  }
}

TEST(ClientConfigTest, SendsClientMetricsToTheBrokerOnlyWhenTold) {
  KafkaOptions options = Options();
  const auto conf = MakeClientConfig(options, ClientRole::kGroupConsumer);
  ASSERT_TRUE(conf.has_value()) << conf.error().context;
  EXPECT_EQ(Get(*conf, "enable.metrics.push"), "false");
  options.properties = {{"enable.metrics.push", "true"}};
  const auto told = MakeClientConfig(options, ClientRole::kGroupConsumer);
  ASSERT_TRUE(told.has_value()) << told.error().context;
  EXPECT_EQ(Get(*told, "enable.metrics.push"), "true");
}

// What Kafka's documentation offers. An operator's property of another build would only fail at run
// time.
TEST(LibraryTest, IsBuiltWithEveryMechanismAndCodec) {
  ClientConfig conf(rd_kafka_conf_new());
  const std::string features = Get(conf, "builtin.features");
  for (const char* feature : {"ssl", "sasl_plain", "sasl_scram", "sasl_oauthbearer", "oidc",
                              "sasl_gssapi", "gzip", "snappy", "lz4", "zstd"}) {
    EXPECT_NE(features.find(feature), std::string::npos) << feature << " in " << features;
  }
}

TEST(LibraryTest, IsTheOneThatTheBuildRequires) {
  EXPECT_GE(rd_kafka_version(), 0x02080000);
  EXPECT_EQ(LibraryVersion(), rd_kafka_version_str());
}

TEST(ClientConfigTest, NamesThePropertyThatIsWrong) {
  KafkaOptions options = Options();
  options.properties = {{"session.timeout.ms", "soon"}};
  const auto conf = MakeClientConfig(options, ClientRole::kGroupConsumer);
  ASSERT_FALSE(conf.has_value());
  EXPECT_EQ(conf.error().code, ErrorCode::kFatal);
  EXPECT_NE(conf.error().context.find("session.timeout.ms"), std::string::npos);
}

// INV-6. Values, what each message costs beside its value, and two answers under way, decompressed.
TEST(FetchLimitsTest, TheSharesTogetherStayWithinTheWhole) {
  for (std::size_t share = kPrefetchBytesMin; share <= 4096 * kMebibyte; share *= 2) {
    const FetchLimits limits = FetchLimitsFor(share);
    EXPECT_LE(
        limits.queued_kbytes * 1024 + limits.queued_records * 512 + 2 * 16 * limits.fetch_bytes,
        share)
        << share;
    EXPECT_GE(limits.fetch_bytes, limits.message_bytes);
    EXPECT_GE(limits.fetch_bytes, 32U << 10);
  }
}

// Not under TSan: librdkafka starts its threads by C11's thrd_create, which GCC 12's TSan does not
// know, and its allocator fails in a thread that it does not know.
#if !defined(__SANITIZE_THREAD__)
TEST(FetchLimitsTest, LibrdkafkaAcceptsTheSmallestAndTheLargest) {
  for (const std::size_t share :
       {std::size_t{0}, kPrefetchBytesMin, 512 * kMebibyte, 2048 * kMebibyte}) {
    KafkaOptions options = Options();
    options.prefetch_bytes = share;
    auto conf = MakeClientConfig(options, ClientRole::kGroupConsumer);
    ASSERT_TRUE(conf.has_value()) << conf.error().context;
    std::array<char, 256> why{};
    const ClientHandle client(rd_kafka_new(RD_KAFKA_CONSUMER, conf->get(), why.data(), why.size()));
    ASSERT_NE(client, nullptr) << why.data();
    static_cast<void>(conf->release());  // the client's now
  }
}
#endif

TEST(KafkaErrorTest, SaysWhatTheCallerMustDo) {
  EXPECT_EQ(ToErrorCode(RD_KAFKA_RESP_ERR__TRANSPORT), ErrorCode::kUnavailable);
  EXPECT_EQ(ToErrorCode(RD_KAFKA_RESP_ERR_UNKNOWN_TOPIC_OR_PART), ErrorCode::kUnavailable);
  EXPECT_EQ(ToErrorCode(RD_KAFKA_RESP_ERR_TOPIC_AUTHORIZATION_FAILED), ErrorCode::kUnavailable);
  EXPECT_EQ(ToErrorCode(RD_KAFKA_RESP_ERR__ALL_BROKERS_DOWN), ErrorCode::kUnavailable);
  EXPECT_EQ(ToErrorCode(RD_KAFKA_RESP_ERR_ILLEGAL_GENERATION), ErrorCode::kFenced);
  EXPECT_EQ(ToErrorCode(RD_KAFKA_RESP_ERR_REBALANCE_IN_PROGRESS), ErrorCode::kFenced);
  EXPECT_EQ(ToErrorCode(RD_KAFKA_RESP_ERR_FENCED_INSTANCE_ID), ErrorCode::kFatal);
  EXPECT_EQ(ToErrorCode(RD_KAFKA_RESP_ERR__FATAL), ErrorCode::kFatal);
  EXPECT_EQ(ToErrorCode(RD_KAFKA_RESP_ERR__BAD_MSG), ErrorCode::kBadRecord);
  EXPECT_EQ(ToErrorCode(RD_KAFKA_RESP_ERR__BAD_COMPRESSION), ErrorCode::kBadRecord);
}

TEST(KafkaErrorTest, NamesTheCode) {
  const Error error = MakeKafkaError(RD_KAFKA_RESP_ERR__TIMED_OUT, "asking for offsets");
  EXPECT_EQ(error.context, "asking for offsets: Local: Timed out (_TIMED_OUT)");
}

}  // namespace
}  // namespace usage_ingest::kafka::client
