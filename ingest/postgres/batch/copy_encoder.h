#pragma once
// CopyEncoder: rows of usage_logs in the binary COPY format, a piece at a time.
//
// Owner         one lane; one per COPY.
// Source        PostgreSQL 15 manual, COPY, "Binary Format".
#include <span>
#include <string>
#include <string_view>

#include "schema/usage_event.h"

namespace usage_ingest::postgres::batch {

class CopyEncoder {
 public:
  explicit CopyEncoder(std::span<const UsageRow* const> rows) : rows_(rows) {}

  // The next piece, about kPieceBytes; empty when all rows were given. Valid until the next call.
  [[nodiscard]] std::string_view Next();

  static constexpr std::size_t kPieceBytes = 64 * 1024;

 private:
  std::span<const UsageRow* const> rows_;
  std::size_t next_row_ = 0;
  bool header_given_ = false;
  bool trailer_given_ = false;
  std::string piece_;
};

}  // namespace usage_ingest::postgres::batch
