// Question: what does the roll-up of a batch cost a row? Unit: ns a row ("per_row").
// Command: build/release/bench/micro/rollup_bench
#include <benchmark/benchmark.h>

#include "aggregate/rollup.h"
#include "bench/micro/generated_batch.h"

namespace usage_ingest::bench {
namespace {

void RollUp(benchmark::State& state) {
  const GeneratedBatch batch(static_cast<std::size_t>(state.range(0)), state.range(1) != 0);
  aggregate::Rollup rollup;
  std::size_t summaries = 0;
  for (auto _ : state) {
    for (const UsageRow& row : batch.rows()) rollup.Add(row);
    const aggregate::Deltas deltas = rollup.Take();
    summaries = deltas.summaries.size();
    benchmark::DoNotOptimize(summaries);
  }
  const double rows = static_cast<double>(batch.rows().size());
  state.counters["per_row"] = benchmark::Counter(
      rows, benchmark::Counter::kIsIterationInvariantRate | benchmark::Counter::kInvert);
  state.counters["summaries"] = static_cast<double>(summaries);
}
BENCHMARK(RollUp)
    ->ArgNames({"rows", "hot"})
    ->Args({1'000, 0})
    ->Args({10'000, 0})
    ->Args({10'000, 1});

}  // namespace
}  // namespace usage_ingest::bench
