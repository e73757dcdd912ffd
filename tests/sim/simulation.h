#pragma once
// Simulation: two or three processes, one Kafka, one PostgreSQL, one thread, one seed.
//
// A run is some hundred steps of a world in which things happen (records come, machines stop,
// the database falls back, people delete keys), with every invariant checked after each step; then
// nothing goes wrong any more, and within a bound everything that was produced must be accounted.
//
// Owner         a test.
#include <chrono>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "tests/sim/checker.h"
#include "tests/sim/counting_sink.h"
#include "tests/sim/sim_process.h"

namespace usage_ingest::sim {

struct SimulationOptions {
  std::uint64_t seed = 0;
  PlantedBug bug = PlantedBug::kNone;
  int steps = 140;  // all records are out after some 80 of them
};

struct SimulationResult {
  std::string violation;  // empty: every invariant held
  std::int64_t records = 0;
  std::int64_t commits = 0;
  std::int64_t fenced = 0;
  std::int64_t read_again = 0;  // batches that missed a record that was released
  std::int64_t staged = 0;
  std::chrono::nanoseconds settled_in{};  // from healing to the end
  AwaitPoints crashes{};
  AwaitPoints losses{};
};

class Simulation {
 public:
  explicit Simulation(const SimulationOptions& options);
  ~Simulation();
  SimulationResult Run();

 private:
  // simulation_world.cc: what happens
  void Populate();
  void Happen();
  void Produce();
  void ProduceEverywhere();
  void DisturbProcesses();
  void DisturbGroup();
  void FailOver();
  void DisturbDatabase();
  void DisturbReferences();
  void InsertForeign();
  void ReplaceLogs();
  void CreateSubscription(const Uuid& user, const std::string& model);
  void DeleteReference();
  void ResetQuotas();
  void RefuseOrHeal();
  void HealAll();
  void StopAProcessInCopy();

  void RunSome();
  bool RunOne();
  void AdvanceTime();
  void Settle();
  void RunFor(std::chrono::milliseconds duration);
  void RunToTheEnd();
  void CheckAll();
  // Grows with everything that is committed, in PostgreSQL or Kafka.
  [[nodiscard]] std::uint64_t Version() const {
    return database_.version() + kafka_.group.commits();
  }
  void Violate(const std::string& what);
  void StartProcess();
  [[nodiscard]] std::vector<SimProcess*> Running() const;

  SimulationOptions options_;
  Random random_;
  TimePoint now_;
  Faults faults_;
  FakeKafka kafka_;
  FakeDatabase database_;
  CountingSink telemetry_;
  Checker checker_;
  World world_;
  EventFactory events_;
  std::vector<std::unique_ptr<SimProcess>> processes_;  // those that crashed too
  std::optional<Tables> replica_;
  std::uint64_t checked_version_ = 0;
  std::uint64_t checked_tables_ = 0;
  std::uint8_t next_subscription_ = 0;
  std::uint8_t next_key_ = 0;
  bool replaces_logs_ = false;
  MemberId next_member_ = 0;
  bool has_refusals_ = false;  // without them, nothing may be refused
  SimulationResult result_;
};

}  // namespace usage_ingest::sim
