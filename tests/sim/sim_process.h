#pragma once
// SimProcess: one usage-ingestd of the simulation: a consumer, two real lanes, their sessions.
//
// It has an io_context of its own, so that it can be stopped at any await point by not running it
// (SIGSTOP, a paused machine) and go on later; all run on the one thread of the simulation.
//
// Owner         the simulation, until the end: a process that crashed is never run again, but its
//               coroutines are taken down in order when it is destroyed.
#include <boost/asio/io_context.hpp>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "ingest/pipeline/lane.h"
#include "tests/sim/fake_batch_store.h"
#include "tests/sim/fake_consumer.h"
#include "tests/sim/virtual_clock.h"

namespace usage_ingest::sim {

struct World {
  TimePoint& now;
  FakeKafka& kafka;
  FakeDatabase& database;
  Faults& faults;
  PlantedBug bug = PlantedBug::kNone;
  pipeline::TelemetrySink& telemetry;
  std::function<void(const std::string&)> violated;
};

class SimProcess {
 public:
  SimProcess(MemberId member, World& world);
  ~SimProcess();
  SimProcess(const SimProcess&) = delete;
  SimProcess& operator=(const SimProcess&) = delete;

  // Runs one handler of a lane, or a turn of the consumer. False: nothing was ready.
  bool RunOne();
  void FireTimers() { clock_.FireDue(); }
  [[nodiscard]] std::optional<TimePoint> NextDeadline() const { return clock_.NextDeadline(); }
  void Crash();  // kill -9: PostgreSQL ends the sessions, Kafka notices by itself
  void ExpireAttribution();

  // INV-6: more bytes of records than queue and batches of a lane may have.
  [[nodiscard]] bool HoldsTooMuch() const;

  [[nodiscard]] MemberId member() const { return member_; }
  [[nodiscard]] std::vector<SessionId> sessions() const;

  bool is_frozen = false;
  bool is_crashed = false;

 private:
  static constexpr std::size_t kLanes = 2;
  struct LaneParts {
    LaneParts();
    pipeline::LaneQueue queue;
    std::unique_ptr<FakeBatchStore> store;
    std::unique_ptr<pipeline::Lane> lane;
    bool has_ended = false;
  };
  void StartLanes(World& world);

  MemberId member_;
  World& world_;
  boost::asio::io_context context_{1};
  VirtualClock clock_;
  std::vector<std::size_t> held_bytes_ =
      std::vector<std::size_t>(kLanes);  // of each lane's records
  pipeline::ConsumerInbox inbox_;
  std::vector<std::unique_ptr<LaneParts>> lanes_;
  std::unique_ptr<FakeConsumer> consumer_;
};

}  // namespace usage_ingest::sim
