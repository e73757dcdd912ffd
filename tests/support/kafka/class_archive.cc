#include "tests/support/kafka/class_archive.h"

#include <filesystem>
#include <stdexcept>

#include "tests/support/kafka/kafka_broker.h"
#include "tests/support/kafka/producer.h"
#include "tests/support/made_once.h"

namespace usage_ingest::support {
namespace {

using namespace std::chrono_literals;
namespace fs = std::filesystem;

constexpr char kTopic[] = "classes";

void ConsumeOneRecord(const std::string& brokers) {
  const KafkaHandle consumer = MakeKafkaHandle(
      RD_KAFKA_CONSUMER,
      {{"bootstrap.servers", brokers}, {"group.id", kTopic}, {"auto.offset.reset", "earliest"}});
  const PartitionList topics(rd_kafka_topic_partition_list_new(1));
  rd_kafka_topic_partition_list_add(topics.get(), kTopic, RD_KAFKA_PARTITION_UA);
  CheckKafka(rd_kafka_subscribe(consumer.get(), topics.get()), "subscribe");
  const bool consumed = WaitUntil(After(60s), [&] {
    rd_kafka_message_t* message = rd_kafka_consumer_poll(consumer.get(), 100);
    if (message == nullptr) return false;
    const bool is_record = message->err == RD_KAFKA_RESP_ERR_NO_ERROR;
    rd_kafka_message_destroy(message);
    return is_record;
  });
  if (!consumed) throw std::runtime_error("no record came from the broker of the class archive");
  CheckKafka(rd_kafka_commit(consumer.get(), nullptr, /*async=*/0), "commit");
  CheckKafka(rd_kafka_consumer_close(consumer.get()), "close");
}

// The JVM writes the archive when it ends in order.
void Make(const fs::path& archive) {
  KafkaBroker kafka({.jvm_option = "-XX:ArchiveClassesAtExit=" + archive.string()});
  kafka.CreateTopic(kTopic, 1);
  Producer producer(kafka.brokers());
  producer.Produce({.topic = kTopic, .partition = 0, .value = "x"});
  producer.Flush();
  ConsumeOneRecord(kafka.brokers());
  kafka.Stop();
  if (!fs::exists(archive)) throw std::runtime_error("the JVM wrote no " + archive.string());
}

}  // namespace

std::string UseOfClassArchive(const std::string& kafka_version) {
  return "-XX:SharedArchiveFile=" + MadeOnce(kafka_version + ".jsa", Make).string();
}

}  // namespace usage_ingest::support
