#pragma once
// CountingObserver: how often the simulation met what it is there to meet.
//
// Owner         one simulation.
#include <cstdint>

#include "ingest/pipeline/observer.h"

namespace usage_ingest::sim {

class CountingObserver final : public pipeline::PipelineObserver {
 public:
  void BatchCommitted(std::size_t, const pipeline::BatchReport& report) override {
    ++commits;
    staged += report.staged ? 1 : 0;
  }
  void Fenced(std::string_view) override { ++fenced; }
  void ReadAgain(std::string_view) override { ++read_again; }

  std::int64_t commits = 0;
  std::int64_t staged = 0;
  std::int64_t fenced = 0;
  std::int64_t read_again = 0;
};

}  // namespace usage_ingest::sim
