#include "tests/support/kafka/kafka_client.h"

namespace usage_ingest::support {

void CheckKafka(rd_kafka_resp_err_t error, const std::string& doing) {
  if (error != RD_KAFKA_RESP_ERR_NO_ERROR) throw KafkaError(doing, error);
}

KafkaHandle MakeKafkaHandle(rd_kafka_type_t type,
                            const std::map<std::string, std::string>& properties,
                            DeliveryReport report) {
  char message[512];
  rd_kafka_conf_t* conf = rd_kafka_conf_new();
  rd_kafka_conf_set_log_cb(conf, nullptr);
  rd_kafka_conf_set_opaque(conf, report.opaque);
  if (report.callback != nullptr) rd_kafka_conf_set_dr_msg_cb(conf, report.callback);
  for (const auto& [name, value] : properties) {
    if (rd_kafka_conf_set(conf, name.c_str(), value.c_str(), message, sizeof message) !=
        RD_KAFKA_CONF_OK) {
      rd_kafka_conf_destroy(conf);
      throw std::runtime_error(message);
    }
  }
  // rdkafka.h, rd_kafka_new: takes over `conf`, unless it fails.
  rd_kafka_t* kafka = rd_kafka_new(type, conf, message, sizeof message);
  if (kafka == nullptr) {
    rd_kafka_conf_destroy(conf);
    throw std::runtime_error(message);
  }
  return KafkaHandle(kafka);
}

}  // namespace usage_ingest::support
