#include "ingest/postgres/batch/usage_log_columns.h"

#include <array>
#include <utility>

#include "ingest/postgres/batch/sum_sql.h"
#include "ingest/postgres/session/query_params.h"
#include "schema/check.h"

namespace usage_ingest::postgres::batch {
namespace {

void AppendNull(std::string& out) { session::AppendInt32(out, -1); }

void AppendText(std::string& out, std::string_view text) {
  session::AppendInt32(out, static_cast<std::int32_t>(text.size()));
  out.append(text);
}

void AppendTextOrNull(std::string& out, std::string_view text) {
  text.empty() ? AppendNull(out) : AppendText(out, text);
}

void AppendUuid(std::string& out, const Uuid& id) {
  session::AppendInt32(out, 16);
  out.append(reinterpret_cast<const char*>(id.bytes.data()), id.bytes.size());
}

void AppendUuidOrNull(std::string& out, const Uuid& id) {
  id.is_nil() ? AppendNull(out) : AppendUuid(out, id);
}

void AppendInteger(std::string& out, std::int32_t value) {
  session::AppendInt32(out, sizeof value);
  session::AppendInt32(out, value);
}

void AppendIntegerOrNull(std::string& out, const std::optional<std::int32_t>& value) {
  value ? AppendInteger(out, *value) : AppendNull(out);
}

void AppendTime(std::string& out, EventTimeUs time) {
  session::AppendInt32(out, 8);
  session::AppendInt64(out, session::ToPgTime(time));
}

void AppendJsonb(std::string& out, std::string_view json) {
  session::AppendInt32(out, static_cast<std::int32_t>(json.size()) + 1);
  out.push_back('\1');  // the only binary version of jsonb: the JSON text follows
  out.append(json);
}

// A numeric with six decimals. Micro-units are the base-10,000 digits d3 d2 . d1 d0, where d0 is
// the last two decimals times 100.
void AppendNumeric(std::string& out, MicroCost cost) {
  USAGE_INGEST_CHECK(cost.value >= 0);
  std::array<std::int16_t, 4> digits{};  // most significant first: weights 1, 0, -1, -2
  const std::int64_t whole = cost.value / 1'000'000;
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

using Out = std::string;
using Row = UsageRow;

constexpr std::array kColumns = {
    UsageLogColumn{"id", "uuid", "uuid",
                   [](Out& out, const Row& row) { AppendUuid(out, row.event.id); }},
    UsageLogColumn{"subscription_id", "uuid", "uuid",
                   [](Out& out, const Row& row) { AppendUuid(out, row.owner.subscription_id); }},
    UsageLogColumn{"api_key_id", "uuid", "uuid",
                   [](Out& out, const Row& row) { AppendUuidOrNull(out, row.owner.api_key_id); }},
    UsageLogColumn{"team_id", "uuid", "uuid",
                   [](Out& out, const Row& row) { AppendUuidOrNull(out, row.owner.team_id); }},
    UsageLogColumn{"model_id", "varchar,text", "varchar(255)",
                   [](Out& out, const Row& row) { AppendText(out, row.event.model_id); }},
    UsageLogColumn{"request_tokens", "int4", "integer",
                   [](Out& out, const Row& row) { AppendInteger(out, row.event.request_tokens); }},
    UsageLogColumn{"response_tokens", "int4", "integer",
                   [](Out& out, const Row& row) { AppendInteger(out, row.event.response_tokens); }},
    UsageLogColumn{"input_cost", "numeric", "numeric(10,6)",
                   [](Out& out, const Row& row) { AppendNumeric(out, row.event.input_cost); }},
    UsageLogColumn{"output_cost", "numeric", "numeric(10,6)",
                   [](Out& out, const Row& row) { AppendNumeric(out, row.event.output_cost); }},
    UsageLogColumn{
        "latency_ms", "int4", "integer",
        [](Out& out, const Row& row) { AppendIntegerOrNull(out, row.event.latency_ms); }},
    UsageLogColumn{"status_code", "int4", "integer",
                   [](Out& out, const Row& row) { AppendInteger(out, row.event.status_code); }},
    UsageLogColumn{
        "error_message", "varchar,text", "text",
        [](Out& out, const Row& row) { AppendTextOrNull(out, row.event.error_message); }},
    UsageLogColumn{
        "litellm_request_id", "varchar,text", "varchar(255)",
        [](Out& out, const Row& row) { AppendTextOrNull(out, row.event.litellm_request_id); }},
    UsageLogColumn{"metadata", "jsonb", "jsonb",
                   [](Out& out, const Row& row) { AppendJsonb(out, row.event.metadata_json); }},
    // timestamp and timestamptz have one binary format; integer and bigint have two.
    UsageLogColumn{"created_at", "timestamptz,timestamp", "timestamp with time zone",
                   [](Out& out, const Row& row) { AppendTime(out, row.event.created_at); }},
};

// The function is a constant, so the compiler calls it directly: this runs once per row.
template <std::size_t kIndex>
void AppendColumn(std::string& out, const UsageRow& row) {
  constexpr auto append = kColumns[kIndex].append;
  append(out, row);
}

template <std::size_t... kIndex>
void AppendColumns(std::string& out, const UsageRow& row, std::index_sequence<kIndex...>) {
  (AppendColumn<kIndex>(out, row), ...);
}

}  // namespace

std::span<const UsageLogColumn> UsageLogColumns() { return kColumns; }

std::string UsageLogColumnNames(std::string_view separator) {
  return JoinColumns(kColumns, [](const auto& column) { return column.name; }, separator);
}

void AppendUsageLogRow(std::string& out, const UsageRow& row) {
  session::AppendInt16(out, static_cast<std::int16_t>(kColumns.size()));
  AppendColumns(out, row, std::make_index_sequence<kColumns.size()>());
}

}  // namespace usage_ingest::postgres::batch
