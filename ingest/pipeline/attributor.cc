#include "ingest/pipeline/attributor.h"

#include <algorithm>
#include <optional>
#include <unordered_map>
#include <utility>
#include <vector>

#include "schema/check.h"

namespace usage_ingest::pipeline {
namespace {

AttributionQuestion QuestionOf(const UsageEvent& event) {
  return {event.key_hash, event.user_id, event.team_id, event.model_id};
}

// False: it has no owner.
bool MakeRow(BatchEvent& event, const AttributionAnswer& answer) {
  if (!answer.owner) return false;
  event.row.owner = *answer.owner;
  event.state = BatchEvent::State::kRow;
  return true;
}

// Why an event that has no owner is skipped; nullopt: it becomes a dead letter, which heals when
// the owner comes.
std::optional<SkipReason> SkipWithoutOwner(const UsageEvent& event) {
  if (event.is_master_key) return SkipReason::kMasterKey;
  if (!event.has_usage()) return SkipReason::kNoUsage;
  return std::nullopt;
}

// It is a hash already.
struct LowHalf {
  std::size_t operator()(const QuestionHash& hash) const noexcept { return hash.low; }
};

// The distinct questions of a batch that the cache cannot answer, and the events that ask them.
struct Misses {
  std::vector<AttributionQuestion> questions;
  std::vector<QuestionHash> hashes;
  std::unordered_map<QuestionHash, std::size_t, LowHalf> index_of;
  std::vector<std::pair<std::size_t, std::size_t>> askers;  // (event, question)

  void Ask(std::size_t event, const AttributionQuestion& question, const QuestionHash& hash) {
    const auto [place, is_new] = index_of.try_emplace(hash, questions.size());
    if (is_new) {
      questions.push_back(question);
      hashes.push_back(hash);
    }
    askers.emplace_back(event, place->second);
  }
};

}  // namespace

Attributor::Attributor(std::size_t cache_entries_max, MakePayload make_payload,
                       std::function<void()> on_answers)
    : cache_(cache_entries_max),
      make_payload_(std::move(make_payload)),
      on_answers_(std::move(on_answers)) {}

void Attributor::ReopenStaleRows(Batch& batch) const {
  if (batch.attributed_as_of == as_of_) return;
  batch.attributed_as_of = as_of_;
  for (BatchEvent& event : batch.events) {
    if (event.state == BatchEvent::State::kRow) event.state = BatchEvent::State::kPending;
  }
}

bool Attributor::AttributeFromCache(Batch& batch, BatchEvent& event) {
  ReopenStaleRows(batch);
  if (event.state == BatchEvent::State::kRow) return true;
  const AttributionAnswer* answer = cache_.Find(HashQuestion(QuestionOf(event.row.event)));
  return answer != nullptr && MakeRow(event, *answer);
}

Task<Result<>> Attributor::Resolve(Batch& batch, BatchStore& store) {
  ReopenStaleRows(batch);
  Misses misses;
  for (std::size_t i = 0; i < batch.events.size(); ++i) {
    BatchEvent& event = batch.events[i];
    if (event.state != BatchEvent::State::kPending) continue;
    const AttributionQuestion question = QuestionOf(event.row.event);
    const QuestionHash hash = HashQuestion(question);
    const AttributionAnswer* answer = cache_.Find(hash);
    // A skipped event is not tried again, and a cached answer may be older than the owner.
    if (answer == nullptr || (!answer->owner && SkipWithoutOwner(event.row.event))) {
      misses.Ask(i, question, hash);
      continue;
    }
    const Result<> decided = Decide(batch, event, *answer);
    if (!decided) co_return decided;
  }
  if (misses.questions.empty()) co_return Result<>{};

  const std::uint64_t as_of = as_of_;
  const auto answers = co_await store.Attribute(misses.questions);
  if (!answers) co_return std::unexpected(answers.error());
  USAGE_INGEST_CHECK(answers->size() == misses.questions.size());
  // If Expire() was called during the query, they may be older than the change that it announced.
  for (std::size_t i = 0; as_of == as_of_ && i < answers->size(); ++i) {
    cache_.Insert(misses.hashes[i], (*answers)[i]);
  }
  on_answers_();
  for (const auto& [event, question] : misses.askers) {
    const Result<> decided = Decide(batch, batch.events[event], (*answers)[question]);
    if (!decided) co_return decided;
  }
  co_return Result<>{};
}

Result<> Attributor::Decide(Batch& batch, BatchEvent& event, const AttributionAnswer& answer) {
  if (MakeRow(event, answer)) return {};
  const std::optional<SkipReason> skip = SkipWithoutOwner(event.row.event);
  if (!skip) return Reject(batch, event, DeadLetterReason::kUnattributed, answer.missing);
  event.state = BatchEvent::State::kSkipped;
  batch.CountSkip(event.partition, *skip);
  return {};
}

Result<> Attributor::Reject(Batch& batch, BatchEvent& event, DeadLetterReason reason,
                            std::string_view detail) {
  if (event.record == kReleasedRecord) {
    return Fail(ErrorCode::kRecordGone, "an event becomes a dead letter, " +
                                            std::string(Name(reason)) +
                                            ", and its record's bytes were released");
  }
  const Record& record = batch.records[event.record];
  const UsageEvent& usage = event.row.event;
  event.state = BatchEvent::State::kDeadLetter;
  DeadLetter letter;
  letter.source = batch.partitions[event.partition].source;
  letter.topic_id = batch.partitions[event.partition].topic_id;
  letter.leader_epoch = record.leader_epoch;
  letter.record_offset = record.offset;
  letter.event_index = event.event_index;
  letter.record = event.record;
  letter.reason = reason;
  letter.detail = batch.arena.Copy(detail);
  letter.key_hash = usage.key_hash;
  letter.user_id = usage.user_id;
  letter.model_id = usage.model_id;
  letter.event_id = usage.litellm_request_id;
  letter.event_time = usage.created_at;
  letter.counts_quotas = event.row.counts_quotas;
  letter.payload =
      batch.arena.Copy(make_payload_(record.value, event.event_index - record.first_index));
  batch.AddDeadLetter(event.partition, letter);
  return {};
}

void Attributor::ForgetSubscriptions(Batch& batch, std::span<const Uuid> gone) {
  cache_.Expire();
  for (BatchEvent& event : batch.events) {
    if (event.state == BatchEvent::State::kRow &&
        std::binary_search(gone.begin(), gone.end(), event.row.owner.subscription_id)) {
      event.state = BatchEvent::State::kPending;
    }
  }
}

}  // namespace usage_ingest::pipeline
