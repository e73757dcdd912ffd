#pragma once
// GeneratedBatch: the rows of one full batch, made of generated events, as a lane holds them.
//
// Owner         a benchmark. The rows' texts lie in its arena.
#include <cstddef>
#include <vector>

#include "bench/load/population.h"
#include "schema/arena.h"
#include "schema/usage_event.h"

namespace usage_ingest::bench {

class GeneratedBatch {
 public:
  // `rows` decoded events of the usual mixture, or all of one hot subscription.
  GeneratedBatch(std::size_t rows, bool one_hot_subscription);

  [[nodiscard]] const std::vector<UsageRow>& rows() const { return rows_; }

 private:
  load::Population population_;
  Arena arena_;
  std::vector<UsageRow> rows_;
};

}  // namespace usage_ingest::bench
