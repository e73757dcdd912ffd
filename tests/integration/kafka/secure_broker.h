#pragma once
// SecureBroker: a broker with SecureListeners and their user.
#include <map>
#include <string>

#include "tests/support/kafka/kafka_broker.h"
#include "tests/support/kafka/secure_listeners.h"

namespace usage_ingest::kafka::consumer {

using Protocol = support::SecureListeners::Protocol;

class SecureBroker {
 public:
  // `settings`: server.properties, over those of the listeners.
  explicit SecureBroker(const std::map<std::string, std::string>& settings = {})
      : broker_(listeners_.Options(settings)) {
    support::SecureListeners::AddUser(broker_.admin());
  }

  [[nodiscard]] support::KafkaBroker& broker() { return broker_; }
  [[nodiscard]] const support::SecureListeners& listeners() const { return listeners_; }

 private:
  support::SecureListeners listeners_;  // before the broker, which reads its certificates
  support::KafkaBroker broker_;
};

}  // namespace usage_ingest::kafka::consumer
