#include "ingest/postgres/batch/copy_encoder.h"

#include "ingest/postgres/batch/usage_log_columns.h"

namespace usage_ingest::postgres::batch {
namespace {

// Signature, flags (none), length of the header extension (none).
constexpr std::string_view kHeader("PGCOPY\n\377\r\n\0\0\0\0\0\0\0\0\0", 19);
constexpr std::string_view kTrailer("\377\377", 2);

}  // namespace

std::string_view CopyEncoder::Next() {
  piece_.clear();
  if (!header_given_) {
    header_given_ = true;
    piece_.reserve(kPieceBytes + 8192);
    piece_.append(kHeader);
  }
  while (next_row_ < rows_.size() && piece_.size() < kPieceBytes) {
    AppendUsageLogRow(piece_, *rows_[next_row_++]);
  }
  if (next_row_ == rows_.size() && !trailer_given_) {
    trailer_given_ = true;
    piece_.append(kTrailer);
  }
  return piece_;
}

}  // namespace usage_ingest::postgres::batch
