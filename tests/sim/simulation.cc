#include "tests/sim/simulation.h"

#include <algorithm>
#include <array>
#include <utility>

namespace usage_ingest::sim {
namespace {

using namespace std::chrono_literals;

constexpr std::size_t kPartitions = 4;
constexpr auto kPollTimeout = 100ms;
// Settling must not take longer; each is far above what was seen in 10,000 seeds (19 s).
constexpr auto kSettleTimeMax = 60s;
constexpr int kSettleRoundsMax = 50'000;
constexpr auto kAfterlife = 5s;

}  // namespace

Simulation::Simulation(const SimulationOptions& options)
    : options_(options),
      random_(options.seed),
      faults_(random_),
      kafka_(kPartitions, random_),
      database_([this](const std::string& what) { Violate(what); }),
      checker_(kafka_, database_),
      world_{.now = now_,
             .kafka = kafka_,
             .database = database_,
             .faults = faults_,
             .bug = options.bug,
             .telemetry = telemetry_,
             .violated = [this](const std::string& what) { Violate(what); }},
      events_(random_) {
  constexpr std::array<std::size_t, 5> kIntensities = {0, 5, 20, 60, 120};
  faults_.per_thousand = kIntensities.at(random_.Below(kIntensities.size()));
  faults_.is_slow = random_.PerThousand(700);
  replaces_logs_ = random_.PerThousand(300);
  has_refusals_ = random_.PerThousand(600);
  Populate();
  for (std::int64_t i = random_.Between(2, 3); i > 0; --i) StartProcess();
}

Simulation::~Simulation() = default;

void Simulation::Violate(const std::string& what) {
  if (result_.violation.empty()) result_.violation = what;
}

void Simulation::StartProcess() {
  processes_.push_back(std::make_unique<SimProcess>(next_member_++, world_));
}

std::vector<SimProcess*> Simulation::Running() const {
  std::vector<SimProcess*> running;
  for (const auto& process : processes_) {
    if (!process->is_crashed && !process->is_frozen) running.push_back(process.get());
  }
  return running;
}

SimulationResult Simulation::Run() {
  for (int step = 0; step < options_.steps && result_.violation.empty(); ++step) {
    Happen();
    RunSome();
    CheckAll();
  }
  if (result_.violation.empty()) Settle();
  result_.commits = telemetry_.commits;
  result_.fenced = telemetry_.fenced;
  result_.read_again = telemetry_.read_again;
  result_.staged = telemetry_.staged;
  result_.crashes = faults_.crashes;
  result_.losses = faults_.losses;
  processes_.clear();
  return result_;
}

// Runs the processes that are ready, one handler at a time, in random order. Time passes when none
// is ready.
void Simulation::RunSome() {
  for (std::int64_t left = random_.Between(1, 30); left > 0; --left) {
    if (RunOne()) continue;
    AdvanceTime();
  }
}

bool Simulation::RunOne() {
  const auto running = Running();
  if (running.empty()) return false;
  const std::size_t first = random_.Below(running.size());
  for (std::size_t i = 0; i < running.size(); ++i) {
    SimProcess& process = *running[(first + i) % running.size()];
    if (!process.RunOne()) continue;
    if (process.HoldsTooMuch()) Violate("INV-6: a lane holds more bytes than its bounds allow");
    CheckAll();
    return true;
  }
  return false;
}

void Simulation::AdvanceTime() {
  TimePoint next = now_ + kPollTimeout;
  for (const SimProcess* process : Running()) {
    if (const auto deadline = process->NextDeadline()) next = std::min(next, *deadline);
  }
  now_ = std::max(next, now_ + 1us);
  database_.PassTime(now_);
  for (SimProcess* process : Running()) process->FireTimers();
}

void Simulation::CheckAll() {
  if (!result_.violation.empty() || checked_version_ == Version()) return;
  checked_version_ = Version();
  const bool is_kafka_alone = checked_tables_ == database_.version();
  checked_tables_ = database_.version();
  Violate(is_kafka_alone ? checker_.CheckKafka() : checker_.Check());
}

void Simulation::Settle() {
  HealAll();
  if (random_.PerThousand(300)) StopAProcessInCopy();
  if (replaces_logs_) ProduceEverywhere();
  RunToTheEnd();
  // All records are stored: no further one shows that the database went back.
  if (random_.PerThousand(200)) FailOver();
  // The zombies wake up, and it must make no difference.
  for (const auto& process : processes_) process->is_frozen = false;
  RunFor(kAfterlife);
  if (replaces_logs_) ProduceEverywhere();
  RunToTheEnd();
  Violate(checker_.Check());
}

void Simulation::RunFor(std::chrono::milliseconds duration) {
  const TimePoint end = now_ + duration;
  while (result_.violation.empty() && now_ < end) {
    if (!RunOne()) AdvanceTime();
  }
}

void Simulation::RunToTheEnd() {
  const TimePoint begin = now_;
  const TimePoint give_up_at = now_ + kSettleTimeMax;
  std::string left = checker_.WhatIsLeft();
  std::uint64_t looked_at = Version();
  for (int rounds = 0; result_.violation.empty() && !left.empty(); ++rounds) {
    if (rounds > kSettleRoundsMax || now_ > give_up_at) {
      return Violate("it does not come to an end: " + left);
    }
    if (!RunOne()) AdvanceTime();
    if (std::exchange(looked_at, Version()) != Version()) left = checker_.WhatIsLeft();
  }
  result_.settled_in = std::max(result_.settled_in, now_ - begin);
}

}  // namespace usage_ingest::sim
