// Question: what does encoding a row for COPY cost, and how long is it? Unit: ns a row ("per_row"),
// bytes a row. Command: build/release/bench/micro/copy_encoder_bench
#include <benchmark/benchmark.h>

#include <vector>

#include "bench/micro/generated_batch.h"
#include "ingest/postgres/batch/copy_encoder.h"

namespace usage_ingest::bench {
namespace {

void Encode(benchmark::State& state) {
  const GeneratedBatch batch(static_cast<std::size_t>(state.range(0)), false);
  std::vector<const UsageRow*> rows;
  for (const UsageRow& row : batch.rows()) rows.push_back(&row);
  std::size_t bytes = 0;
  for (auto _ : state) {
    bytes = 0;
    postgres::batch::CopyEncoder encoder(rows);
    for (auto piece = encoder.Next(); !piece.empty(); piece = encoder.Next()) {
      bytes += piece.size();
      benchmark::DoNotOptimize(piece.data());
    }
  }
  const double count = static_cast<double>(rows.size());
  state.counters["per_row"] = benchmark::Counter(
      count, benchmark::Counter::kIsIterationInvariantRate | benchmark::Counter::kInvert);
  state.counters["bytes_a_row"] = static_cast<double>(bytes) / count;
}
BENCHMARK(Encode)->ArgNames({"rows"})->Args({10'000});

}  // namespace
}  // namespace usage_ingest::bench
