#pragma once
// CopyEncoder: rows of usage_logs in the binary COPY format, a piece at a time.
//
// On the hot path: a row costs one pass over its texts. The column list is a constant that a test
// and the start-up probe compare with the catalogue.
//
// Owner         one lane; one per COPY.
// Source        PostgreSQL 15 manual, COPY, "Binary Format"; numeric_recv for the digits of base
//               10,000; jsonb_recv for the version byte.
#include <span>
#include <string>
#include <string_view>

#include "schema/usage_event.h"

namespace usage_ingest::postgres::batch {

// The columns that the daemon writes, in the order of the encoder.
inline constexpr std::string_view kUsageLogColumns =
    "id, subscription_id, api_key_id, team_id, model_id, request_tokens, response_tokens, "
    "input_cost, output_cost, latency_ms, status_code, error_message, litellm_request_id, "
    "metadata, created_at";
inline constexpr int kUsageLogColumnCount = 15;

class CopyEncoder {
 public:
  explicit CopyEncoder(std::span<const UsageRow* const> rows) : rows_(rows) {}

  // The next piece, about kPieceBytes; empty when all is given. Valid until the next call.
  [[nodiscard]] std::string_view Next();

  static constexpr std::size_t kPieceBytes = 64 * 1024;

 private:
  void AppendRow(const UsageRow& row);
  std::span<const UsageRow* const> rows_;
  std::size_t next_row_ = 0;
  bool header_given_ = false;
  bool trailer_given_ = false;
  std::string piece_;
};

// `cost` as a numeric with six decimals, with its length before it.
void AppendNumeric(std::string& out, MicroCost cost);

}  // namespace usage_ingest::postgres::batch
