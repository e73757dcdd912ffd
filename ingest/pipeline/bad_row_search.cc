#include "ingest/pipeline/bad_row_search.h"

namespace usage_ingest::pipeline {
namespace {

Task<Result<bool>> IsRefused(BatchStore& store, std::span<const UsageRow* const> rows) {
  const Result<> begun = co_await store.BeginTrial();
  if (!begun) co_return std::unexpected(begun.error());
  const auto tried = co_await store.StageRows(rows);
  if (store.connected()) co_await store.Reset();
  if (tried) co_return false;
  if (tried.error().code == ErrorCode::kBadRecord) co_return true;
  co_return std::unexpected(tried.error());
}

}  // namespace

Task<Result<std::size_t>> FindBadRow(BatchStore& store, std::span<const UsageRow* const> rows) {
  std::size_t first = 0;
  std::size_t count = rows.size();
  while (count > 1) {
    const std::size_t half = count / 2;
    const Result<bool> is_bad = co_await IsRefused(store, rows.subspan(first, half));
    if (!is_bad) co_return std::unexpected(is_bad.error());
    if (!*is_bad) first += half;
    count = *is_bad ? half : count - half;
  }
  const Result<bool> is_bad = co_await IsRefused(store, rows.subspan(first, 1));
  if (!is_bad) co_return std::unexpected(is_bad.error());
  if (*is_bad) co_return first;
  co_return Fail(ErrorCode::kUnavailable, "a row was refused, but none is when it is tried alone");
}

}  // namespace usage_ingest::pipeline
