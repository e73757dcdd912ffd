#include "ingest/pipeline/narrowing.h"

#include <algorithm>
#include <chrono>
#include <iterator>
#include <tuple>

#include "schema/check.h"
#include "schema/limits.h"

namespace usage_ingest::pipeline {
namespace {

// What needs too much is divided into more pieces at once: each failure costs a whole timeout.
constexpr std::size_t kPartsOfTooLarge = 16;
// Rows of one subscription and month whose sums were refused alone, before the others of that month
// are refused as a whole: a full counter refuses thousands, and each costs a savepoint.
constexpr std::size_t kRefusedOfGroupMax = 8;

EventTimeUs MonthOf(const BatchEvent* event) {
  return aggregate::PeriodStart(aggregate::PeriodType::kMonth, event->row.event.created_at);
}

bool IsSameSubscription(const BatchEvent* a, const BatchEvent* b) {
  return a->row.owner.subscription_id == b->row.owner.subscription_id;
}

bool IsSameMonth(const BatchEvent* a, const BatchEvent* b) {
  return IsSameSubscription(a, b) && MonthOf(a) == MonthOf(b);
}

// "2026-11"
std::string MonthName(const BatchEvent* event) {
  const std::chrono::sys_days day =
      std::chrono::floor<std::chrono::days>(std::chrono::sys_time<std::chrono::microseconds>(
          std::chrono::microseconds(event->row.event.created_at.value)));
  const std::chrono::year_month_day date(day);
  const std::string month = std::to_string(static_cast<unsigned>(date.month()));
  return std::to_string(static_cast<int>(date.year())) + (month.size() == 1 ? "-0" : "-") + month;
}

// Whose events they are, for a person.
std::string OwnersOf(std::span<BatchEvent* const> events) {
  const BatchEvent* first = events.front();
  if (!IsSameSubscription(first, events.back())) {
    return std::to_string(events.size()) + " events of several subscriptions";
  }
  std::string text = "subscription " + first->row.owner.subscription_id.ToString() + ", model " +
                     std::string(first->row.event.model_id);
  if (IsSameMonth(first, events.back())) text += ", month " + MonthName(first);
  return text;
}

bool IsOfTheRows(ErrorCode code) {
  return code == ErrorCode::kBadRecord || code == ErrorCode::kRejected ||
         code == ErrorCode::kMissingPartition || code == ErrorCode::kTooLarge;
}

DeadLetterReason ReasonOf(ErrorCode code, bool is_of_sums) {
  if (code == ErrorCode::kTooLarge) return DeadLetterReason::kResourcesExceeded;
  if (code == ErrorCode::kMissingPartition) return DeadLetterReason::kMonthRejected;
  return is_of_sums ? DeadLetterReason::kSubscriptionRejected
                    : DeadLetterReason::kRejectedByDatabase;
}

}  // namespace

Task<Result<>> Narrowing::Write(std::span<BatchEvent* const> rows) {
  begun_ = clock_.Now();
  ordered_.assign(rows.begin(), rows.end());
  std::ranges::sort(ordered_, [](const BatchEvent* a, const BatchEvent* b) {
    return std::tuple(a->row.owner.subscription_id, MonthOf(a), a->row.event.id) <
           std::tuple(b->row.owner.subscription_id, MonthOf(b), b->row.event.id);
  });
  if (!ordered_.empty()) pieces_.push_back({0, ordered_.size()});
  while (!pieces_.empty()) {
    const Piece piece = pieces_.back();
    pieces_.pop_back();
    if (options_.steps != nullptr) options_.steps->fetch_add(1, std::memory_order_relaxed);
    const Result<> written = co_await WritePiece(piece);
    if (!written) co_return written;
  }
  USAGE_INGEST_CHECK(inserted_.size() + duplicates_.size() <= ordered_.size());
  co_return Result<>{};
}

Task<Result<>> Narrowing::WritePiece(Piece piece) {
  if (clock_.Now() - begun_ > limits::kNarrowingTries) {
    failure_.error.code = ErrorCode::kTooLarge;
    Refuse(piece, failure_);
    co_return Result<>{};
  }
  failure_.is_of_sums = false;
  const Result<> tried = co_await TryPiece(piece);
  if (tried) co_return tried;
  if (!IsOfTheRows(tried.error().code) || !store_.connected()) co_return tried;
  failure_.error = tried.error();
  const Result<> undone = co_await store_.EndPiece(PieceEnd::kUndo);
  if (!undone) co_return undone;
  if (IsDivided(piece)) {
    Divide(piece);
  } else {
    Refuse(piece, failure_);
  }
  co_return Result<>{};
}

Task<Result<>> Narrowing::TryPiece(Piece piece) {
  const std::span<BatchEvent* const> events(ordered_.data() + piece.first, piece.count);
  const Result<> begun = co_await store_.BeginPiece();
  if (!begun) co_return begun;
  std::vector<const UsageRow*> rows;
  rows.reserve(events.size());
  for (const BatchEvent* event : events) rows.push_back(&event->row);
  const Result<StagedRows> staged = co_await store_.StageRows(rows);
  if (!staged) co_return std::unexpected(staged.error());
  failure_.is_of_sums = true;
  std::vector<const BatchEvent*> inserted;
  std::ranges::copy_if(events, std::back_inserter(inserted), [&](const BatchEvent* event) {
    return std::ranges::binary_search(staged->inserted, event->row.event.id);
  });
  const Result<QuotaChanges> changes = co_await options_.sums.Write(inserted, store_);
  if (!changes) co_return std::unexpected(changes.error());
  const Result<> kept = co_await store_.EndPiece(PieceEnd::kKeep);
  if (!kept) co_return kept;
  quotas_.Add(*changes);
  Sort(events, *staged);
  co_return Result<>{};
}

void Narrowing::Sort(std::span<BatchEvent* const> piece, const StagedRows& staged) {
  for (std::size_t i = 0; i < piece.size(); ++i) {
    const Uuid& id = piece[i]->row.event.id;
    if (std::ranges::binary_search(staged.inserted, id)) {
      inserted_.push_back(piece[i]);
    } else if (std::ranges::binary_search(staged.declined, id)) {
      refused_.push_back({.events = piece.subspan(i, 1),
                          .reason = DeadLetterReason::kRejectedByDatabase,
                          .detail = OwnersOf(piece.subspan(i, 1)) +
                                    ": a BEFORE INSERT trigger of usage_logs declined the row"});
    } else {
      duplicates_.push_back(piece[i]);
    }
  }
}

bool Narrowing::IsDivided(Piece piece) const {
  if (piece.count == 1 || clock_.Now() - begun_ > limits::kNarrowingDivides) return false;
  const BatchEvent* first = ordered_[piece.first];
  const bool is_of_full_group = failure_.is_of_sums && group_ != nullptr &&
                                group_refusals_ >= kRefusedOfGroupMax && IsSameMonth(group_, first);
  return !is_of_full_group || !IsSameMonth(first, ordered_[piece.first + piece.count - 1]);
}

void Narrowing::Divide(Piece piece) {
  if (failure_.error.code != ErrorCode::kTooLarge) {
    const std::size_t middle = MiddleOf(piece);
    pieces_.push_back({middle, piece.first + piece.count - middle});
    pieces_.push_back({piece.first, middle - piece.first});
    return;
  }
  const std::size_t parts = std::min(piece.count, kPartsOfTooLarge);
  for (std::size_t part = parts; part-- > 0;) {
    const std::size_t begin = piece.count * part / parts;
    const std::size_t end = piece.count * (part + 1) / parts;
    pieces_.push_back({piece.first + begin, end - begin});
  }
}

// Where a subscription ends, else where a month ends, else half of the rows.
std::size_t Narrowing::MiddleOf(Piece piece) const {
  const auto begin = ordered_.begin() + static_cast<std::ptrdiff_t>(piece.first);
  const auto end = begin + static_cast<std::ptrdiff_t>(piece.count);
  const auto half = begin + (end - begin) / 2;
  for (const auto is_same : {&IsSameSubscription, &IsSameMonth}) {
    if (is_same(*begin, *(end - 1))) continue;
    const auto differs = [&](const BatchEvent* event) { return !is_same(event, *half); };
    const auto group_end = std::find_if(half, end, differs);
    const auto group_begin =
        std::find_if(std::reverse_iterator(half), std::reverse_iterator(begin), differs).base();
    return static_cast<std::size_t>((group_begin != begin ? group_begin : group_end) -
                                    ordered_.begin());
  }
  return static_cast<std::size_t>(half - ordered_.begin());
}

void Narrowing::Refuse(Piece piece, const Failure& failure) {
  const std::span<BatchEvent* const> events(ordered_.data() + piece.first, piece.count);
  const ErrorCode code = failure.error.code;
  if (failure.is_of_sums) {
    const bool is_same = group_ != nullptr && IsSameMonth(group_, events.front());
    group_refusals_ = is_same ? group_refusals_ + 1 : 1;
    group_ = events.front();
  }
  refused_.push_back({.events = events,
                      .reason = ReasonOf(code, failure.is_of_sums),
                      .detail = OwnersOf(events) + ": " + failure.error.context,
                      .is_certain = code == ErrorCode::kBadRecord});
}

}  // namespace usage_ingest::pipeline
