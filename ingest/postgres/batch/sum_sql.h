#pragma once
// SumSql: the parts of SQL statements that name each sum of a table (aggregate/sum_columns.h), and
// the sums of a batch as array parameters, a column each.
#include <fmt/format.h>

#include <cstddef>
#include <span>
#include <string>
#include <string_view>

#include "aggregate/sum_columns.h"
#include "ingest/postgres/session/async_connection.h"

namespace usage_ingest::postgres::batch {

// What `write` makes of each column, separated by `separator`.
template <class Columns, class Write>
[[nodiscard]] std::string JoinColumns(const Columns& columns, Write write,
                                      std::string_view separator = ", ") {
  std::string joined;
  for (const auto& column : columns) {
    if (!joined.empty()) joined += separator;
    joined += write(column);
  }
  return joined;
}

// `format` for each column; in it {0} is the name, {1} the type and {2} the sum of rows.
template <class Columns>
[[nodiscard]] std::string FormatColumns(const Columns& columns, std::string_view format,
                                        std::string_view separator = ", ") {
  return JoinColumns(
      columns,
      [&](const auto& column) {
        return fmt::format(fmt::runtime(format), column.name, column.type, column.sum_of_rows);
      },
      separator);
}

// "request_count, total_tokens, ..."
template <class Columns>
[[nodiscard]] std::string ColumnNames(const Columns& columns) {
  return FormatColumns(columns, "{0}");
}

// "u.requests, u.cost * 0.000001 AS cost": what the arrays have, in the unit of the column.
template <class Columns>
[[nodiscard]] std::string SumsInTheirUnit(const Columns& columns) {
  return JoinColumns(columns, [](const auto& column) {
    if (column.unit == "1") return fmt::format("u.{}", column.name);
    return fmt::format("u.{0} * {1} AS {0}", column.name, column.unit);
  });
}

// "$6::int8[], $7::int8[]": the parameters behind those of the key.
template <class Columns>
[[nodiscard]] std::string SumParameters(const Columns& columns, std::size_t key_columns) {
  return JoinColumns(columns,
                     [&](const auto&) { return fmt::format("${}::int8[]", ++key_columns); });
}

template <class Columns, class Delta>
void AddSums(const Columns& columns, std::span<const Delta> deltas, session::Statement& statement) {
  for (const auto& column : columns) {
    session::PgArray sums(session::PgType::kInt8);
    for (const Delta& delta : deltas) sums.Add(column.sum(delta.totals));
    statement.params.Add(sums);
  }
}

}  // namespace usage_ingest::postgres::batch
