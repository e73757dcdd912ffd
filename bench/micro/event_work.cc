// Does the work of one event again and again, so that tests/instructions can count what it costs.
//
//   event_work decode|roll-up|encode ROUNDS
//
// The same 256 events of 3.4 KB in every run. What is prepared before the first round is the same
// for every number of rounds.
#include <cstdlib>
#include <iostream>
#include <string_view>
#include <vector>

#include "aggregate/daily_usage.h"
#include "aggregate/rollup.h"
#include "bench/load/event_renderer.h"
#include "bench/load/event_stream.h"
#include "bench/load/population.h"
#include "ingest/event/decoder.h"
#include "ingest/postgres/batch/copy_encoder.h"

namespace usage_ingest::bench {
namespace {

constexpr std::int64_t kStartUs = 1'790'000'000'000'000;
constexpr std::size_t kEvents = 256;

class Work final : public event::EventSink {
 public:
  Work() {
    const load::EventStream stream{population_,
                                   {.events = kEvents, .start_us = kStartUs, .odd_share = 0}};
    const load::EventRenderer renderer(population_, load::PayloadSize::kDefault);
    for (std::size_t i = 0; i < kEvents; ++i) renderer.Render(stream.At(i), values_.emplace_back());
    DecodeAll();
    for (const UsageRow& row : rows_) row_pointers_.push_back(&row);
  }

  void DecodeAll() {
    rows_.clear();
    arena_.Reset();
    for (std::size_t i = 0; i < kEvents; ++i) {
      decoder_.Decode(
          {.source = &source_, .offset = {static_cast<std::int64_t>(i)}, .now = {kStartUs}},
          values_[i], arena_, *this);
    }
  }
  void RollUpAll() {
    for (const UsageRow& row : rows_) {
      rollup_.Add(row);
      daily_.Add(row);
    }
    result_ += rollup_.Take().summaries.size() + daily_.Take().size();
  }
  void EncodeAll() {
    postgres::batch::CopyEncoder encoder(row_pointers_);
    for (auto piece = encoder.Next(); !piece.empty(); piece = encoder.Next()) {
      result_ += piece.size();
    }
  }
  [[nodiscard]] std::size_t result() const { return result_ + rows_.size(); }

 private:
  void OnEvent(std::uint32_t, const UsageEvent& event) override {
    const std::size_t user = 1 + rows_.size() % 32;
    Attribution owner;
    owner.subscription_id.bytes[15] = static_cast<std::uint8_t>(user);
    owner.api_key_id.bytes[15] = static_cast<std::uint8_t>(user);
    rows_.push_back({event, owner});
  }
  void OnSkip(std::uint32_t, SkipReason) override {}
  void OnReject(std::uint32_t, const event::Rejection&) override {}

  load::Population population_{{.users = 32, .models = 4, .subscriptions = 64}};
  std::vector<std::string> values_;
  TopicPartition source_{"litellm.usage.v1", {0}};
  Arena arena_;
  event::Decoder decoder_{{event::AllMetadataKeys()}};
  std::vector<UsageRow> rows_;
  std::vector<const UsageRow*> row_pointers_;
  aggregate::Rollup rollup_;
  aggregate::DailyRollup daily_;
  std::size_t result_ = 0;
};

int Main(std::string_view what, int rounds) {
  Work work;
  for (int round = 0; round < rounds; ++round) {
    if (what == "decode") {
      work.DecodeAll();
    } else if (what == "roll-up") {
      work.RollUpAll();
    } else {
      work.EncodeAll();
    }
  }
  std::cout << work.result() << '\n';
  return work.result() == 0 ? EXIT_FAILURE : EXIT_SUCCESS;
}

}  // namespace
}  // namespace usage_ingest::bench

int main(int count, char** arguments) {
  if (count != 3) return 64;
  return usage_ingest::bench::Main(arguments[1], std::atoi(arguments[2]));
}
