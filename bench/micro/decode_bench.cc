// Question: how long does one event take from the bytes of a Kafka record to a UsageEvent, and does
// it allocate? Unit: ns an event ("per_event"), allocations an event (must be 0).
// Command: build/release/bench/micro/decode_bench
//
// Events of the end-to-end load in its three sizes: few enough for the second-level cache (1 MB)
// and too many for the first (32 KB), and "cold", too many for the second, since another core may
// have decompressed them. And what is large or all wrong, in two sizes, which must cost alike a
// byte.
#include <benchmark/benchmark.h>

#include <string>
#include <vector>

#include "bench/load/event_renderer.h"
#include "bench/load/event_stream.h"
#include "bench/load/population.h"
#include "bench/micro/allocation_counter.h"
#include "ingest/event/decoder.h"

namespace usage_ingest::bench {
namespace {

constexpr std::int64_t kStartUs = 1'790'000'000'000'000;
constexpr std::size_t kWarmEvents = 64;
constexpr std::size_t kColdEvents = 1024;

class Counts final : public event::EventSink {
 public:
  void OnEvent(std::uint32_t, const UsageEvent& event) override { tokens += event.total_tokens(); }
  void OnSkip(std::uint32_t, SkipReason) override { ++others; }
  void OnReject(std::uint32_t, const event::Rejection&) override { ++others; }

  std::int64_t tokens = 0;
  std::int64_t others = 0;
};

std::vector<std::string> Render(load::PayloadSize size, std::size_t events) {
  const load::Population population{load::PopulationOptions{}};
  const load::EventStream stream{population, {.events = events, .start_us = kStartUs}};
  const load::EventRenderer renderer(population, size);
  std::vector<std::string> values(events);
  for (std::size_t i = 0; i < events; ++i) renderer.Render(stream.At(i), values[i]);
  return values;
}

void Decode(benchmark::State& state, load::PayloadSize size, std::size_t events) {
  const std::vector<std::string> values = Render(size, events);
  std::size_t bytes = 0;
  for (const std::string& value : values) bytes += value.size();

  event::Decoder decoder({event::AllMetadataKeys()});
  const TopicPartition source{"litellm.usage.v1", {0}};
  Arena arena;
  Counts counts;
  const auto decode_all = [&] {
    for (std::size_t i = 0; i < events; ++i) {
      decoder.Decode(
          {.source = &source, .offset = {static_cast<std::int64_t>(i)}, .now = {kStartUs}},
          values[i], arena, counts);
    }
    arena.Reset();
  };
  decode_all();  // buffers grow to their size
  const std::uint64_t allocations = AllocationCount();
  for (auto _ : state) decode_all();
  const auto each = static_cast<double>(events);
  state.counters["allocations"] = static_cast<double>(AllocationCount() - allocations) /
                                  (static_cast<double>(state.iterations()) * each);
  state.counters["bytes"] = static_cast<double>(bytes) / each;
  state.counters["per_event"] = benchmark::Counter(
      each, benchmark::Counter::kIsIterationInvariantRate | benchmark::Counter::kInvert);
  benchmark::DoNotOptimize(counts.tokens);
}

// One event with a large part that is walked over, again and again: time must grow with its bytes
// and nothing else, and the steady state still allocates nothing.
void DecodeOne(benchmark::State& state, const std::string& value) {
  event::Decoder decoder({event::AllMetadataKeys()});
  const TopicPartition source{"litellm.usage.v1", {0}};
  Arena arena;
  Counts counts;
  const auto decode = [&] {
    decoder.Decode({.source = &source, .offset = {0}, .now = {kStartUs}}, value, arena, counts);
    arena.Reset();
  };
  decode();
  const std::uint64_t allocations = AllocationCount();
  for (auto _ : state) decode();
  state.counters["allocations"] = static_cast<double>(AllocationCount() - allocations) /
                                  static_cast<double>(state.iterations());
  state.counters["bytes"] = static_cast<double>(value.size());
  state.counters["per_event"] = benchmark::Counter(
      1, benchmark::Counter::kIsIterationInvariantRate | benchmark::Counter::kInvert);
  if (counts.tokens == 0) state.SkipWithError("it was refused");
}

std::string WithMessages(const std::string& messages) {
  std::string value = Render(load::PayloadSize::kLean, 1).front();
  return value.replace(0, 1, R"({"messages":)" + messages + ',');
}

void DecodePrompt(benchmark::State& state) {
  DecodeOne(state,
            WithMessages('"' + std::string(static_cast<std::size_t>(state.range(0)), 'x') + '"'));
}

void DecodeBrackets(benchmark::State& state) {
  const auto depth = static_cast<std::size_t>(state.range(0));
  DecodeOne(state, WithMessages(std::string(depth, '[') + std::string(depth, ']')));
}

// The worst array: every element is refused, and its payload asked for at once.
class Refusals final : public event::EventSink {
 public:
  Refusals(event::Decoder& decoder, std::string_view value) : decoder_(decoder), value_(value) {}
  void OnEvent(std::uint32_t, const UsageEvent&) override {}
  void OnSkip(std::uint32_t, SkipReason) override {}
  void OnReject(std::uint32_t index, const event::Rejection&) override {
    bytes += decoder_.DeadLetterPayload(value_, index).size();
  }
  std::size_t bytes = 0;

 private:
  event::Decoder& decoder_;
  std::string_view value_;
};

void RefuseElements(benchmark::State& state) {
  std::string value = "[5";
  for (std::int64_t i = 1; i < state.range(0); ++i) value += ",5";
  value += ']';
  event::Decoder decoder({event::AllMetadataKeys()});
  const TopicPartition source{"litellm.usage.v1", {0}};
  Arena arena;
  Refusals refusals(decoder, value);
  for (auto _ : state) {
    decoder.Decode({.source = &source, .offset = {0}, .now = {kStartUs}}, value, arena, refusals);
  }
  benchmark::DoNotOptimize(refusals.bytes);
  state.counters["bytes"] = static_cast<double>(value.size());
  state.counters["per_element"] = benchmark::Counter(
      static_cast<double>(state.range(0)),
      benchmark::Counter::kIsIterationInvariantRate | benchmark::Counter::kInvert);
}

BENCHMARK_CAPTURE(Decode, lean, load::PayloadSize::kLean, kWarmEvents);
BENCHMARK_CAPTURE(Decode, default, load::PayloadSize::kDefault, kWarmEvents);
BENCHMARK_CAPTURE(Decode, full, load::PayloadSize::kFull, kWarmEvents);
BENCHMARK_CAPTURE(Decode, default_cold, load::PayloadSize::kDefault, kColdEvents);
BENCHMARK_CAPTURE(Decode, full_cold, load::PayloadSize::kFull, kColdEvents);
BENCHMARK(DecodePrompt)->Arg(1 << 16)->Arg(1 << 20);
BENCHMARK(DecodeBrackets)->Arg(10'000)->Arg(100'000);
BENCHMARK(RefuseElements)->Arg(10'000)->Arg(100'000);

}  // namespace
}  // namespace usage_ingest::bench
