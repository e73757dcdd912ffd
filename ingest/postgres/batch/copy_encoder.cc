#include "ingest/postgres/batch/copy_encoder.h"

#include <array>

#include "ingest/postgres/session/query_params.h"
#include "schema/check.h"

namespace usage_ingest::postgres::batch {
namespace {

// Signature, flags (none), length of the header extension (none).
constexpr std::string_view kHeader("PGCOPY\n\377\r\n\0\0\0\0\0\0\0\0\0", 19);
constexpr std::string_view kTrailer("\377\377", 2);

void AppendText(std::string& out, std::string_view text) {
  session::AppendInt32(out, static_cast<std::int32_t>(text.size()));
  out.append(text);
}

void AppendNull(std::string& out) { session::AppendInt32(out, -1); }

void AppendTextOrNull(std::string& out, std::string_view text) {
  if (text.empty()) {
    AppendNull(out);
  } else {
    AppendText(out, text);
  }
}

void AppendUuid(std::string& out, const Uuid& id) {
  session::AppendInt32(out, 16);
  out.append(reinterpret_cast<const char*>(id.bytes.data()), id.bytes.size());
}

void AppendUuidOrNull(std::string& out, const Uuid& id) {
  if (id.is_nil()) {
    AppendNull(out);
  } else {
    AppendUuid(out, id);
  }
}

void AppendInteger(std::string& out, std::int32_t value) {
  session::AppendInt32(out, sizeof value);
  session::AppendInt32(out, value);
}

}  // namespace

// Micro-units are the base-10,000 digits d3 d2 . d1 d0 with d0 = the last two decimals times 100.
void AppendNumeric(std::string& out, MicroCost cost) {
  USAGE_INGEST_CHECK(cost.value >= 0);
  std::array<std::int16_t, 4> digits{};  // most significant first: weights 1, 0, -1, -2
  std::int64_t whole = cost.value / 1'000'000;
  const std::int64_t micros = cost.value % 1'000'000;
  digits[0] = static_cast<std::int16_t>(whole / 10'000);
  digits[1] = static_cast<std::int16_t>(whole % 10'000);
  digits[2] = static_cast<std::int16_t>(micros / 100);
  digits[3] = static_cast<std::int16_t>(micros % 100 * 100);
  std::size_t first = 0;
  while (first < digits.size() && digits[first] == 0) ++first;
  std::size_t end = digits.size();
  while (end > first && digits[end - 1] == 0) --end;
  const auto count = static_cast<std::int16_t>(end - first);

  session::AppendInt32(out, 8 + 2 * count);
  session::AppendInt16(out, count);
  session::AppendInt16(
      out, count == 0 ? std::int16_t{0} : static_cast<std::int16_t>(1 - static_cast<int>(first)));
  session::AppendInt16(out, 0);  // sign: positive
  session::AppendInt16(out, 6);  // display scale
  for (std::size_t i = first; i < end; ++i) session::AppendInt16(out, digits[i]);
}

std::string_view CopyEncoder::Next() {
  piece_.clear();
  if (!header_given_) {
    header_given_ = true;
    piece_.reserve(kPieceBytes + 8192);
    piece_.append(kHeader);
  }
  while (next_row_ < rows_.size() && piece_.size() < kPieceBytes) AppendRow(*rows_[next_row_++]);
  if (next_row_ == rows_.size() && !trailer_given_) {
    trailer_given_ = true;
    piece_.append(kTrailer);
  }
  return piece_;
}

void CopyEncoder::AppendRow(const UsageRow& row) {
  const UsageEvent& event = row.event;
  session::AppendInt16(piece_, kUsageLogColumnCount);
  AppendUuid(piece_, event.id);
  AppendUuid(piece_, row.owner.subscription_id);
  AppendUuidOrNull(piece_, row.owner.api_key_id);
  AppendUuidOrNull(piece_, row.owner.team_id);
  AppendText(piece_, event.model_id);
  AppendInteger(piece_, event.request_tokens);
  AppendInteger(piece_, event.response_tokens);
  AppendNumeric(piece_, event.input_cost);
  AppendNumeric(piece_, event.output_cost);
  if (event.latency_ms) {
    AppendInteger(piece_, *event.latency_ms);
  } else {
    AppendNull(piece_);
  }
  AppendInteger(piece_, event.status_code);
  AppendTextOrNull(piece_, event.error_message);
  AppendTextOrNull(piece_, event.litellm_request_id);
  session::AppendInt32(piece_, static_cast<std::int32_t>(event.metadata_json.size()) + 1);
  piece_.push_back('\1');  // jsonb's only binary version: the JSON text follows
  piece_.append(event.metadata_json);
  session::AppendInt32(piece_, 8);
  session::AppendInt64(piece_, session::ToPgTime(event.created_at));
}

}  // namespace usage_ingest::postgres::batch
