#include "tests/sim/event_factory.h"

#include <fmt/format.h>

#include "ingest/event/element_identity.h"

namespace usage_ingest::sim {
namespace {

constexpr std::int64_t kDayMs = 24LL * 3600 * 1000;
constexpr std::size_t kEarlierMax = 32;
constexpr std::size_t kTextBytes = 4'000;

std::string ToJson(const Truth& truth, const std::string& text = {}) {
  return fmt::format(
      R"({{"messages":"{}","id":"{}","startTime":{}.{:03},"endTime":{}.{:03},"status":"{}","model_group":"{}",)"
      R"("prompt_tokens":{},"completion_tokens":{},"response_cost":0.{:06},)"
      R"("metadata":{{"user_api_key_hash":"{}","user_api_key_team_id":"{}"}}}})",
      text, truth.litellm_id, truth.start_ms / 1000, truth.start_ms % 1000,
      (truth.start_ms + truth.latency_ms) / 1000, (truth.start_ms + truth.latency_ms) % 1000,
      truth.is_failure ? "failure" : "success", truth.model, truth.request_tokens,
      truth.response_tokens, truth.cost_micros, truth.key_hash, truth.team);
}

Uuid NumberedId(std::uint8_t kind, std::size_t number) {
  Uuid id;
  id.bytes[0] = kind;
  id.bytes[15] = static_cast<std::uint8_t>(number + 1);
  return id;
}

}  // namespace

const std::vector<std::string>& Models() {
  static const std::vector<std::string> kModels = {"gpt", "llama"};
  return kModels;
}
Uuid UserId(std::size_t user) { return NumberedId(0x10, user); }
Uuid TeamId(std::size_t team) { return NumberedId(0x20, team); }
std::string KeyHash(std::size_t user) { return fmt::format("{:064x}", user + 1); }

Truth EventFactory::MakeTruth(EventTimeUs now) {
  if (!earlier_.empty() && random_.PerThousand(120)) {
    return earlier_[random_.Below(earlier_.size())];
  }
  Truth truth;
  truth.litellm_id = fmt::format("req-{}", ++made_);
  truth.start_ms = now.value / 1000 - random_.Between(0, 5000);
  if (random_.PerThousand(60)) truth.start_ms -= random_.Between(1, 4) * 31 * kDayMs;
  truth.model = Models()[random_.Below(Models().size())];
  truth.key_hash = KeyHash(random_.Below(kUsers + (random_.PerThousand(100) ? 1 : 0)));
  if (random_.PerThousand(300)) truth.team = TeamId(random_.Below(kTeams)).ToString();
  truth.request_tokens = static_cast<std::int32_t>(random_.Between(1, 50));
  truth.response_tokens = static_cast<std::int32_t>(random_.Between(0, 50));
  truth.cost_micros = random_.Between(0, 999'999);
  truth.latency_ms = static_cast<std::int32_t>(random_.Between(0, 600));
  truth.is_failure = random_.PerThousand(150);
  if (random_.PerThousand(15)) truth.latency_ms = kRefusedLatencyMs;
  if (random_.PerThousand(20)) {  // an unknown key, nothing used
    truth.kind = Truth::Kind::kSkip;
    truth.key_hash = std::string(64, 'f');
    truth.request_tokens = truth.response_tokens = 0;
    truth.cost_micros = 0;
  }
  truth.id = event::MakeRowId({.id = truth.litellm_id,
                               .kind = truth.is_failure ? "failure" : "success",
                               .start_ms = truth.start_ms,
                               .end_ms = truth.is_failure ? 0 : truth.start_ms + truth.latency_ms,
                               .user_id = ""});
  if (truth.kind == Truth::Kind::kEvent) {
    if (earlier_.size() < kEarlierMax) {
      earlier_.push_back(truth);
    } else {
      earlier_[random_.Below(kEarlierMax)] = truth;
    }
  }
  return truth;
}

ProducedRecord EventFactory::Make(EventTimeUs now) {
  ProducedRecord record;
  const std::size_t kind = random_.Below(100);
  if (kind < 3) {
    record.truths.emplace_back().kind = Truth::Kind::kSkip;
  } else if (kind < 6) {
    record.value = "{ this is no JSON";
    record.truths.emplace_back().kind = Truth::Kind::kReject;
  } else if (kind < 15) {
    record.value = "[";
    for (std::int64_t left = random_.Between(1, 4); left > 0; --left) {
      record.truths.push_back(MakeTruth(now));
      record.value += ToJson(record.truths.back()) + (left > 1 ? "," : "]");
    }
  } else {
    record.truths.push_back(MakeTruth(now));
    record.value = ToJson(record.truths.back(), std::string(has_texts_ ? kTextBytes : 0, 'm'));
  }
  return record;
}

}  // namespace usage_ingest::sim
