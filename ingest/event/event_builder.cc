#include "ingest/event/event_builder.h"

#include <algorithm>
#include <array>
#include <chrono>

#include "ingest/event/cost_split.h"
#include "ingest/event/credential.h"
#include "ingest/event/element_identity.h"
#include "ingest/event/kept_texts.h"
#include "ingest/event/spend_logs.h"
#include "ingest/event/status_code.h"
#include "ingest/event/token_details.h"
#include "ingest/json/json_text.h"
#include "schema/limits.h"

namespace usage_ingest::event {
namespace {

using State = NumberField::State;

constexpr std::int64_t kInt32Max = 2'147'483'647;
// types/utils.py, BACKGROUND_RESPONSE_COST_POLL_CALL_ORIGIN.
constexpr std::string_view kBillOfBackgroundResponse = "background_response_cost_poll";
constexpr std::int64_t kYear10000Us = 253'402'300'800'000'000;

// Thousandths from millionths, half away from zero, within [0, 2^31).
std::int32_t ClampedMillis(std::int64_t micros) {
  return static_cast<std::int32_t>(std::clamp<std::int64_t>((micros + 500) / 1000, 0, kInt32Max));
}

// One element on its way to a row. A step returns false when it has rejected the element.
class Draft {
 public:
  Draft(const EventBuilder::Element& element, Arena& arena)
      : element_(element), arena_(arena), reader_(element.fields, arena) {}

  // The key, user and team of the element; false: LiteLLM made the call for itself.
  [[nodiscard]] bool ReadOwner();
  [[nodiscard]] bool ReadModel();
  [[nodiscard]] bool ReadStart();
  [[nodiscard]] bool ReadTokens();
  [[nodiscard]] bool ReadCost();
  [[nodiscard]] bool CheckStart();
  // These cannot fail.
  void ReadResult();
  void ReadDurations();
  void ReadIdentity();
  // A poll of a job that says no usage, or says the usage of another event.
  [[nodiscard]] bool IsIdlePoll() const;
  void MakeIds();
  void WriteMetadata(MetadataWriter& writer, json::JsonIndex& spare);
  void KeepTexts() { event::KeepTexts(event_, arena_); }

  [[nodiscard]] const FieldReader& reader() const { return reader_; }
  [[nodiscard]] const UsageEvent& event() const { return event_; }
  [[nodiscard]] const Rejection& rejection() const { return rejection_; }

 private:
  bool Reject(DeadLetterReason reason, std::string_view detail);
  // Rejects what is neither absent nor a number.
  [[nodiscard]] bool CheckNumber(State state, std::string_view not_a_number,
                                 std::string_view other_type);
  [[nodiscard]] bool ReadTokenCount(Field field, std::int32_t& count);
  [[nodiscard]] bool IsInBounds(EventTimeUs time) const;
  [[nodiscard]] std::string_view RetrievedIdentity() const;
  [[nodiscard]] bool IsFailure() const;
  [[nodiscard]] std::string_view WithoutProvider(std::string_view model) const;
  // As text: the body of a pass-through call can have a number.
  [[nodiscard]] std::string_view Id() const;
  [[nodiscard]] std::string_view Redact(std::string_view text);
  [[nodiscard]] bool is_kind(Field field, json::JsonKind kind) const {
    return element_.fields[field].kind == kind;
  }

