#include "ingest/pipeline/insert_plan.h"

#include <algorithm>

#include "schema/check.h"

namespace usage_ingest::pipeline {
namespace {

void SortUnique(std::vector<Uuid>& ids) {
  std::sort(ids.begin(), ids.end());
  ids.erase(std::unique(ids.begin(), ids.end()), ids.end());
  if (!ids.empty() && ids.front().is_nil()) ids.erase(ids.begin());
}

bool Has(std::span<const Uuid> sorted, const Uuid& id) {
  return std::binary_search(sorted.begin(), sorted.end(), id);
}

}  // namespace

void InsertPlan::Clear() noexcept {
  rows_.clear();
  duplicates_.clear();
  parents_.subscriptions.clear();
  parents_.api_keys.clear();
  parents_.teams.clear();
  sent_rows_.clear();
  sent_events_.clear();
}

void InsertPlan::Make(Batch& batch, const RecentIds& known) {
  Clear();
  rows_.reserve(batch.events.size());
  for (BatchEvent& event : batch.events) {
    if (event.state != BatchEvent::State::kRow) continue;
    const bool is_known = known.Contains(event.row.event.id);
    (is_known ? duplicates_ : rows_).push_back(&event);
  }
  // Ids begin with the time, so their order is nearly the order of months; a row's month is a
  // function of its id's tuple, so equal ids are neighbours.
  std::sort(rows_.begin(), rows_.end(), [](const BatchEvent* a, const BatchEvent* b) {
    return a->row.event.id < b->row.event.id;
  });
  std::size_t kept = 0;
  for (BatchEvent* event : rows_) {
    if (kept != 0 && rows_[kept - 1]->row.event.id == event->row.event.id) {
      duplicates_.push_back(event);
    } else {
      rows_[kept++] = event;
    }
  }
  rows_.resize(kept);
  MakeParents();
}

void InsertPlan::MakeParents() {
  for (const BatchEvent* event : rows_) {
    parents_.subscriptions.push_back(event->row.owner.subscription_id);
    parents_.api_keys.push_back(event->row.owner.api_key_id);
    parents_.teams.push_back(event->row.owner.team_id);
  }
  SortUnique(parents_.subscriptions);
  SortUnique(parents_.api_keys);
  SortUnique(parents_.teams);
}

void InsertPlan::ClearParents(const Parents& gone) {
  for (BatchEvent* event : rows_) {
    Attribution& owner = event->row.owner;
    if (Has(gone.api_keys, owner.api_key_id)) owner.api_key_id = {};
    if (Has(gone.teams, owner.team_id)) owner.team_id = {};
  }
}

std::span<const UsageRow* const> InsertPlan::Send() {
  sent_events_ = rows_;
  sent_rows_.clear();
  for (const BatchEvent* event : rows_) sent_rows_.push_back(&event->row);
  return sent_rows_;
}

std::vector<Uuid> InsertPlan::Jobs() const {
  std::vector<Uuid> jobs;
  for (const BatchEvent* event : rows_) {
    if (event->row.event.is_job) jobs.push_back(event->row.event.id);
  }
  std::sort(jobs.begin(), jobs.end());
  return jobs;
}

void InsertPlan::DropKnown(std::span<const Uuid> known) {
  const auto first_known = std::stable_partition(
      rows_.begin(), rows_.end(),
      [&](const BatchEvent* event) { return !Has(known, event->row.event.id); });
  duplicates_.insert(duplicates_.end(), first_known, rows_.end());
  rows_.erase(first_known, rows_.end());
}

void InsertPlan::KeepInserted(std::span<const Uuid> inserted) {
  const auto first_duplicate = std::stable_partition(
      rows_.begin(), rows_.end(),
      [&](const BatchEvent* event) { return Has(inserted, event->row.event.id); });
  duplicates_.insert(duplicates_.end(), first_duplicate, rows_.end());
  rows_.erase(first_duplicate, rows_.end());
  USAGE_INGEST_CHECK(rows_.size() == inserted.size());
}

std::vector<BatchEvent*> InsertPlan::TakeDuplicatesOf(std::span<const Uuid> ids) {
  const auto first_taken = std::stable_partition(
      duplicates_.begin(), duplicates_.end(),
      [&](const BatchEvent* event) { return !Has(ids, event->row.event.id); });
  std::vector<BatchEvent*> taken(first_taken, duplicates_.end());
  duplicates_.erase(first_taken, duplicates_.end());
  return taken;
}

void InsertPlan::KeepWritten(std::span<BatchEvent* const> inserted,
                             std::span<BatchEvent* const> duplicates) {
  rows_.assign(inserted.begin(), inserted.end());
  duplicates_.insert(duplicates_.end(), duplicates.begin(), duplicates.end());
}

}  // namespace usage_ingest::pipeline
