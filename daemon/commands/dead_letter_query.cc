#include "daemon/commands/dead_letter_query.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include "daemon/assembly/database_access.h"
#include "daemon/text/units.h"

namespace usage_ingest::commands {
namespace {

// $1 ids or NULL, $2 reason or NULL, $3 first seen since or NULL, $4 key or NULL, $5 model or NULL.
constexpr std::string_view kSelected =
    "($1::bigint[] IS NULL OR id = ANY ($1::bigint[])) AND ($2::text IS NULL OR reason = $2::text) "
    "AND ($3::timestamptz IS NULL OR first_seen_at >= $3::timestamptz) "
    "AND ($4::text IS NULL OR key_hash = $4::text) AND ($5::text IS NULL OR $5::text = ";

std::string Selected() { return fmt::format("{}{})", kSelected, kModelOfDeadLetter); }

constexpr std::string_view kPendingOrNamed = "(state = 'pending' OR $1::bigint[] IS NOT NULL)";
constexpr std::string_view kColumns =
    "id, topic, partition, record_offset, event_index, reason, detail, key_hash, event_id, "
    "event_time, state, attempts, first_seen_at, last_attempt_at";

std::vector<postgres::blocking::SyncParam> Selection(const DeadLetterFilter& filter) {
  std::vector<postgres::blocking::SyncParam> params(5);
  if (!filter.ids.empty()) params[0] = fmt::format("{{{}}}", fmt::join(filter.ids, ","));
  if (!filter.reason.empty()) params[1] = filter.reason;
  if (filter.since) params[2] = text::FormatIsoTime(*filter.since);
  if (!filter.key_hash.empty()) params[3] = filter.key_hash;
  if (!filter.model.empty()) params[4] = filter.model;
  return params;
}

DeadLetterRow ReadRow(const postgres::blocking::SyncRows& rows, int row) {
  const auto text = [&](int column) { return std::string(rows.text(row, column)); };
  return {.id = rows.number(row, 0),
          .topic = text(1),
          .partition = rows.number(row, 2),
          .record_offset = rows.number(row, 3),
          .event_index = rows.number(row, 4),
          .reason = text(5),
          .detail = text(6),
          .key_hash = text(7),
          .event_id = text(8),
          .event_time = text(9),
          .state = text(10),
          .attempts = rows.number(row, 11),
          .first_seen_at = text(12),
          .last_attempt_at = text(13),
          .payload = {}};
}

// "\x6869" as PostgreSQL writes a bytea (manual, 8.4.1).
std::string DecodeHex(std::string_view text) {
  const auto digit = [](char c) { return c <= '9' ? c - '0' : c - 'a' + 10; };
  std::string bytes;
  for (std::size_t i = 2; i + 1 < text.size(); i += 2) {
    bytes += static_cast<char>(digit(text[i]) * 16 + digit(text[i + 1]));
  }
  return bytes;
}

}  // namespace

DeadLetterSelected PendingDeadLetters(const DeadLetterFilter& filter) {
  return {fmt::format("{} AND {}", Selected(), kPendingOrNamed), Selection(filter)};
}

DeadLetterList ListDeadLetters(postgres::blocking::SyncConnection& connection,
                               const DeadLetterFilter& filter) {
  const DeadLetterSelected selected = PendingDeadLetters(filter);
  const std::string sql = fmt::format(
      "SELECT {}, count(*) OVER () FROM usage_ingest.dead_letters WHERE {} "
      "ORDER BY id DESC LIMIT {}",
      kColumns, selected.condition, kListedMax);
  const auto rows = assembly::QueryOrThrow(connection, sql, selected.params);
  DeadLetterList list;
  for (int row = 0; row < rows.count(); ++row) {
    list.rows.push_back(ReadRow(rows, row));
    list.matching = rows.number(row, 14);
  }
  return list;
}

std::vector<DeadLetterRow> ShowDeadLetters(postgres::blocking::SyncConnection& connection,
                                           const DeadLetterFilter& filter) {
  const std::string sql =
      fmt::format("SELECT {}, payload FROM usage_ingest.dead_letters WHERE {} ORDER BY id",
                  kColumns, Selected());
  const auto rows = assembly::QueryOrThrow(connection, sql, Selection(filter));
  std::vector<DeadLetterRow> letters;
  for (int row = 0; row < rows.count(); ++row) {
    letters.push_back(ReadRow(rows, row));
    letters.back().payload = DecodeHex(rows.text(row, 14));
  }
  return letters;
}

std::vector<std::int64_t> PendingDeadLetterIds(postgres::blocking::SyncConnection& connection,
                                               const DeadLetterFilter& filter) {
  const std::string sql = fmt::format(
      "SELECT id FROM usage_ingest.dead_letters WHERE {} AND state = 'pending' ORDER BY id",
      Selected());
  const auto rows = assembly::QueryOrThrow(connection, sql, Selection(filter));
  std::vector<std::int64_t> ids;
  for (int row = 0; row < rows.count(); ++row) ids.push_back(rows.number(row, 0));
  return ids;
}

std::int64_t DiscardDeadLetters(postgres::blocking::SyncConnection& connection,
                                const DeadLetterFilter& filter) {
  const std::string sql = fmt::format(
      "UPDATE usage_ingest.dead_letters SET state = 'discarded', last_attempt_at = "
      "clock_timestamp() WHERE {} AND state = 'pending'",
      Selected());
  return assembly::QueryOrThrow(connection, sql, Selection(filter)).affected();
}

}  // namespace usage_ingest::commands
