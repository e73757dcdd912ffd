#pragma once
// Publish: sends an event stream to Kafka and reports what it sent.
#include <cstdint>
#include <stop_token>
#include <string>

#include "bench/load/event_renderer.h"
#include "bench/load/event_stream.h"
#include "bench/load/expectation.h"
#include "bench/load/kafka_producer.h"
#include "bench/load/progress_watch.h"

namespace usage_ingest::load {

struct PublishOptions {
  KafkaProducer::Options kafka;
  ProgressWatch::Options watch;  // used when its conninfo is set
  std::uint64_t deliveries = 0;  // 0: until stopped
  double rate = 0;               // a second; 0: as fast as it goes
  int threads = 1;
  std::string status_file;         // rewritten four times a second: "records bytes"
  std::int64_t await_seconds = 0;  // how long to wait for everything to become visible
};

struct PublishReport {
  Expectation expectation;
  double seconds = 0;  // until the last acknowledgement
  bool all_seen = true;
  ProgressWatch::Latency latency;

  [[nodiscard]] std::string ToJson() const;
};

// Stops early, but cleanly (everything sent is acknowledged and reported), when `stop` is asked
// for.
[[nodiscard]] PublishReport Publish(const Population& population, const EventStream& stream,
                                    const EventRenderer& renderer, const PublishOptions& options,
                                    const std::stop_token& stop);

}  // namespace usage_ingest::load
