#pragma once
// EventRenderer: facts -> the bytes that LiteLLM's callback would publish.
//
// Thread-safety const; share it. The output string is the caller's.
#include <memory>
#include <string>
#include <vector>

#include "bench/load/event_stream.h"
#include "bench/load/event_template.h"
#include "bench/load/population.h"

namespace usage_ingest::load {

class EventRenderer {
 public:
  EventRenderer(const Population& population, PayloadSize size);

  // Replaces `value`; empty for a tombstone (publish it as null).
  void Render(const EventFacts& facts, std::string& value) const;
  // The Kafka key: metadata.user_api_key_hash of the event.
  [[nodiscard]] std::string KafkaKey(const EventFacts& facts) const;

 private:
  const Population& population_;
  std::vector<std::unique_ptr<EventTemplate>> templates_;  // by EventKind
  std::vector<std::string> texts_;                         // prompts and answers
};

}  // namespace usage_ingest::load
