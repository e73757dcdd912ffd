#include "tests/sim/sim_process.h"

#include <algorithm>
#include <atomic>
#include <boost/asio/co_spawn.hpp>

namespace usage_ingest::sim {
namespace {

using namespace std::chrono_literals;

// What lanes see that a planted bug has robbed of the consumer's epoch.
const std::atomic<std::uint64_t> kNoEpoch{0};

// All bounds small, so that they are met.
constexpr std::size_t kQueueBytesMax = 8'000;
constexpr std::size_t kBatchBytesMax = 12'000;
constexpr std::size_t kRecordBytesMax = 5'000;
// The queue, and two batches; each may have taken the whole queue just below its bound. And one
// record that the consumer holds back until the queue has room.
constexpr std::size_t kLaneBytesMax =
    kQueueBytesMax + 2 * (kBatchBytesMax + kQueueBytesMax) + kRecordBytesMax;

pipeline::LaneOptions OptionsOf(std::size_t index, MemberId member, PlantedBug bug) {
  pipeline::LaneOptions options;
  options.index = index;
  options.decoder.metadata_keys = {"call_type"};
  options.rows_max = 6;
  options.transaction_rows_max = 12;
  options.linger = 50ms;
  options.attribution_entries_max = 8;
  if (bug != PlantedBug::kBytesIgnored) {
    // A block of the arena counts as soon as it is used.
    options.transaction_bytes_max = Arena::kBlockBytes + kBatchBytesMax;
  }
  options.writer.can_read_less = member % 3 != 1;  // the others keep all, as a replay does
  options.writer.session.lane = index;
  options.writer.recent_ids_max = 16;
  return options;
}

}  // namespace

SimProcess::LaneParts::LaneParts()
    : queue({.records_max = 16, .bytes_max = kQueueBytesMax}, [this] {
        if (lane) lane->Wake();
      }) {}

SimProcess::SimProcess(MemberId member, World& world)
    : member_(member), world_(world), clock_(world.now) {
  std::vector<pipeline::LaneQueue::Producer> producers;
  for (std::size_t i = 0; i < kLanes; ++i) {
    lanes_.push_back(std::make_unique<LaneParts>());
    producers.push_back(lanes_.back()->queue.MakeProducer());
  }
  consumer_ = std::make_unique<FakeConsumer>(
      ConsumerDependencies{member, world.kafka, world.database, world.faults, world.bug, inbox_,
                           std::move(producers), held_bytes_});
  StartLanes(world);
  world.kafka.group.Join(member);
}

void SimProcess::StartLanes(World& world) {
  const pipeline::Runtime runtime{context_.get_executor(), clock_};
  const auto& epoch = consumer_->current_epoch();
  for (std::size_t i = 0; i < kLanes; ++i) {
    LaneParts& parts = *lanes_[i];
    parts.store = std::make_unique<FakeBatchStore>(
        StoreDependencies{world.database, world.faults, world.bug, epoch, world.violated}, runtime);
    const auto& seen = world.bug == PlantedBug::kEpochIgnored ? kNoEpoch : epoch;
    parts.lane = std::make_unique<pipeline::Lane>(
        OptionsOf(i, member_, world.bug), parts.queue.MakeConsumer(),
        pipeline::LaneDependencies{*parts.store, world.telemetry, inbox_, seen}, runtime);
    boost::asio::co_spawn(
        context_, parts.lane->Run(), [this, &parts](std::exception_ptr thrown, Result<> ended) {
          parts.has_ended = true;
          if (is_crashed) return;
          const bool has_failed = thrown == nullptr && !ended;
          world_.violated("a lane ended: " + (has_failed ? ended.error().context : "why?"));
        });
  }
}

SimProcess::~SimProcess() {
  Crash();
  for (const auto& parts : lanes_) parts->lane->Stop();
  const auto has_ended = [](const auto& parts) { return parts->has_ended; };
  while (!std::ranges::all_of(lanes_, has_ended)) {
    clock_.FireAll();
    context_.restart();
    context_.poll();
  }
}

bool SimProcess::RunOne() {
  const std::size_t choice = world_.faults.random().Below(4);
  if (choice == 0 && consumer_->Turn(world_.now)) return true;
  context_.restart();
  if (context_.poll_one() != 0) return true;
  return choice != 0 && consumer_->Turn(world_.now);
}

void SimProcess::Crash() {
  is_crashed = true;
  for (const auto& parts : lanes_) parts->store->Kill();
}

bool SimProcess::HoldsTooMuch() const { return std::ranges::max(held_bytes_) > kLaneBytesMax; }

void SimProcess::ExpireAttribution() {
  for (const auto& parts : lanes_) parts->lane->ExpireAttribution();
}

std::vector<SessionId> SimProcess::sessions() const {
  std::vector<SessionId> sessions;
  for (const auto& parts : lanes_) sessions.push_back(parts->store->session());
  return sessions;
}

}  // namespace usage_ingest::sim