  const EventBuilder::Element& element_;
  Arena& arena_;
  FieldReader reader_;
  UsageEvent event_;
  Rejection rejection_{};
  RequestResult result_ = RequestResult::kSuccess;
  std::string_view id_;
  std::string_view secret_;  // a raw key where its hash belongs
  std::array<char, kKeyHashBytes> key_hash_;
  EventTimeUs start_;
  std::int64_t end_ms_ = 0;
  CallKind kind_ = CallKind::kCall;
  bool is_bill_ = false;  // LiteLLM's own event for a finished background response
  std::int64_t ttft_ms_ = json::kNoNumber;
  Decimal cost_;
};

bool Draft::Reject(DeadLetterReason reason, std::string_view detail) {
  rejection_ = {reason, detail, arena_.Copy(event_.key_hash), {}, {}};
  rejection_.event_id = arena_.Copy(json::CutCharacters(Id(), limits::kVarcharChars));
  const FieldReader::TimeField start = reader_.Time(Field::kStartTime);
  // Beyond these bounds PostgreSQL could not store it.
  if (start.state == State::kNumber && start.value.value > 0 && start.value.value < kYear10000Us) {
    rejection_.event_time = start.value;
  }
  return false;
}

std::string_view Draft::Id() const {
  const json::JsonValue& id = element_.fields[Field::kId];
  return id.kind == json::JsonKind::kNumber ? id.text() : reader_.Text(Field::kId);
}

bool Draft::ReadOwner() {
  const std::string_view hash = reader_.Text(Field::kKeyHash);
  switch (ClassifyCredential(hash)) {
    case CredentialKind::kAbsent:
      break;
    case CredentialKind::kHash: {
      WriteLowerCase(hash, key_hash_.data());
      event_.key_hash = {key_hash_.data(), key_hash_.size()};
      break;
    }
    case CredentialKind::kMasterKey:
      event_.is_master_key = true;
      break;
    case CredentialKind::kInternal:
      return false;
    case CredentialKind::kRawKey:
      secret_ = hash;
      break;
  }
  const std::string_view team_id = reader_.Text(Field::kKeyTeamId);
  if (IsInternalWord(reader_.Text(Field::kKeyAlias)) || IsInternalWord(team_id) ||
      IsInternalWord(reader_.Text(Field::kKeyTeamAlias))) {
    return false;
  }
  event_.user_id = reader_.Text(Field::kKeyUserId);
  event_.team_id = team_id;
  return true;
}

// "openai/gpt-4o" is the model gpt-4o of openai.
std::string_view Draft::WithoutProvider(std::string_view model) const {
  const std::string_view provider = reader_.Text(Field::kProvider);
  if (!provider.empty() && model.starts_with(provider) && model.substr(provider.size(), 1) == "/") {
    return model.substr(provider.size() + 1);
  }
  return model;
}

bool Draft::ReadModel() {
  using enum DeadLetterReason;
  if (!reader_.IsTextOrAbsent(Field::kId) && !is_kind(Field::kId, json::JsonKind::kNumber)) {
    return Reject(kInvalidField, "id is neither text nor a number");
  }
  if (!reader_.IsTextOrAbsent(Field::kMetadata) &&
      !is_kind(Field::kMetadata, json::JsonKind::kObject)) {
    return Reject(kInvalidField, "metadata is no object");
  }
  for (const Field field : {Field::kModelGroup, Field::kModel}) {
    if (!reader_.IsTextOrAbsent(field)) return Reject(kInvalidField, "the model is no text");
    event_.model_id = reader_.Text(field);
    if (!event_.model_id.empty()) break;
  }
  // A retrieved response has the id of the deployment instead of the model's public name.
  if (!event_.model_id.empty() && event_.model_id == reader_.Text(Field::kModelId)) {
    event_.model_id = WithoutProvider(reader_.Text(Field::kModel));
  }
  return true;
}

bool Draft::ReadStart() {
  using enum DeadLetterReason;
  const FieldReader::TimeField start = reader_.Time(Field::kStartTime);
  switch (start.state) {
    case State::kAbsent:
      return Reject(kInvalidField, "startTime is missing");
    case State::kNotANumber:
      if (is_kind(Field::kStartTime, json::JsonKind::kNotANumber)) {
        return Reject(kInvalidNumber, "startTime is not a number");
      }
      return Reject(kInvalidField, "startTime is neither a number nor a date");
    case State::kOtherType:
      return Reject(kInvalidField, "startTime is of another type");
    case State::kNumber:
      break;
  }
  start_ = start.value;
  event_.created_at = start_;
  return true;
}

bool Draft::CheckNumber(State state, std::string_view not_a_number, std::string_view other_type) {
  using enum DeadLetterReason;
  if (state == State::kNotANumber) return Reject(kInvalidNumber, not_a_number);
  if (state == State::kOtherType) return Reject(kInvalidField, other_type);
  return true;
}

bool Draft::ReadTokenCount(Field field, std::int32_t& count) {
  using enum DeadLetterReason;
  std::int64_t value = reader_.Plain(field, 0);
  if (value == json::kNoNumber) {
    const NumberField tokens = reader_.Number(field);
    if (!CheckNumber(tokens.state, "a token count is not a number",
                     "a token count is of another type")) {
      return false;
    }
    if (tokens.state == State::kAbsent) return true;
    if (!tokens.value.is_whole()) return Reject(kInvalidNumber, "a token count is not whole");
    value = tokens.value.Scaled(0);
  }
  if (value < 0) return Reject(kValueOutOfRange, "a token count is negative");
  if (value > kInt32Max) return Reject(kValueOutOfRange, "a token count is above 2147483647");
  count = static_cast<std::int32_t>(value);
  return true;
}

bool Draft::ReadTokens() {
  using enum DeadLetterReason;
  if (!ReadTokenCount(Field::kPromptTokens, event_.request_tokens) ||
      !ReadTokenCount(Field::kCompletionTokens, event_.response_tokens)) {
    return false;
  }
  // LiteLLM bills the total, and counts what is neither prompt nor completion as prompt.
  const std::int64_t total = reader_.Whole(Field::kTotalTokens);
  if (total != json::kNoNumber && total > event_.total_tokens()) {
    if (total > kInt32Max) return Reject(kValueOutOfRange, "total_tokens is above 2147483647");
    event_.request_tokens = static_cast<std::int32_t>(total - event_.response_tokens);
  }
  if (event_.total_tokens() <= kInt32Max) return true;
  return Reject(kValueOutOfRange, "the tokens add up to more than 2147483647");
}

bool Draft::ReadCost() {
  using enum DeadLetterReason;
  const NumberField cost = reader_.Number(Field::kResponseCost);
  if (!CheckNumber(cost.state, "the cost is not a number", "the cost is of another type")) {
    return false;
  }
  if (cost.state == State::kAbsent) return true;
  const std::int64_t total = cost.value.Scaled(6);
  if (total < 0) return Reject(kValueOutOfRange, "the cost is negative");
  if (total >= limits::kCostMicrosEnd) return Reject(kValueOutOfRange, "the cost is 10000 or more");
  const std::int64_t output = OutputMicros(cost.value, reader_.Number(Field::kInputCost),
                                           reader_.Number(Field::kOutputCost));
  event_.output_cost = {output};
  event_.input_cost = {total - output};
  cost_ = cost.value;
  return true;
}

bool Draft::IsInBounds(EventTimeUs time) const {
  using std::chrono::microseconds;
  const std::int64_t age = element_.origin.now.value - time.value;
  return age <= microseconds(limits::kEventAgeMax).count() &&
         age >= -microseconds(limits::kEventAheadMax).count();
}

bool Draft::CheckStart() {
  if (IsInBounds(event_.created_at)) return true;
  return Reject(DeadLetterReason::kTimestampOutOfRange, event_.created_at < element_.origin.now
                                                            ? "startTime is more than 10 years ago"
                                                            : "startTime is more than a day ahead");
}

bool Draft::IsFailure() const {
  const std::string_view status = reader_.Text(Field::kStatus);
  if (status == "failure") return true;
  if (status == "success") return false;
  return is_kind(Field::kErrorCode, json::JsonKind::kNumber) ||
         !reader_.Text(Field::kErrorCode).empty() || !reader_.Text(Field::kErrorClass).empty();
}

std::string_view Draft::Redact(std::string_view text) {
  return Reveals(text, secret_) ? arena_.Copy(Redacted(text, secret_)) : text;
}

void Draft::ReadResult() {
  result_ = IsFailure() ? RequestResult::kFailure : RequestResult::kSuccess;
  event_.status_code =
      StatusCodeOf(result_, reader_.Whole(Field::kErrorCode), reader_.Text(Field::kErrorClass));
  std::string_view message = reader_.Text(Field::kErrorStr);
  if (message.empty()) message = reader_.Text(Field::kErrorMessage);
  event_.error_message = json::CutCharacters(Redact(message), limits::kErrorMessageChars);
  event_.is_request = !reader_.IsTrue(Field::kBilledRetryAttempt) &&
                      !reader_.IsTrue(Field::kIsSilentExperiment) &&
                      reader_.Text(Field::kInternalCallOrigin).empty();
}

void Draft::ReadDurations() {
  const std::int64_t start = start_.value;
  const FieldReader::TimeField end = reader_.Time(Field::kEndTime);
  if (end.state == State::kNumber) {
    event_.latency_ms = ClampedMillis(end.value.value - start);
    end_ms_ = MillisOf(end.value);
  }
  const FieldReader::TimeField first = reader_.Time(Field::kCompletionStartTime);
  if (first.state == State::kNumber) ttft_ms_ = ClampedMillis(first.value.value - start);
}

void Draft::MakeIds() {
  id_ = Id();
  event_.litellm_request_id = json::CutCharacters(id_, limits::kVarcharChars);
  std::string_view identity = id_;
  if (identity.empty()) identity = reader_.Text(Field::kCallId);
  if (identity.empty()) {
    identity = FallbackIdentity({element_.origin, element_.index, element_.bytes}, arena_);
  }
  RowIdentity row = {
      .id = WithoutSuffix(identity, kind_), .kind = Name(result_), .user_id = event_.user_id};
  if (event_.is_job) {
    row.kind = "job";
    if (kind_ == CallKind::kRetrieve && !is_bill_) row.id = RetrievedIdentity();
  } else {
    row.start_ms = MillisOf(event_.created_at);
    row.end_ms = result_ == RequestResult::kSuccess ? end_ms_ : 0;
  }
  event_.id = MakeRowId(row);
}

// Without a database, LiteLLM bills each retrieval of a background response, and each has another
// encrypted id. The same usage of the same deployment is taken for the same response.
std::string_view Draft::RetrievedIdentity() const {
  const std::string text = std::string(reader_.Text(Field::kModelId)) + '/' +
                           std::to_string(event_.request_tokens) + '/' +
                           std::to_string(event_.response_tokens) + '/' +
                           std::to_string(event_.input_cost.value + event_.output_cost.value);
  return arena_.Copy(text);
}

// LiteLLM's own row of a failure begins with the request, the event with its first attempt.
void Draft::ReadIdentity() {
  kind_ = CallKindOf(reader_.Text(Field::kCallType));
  is_bill_ = reader_.Text(Field::kInternalCallOrigin) == kBillOfBackgroundResponse;
  event_.is_job = kind_ != CallKind::kCall && result_ == RequestResult::kSuccess;
  if (result_ == RequestResult::kFailure) {
    const FieldReader::TimeField request = reader_.Time(Field::kRequestStart);
    if (request.state == State::kNumber && IsInBounds(request.value)) {
      event_.created_at = request.value;
    }
  }
  event_.created_at = {MillisOf(event_.created_at) * 1000};
}

bool Draft::IsIdlePoll() const {
  if (!event_.is_job) return false;
  const bool costs = event_.input_cost.value != 0 || event_.output_cost.value != 0;
  return kind_ == CallKind::kRetrieve && !is_bill_ ? !costs : !event_.has_usage();
}

void Draft::WriteMetadata(MetadataWriter& writer, json::JsonIndex& spare) {
  const bool is_cut = event_.litellm_request_id.size() != id_.size();
  const TokenDetails details = ReadTokenDetails(reader_);
  event_.cached_tokens = CountOf(details.cached);
  event_.reasoning_tokens = CountOf(details.reasoning);
  event_.metadata_json = writer.Write({.reader = reader_,
                                       .spare = spare,
                                       .secret = secret_,
                                       .request_id = is_cut ? id_ : std::string_view(),
                                       .ttft_ms = ttft_ms_,
                                       .tokens = details,
                                       .cost = cost_});
}

}  // namespace

void EventBuilder::Build(const Element& element, Arena& arena, EventSink& sink) {
  Draft draft(element, arena);
  ReadInnerTexts({nested_, draft.reader()});
  if (!draft.ReadOwner()) return sink.OnSkip(element.index, SkipReason::kInternal);
  const bool is_row = draft.ReadModel() && draft.ReadStart() && draft.ReadTokens() &&
                      draft.ReadCost() && draft.CheckStart();
  if (!is_row) return sink.OnReject(element.index, draft.rejection());
  draft.ReadResult();
  draft.ReadIdentity();
  if (draft.IsIdlePoll()) return sink.OnSkip(element.index, SkipReason::kPoll);
  draft.ReadDurations();
  draft.MakeIds();
  draft.WriteMetadata(metadata_, nested_);
  draft.KeepTexts();
  sink.OnEvent(element.index, draft.event());
}

}  // namespace usage_ingest::event
