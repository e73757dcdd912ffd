#include "bench/load/event_renderer.h"

#include "bench/load/captured_templates.h"
#include "bench/load/python_float.h"

namespace usage_ingest::load {
namespace {

constexpr std::array<std::string_view, 5> kTags = {
    R"(["User-Agent: AsyncOpenAI", "User-Agent: AsyncOpenAI/Python 2.54.0"])",
    R"(["ci", "nightly", "User-Agent: AsyncOpenAI", "User-Agent: AsyncOpenAI/Python 2.54.0"])",
    R"(["team:search", "prod"])", R"(["User-Agent: python-httpx"])", "[]"};
constexpr std::array<std::string_view, 4> kEndUsers = {"null", R"("customer-17")", "null",
                                                       R"("caf\u00e9-42")"};
constexpr std::array<std::string_view, 16> kWords = {
    "the",  "partition", "keeps", "its",   "offset", "after", "every",  "batch",
    "then", "commits",   "again", "until", "broker", "moves", "leader", "safe"};

std::vector<std::string> MakeTexts() {
  std::vector<std::string> texts(64);
  for (std::size_t i = 0; i < texts.size(); ++i) {
    Random random(17, i);
    for (std::uint32_t words = 12 + random.Below(90); words > 0; --words) {
      texts[i].append(kWords[random.Below(kWords.size())]);
      if (words > 1) texts[i].push_back(' ');
    }
  }
  return texts;
}

bool HasUnknownKey(EventKind kind) {
  return kind == EventKind::kUnknownKey || kind == EventKind::kUnattributable;
}

// A key that no user of the population has, so the database does not know it.
std::string UnknownHash(Random noise) {
  std::string hash;
  for (int word = 0; word < 4; ++word) AppendHex(hash, ~noise.Next(), 16);
  return hash;
}

// Everything that a hole can be filled with.
struct Fields {
  const EventFacts& facts;
  const Subscription& subscription;
  const Model& model;
  const User& user;
  const Key& key;
  const Team& team;
  const std::vector<std::string>& texts;
  std::string& out;
  std::array<std::uint64_t, 7> random_words;

  [[nodiscard]] const Failure& failure() const { return kFailures[facts.failure]; }
  // The word that picks texts and tags, so that the two before it make ids.
  [[nodiscard]] std::size_t Pick(int shift, std::size_t count) const {
    return (random_words[6] >> shift) % count;
  }
  [[nodiscard]] std::string Uuid(std::size_t word) const {
    return UuidText(random_words[word], random_words[word + 1]);
  }
};

struct Filler {
  std::string_view hole;
  void (*append)(const Fields& of);
};
constexpr std::array kFillers = {
    Filler{"id",
           [](const Fields& of) {
             of.out.append("chatcmpl-");
             AppendHex(of.out, of.random_words[0], 16);
             AppendHex(of.out, of.random_words[1], 13);
           }},
    Filler{"call_id", [](const Fields& of) { of.out.append(of.Uuid(2)); }},
    Filler{"trace_id", [](const Fields& of) { of.out.append(of.Uuid(4)); }},
    Filler{"cache_key",
           [](const Fields& of) {
             for (std::size_t word = 2; word < 6; ++word) {
               AppendHex(of.out, of.random_words[word], 16);
             }
           }},
    Filler{"start", [](const Fields& of) { AppendSeconds(of.out, of.facts.start_us); }},
    Filler{"end", [](const Fields& of) { AppendSeconds(of.out, of.facts.end_us); }},
    Filler{"first_token", [](const Fields& of) { AppendSeconds(of.out, of.facts.first_token_us); }},
    Filler{"response_seconds",
           [](const Fields& of) {
             AppendSeconds(of.out, of.facts.first_token_us - of.facts.start_us);
           }},
    Filler{"provider", [](const Fields& of) { of.out.append(of.model.provider); }},
    Filler{"model", [](const Fields& of) { of.out.append(of.model.id); }},
    Filler{"deployment", [](const Fields& of) { of.out.append(of.model.deployment); }},
    Filler{"key_hash",
           [](const Fields& of) {
             of.out.append(HasUnknownKey(of.facts.kind) ? UnknownHash(of.facts.noise)
                                                        : of.key.hash);
           }},
    Filler{"key_alias", [](const Fields& of) { of.out.append(of.key.alias); }},
    Filler{"user_id",
           [](const Fields& of) {
             of.out.append(HasUnknownKey(of.facts.kind) ? of.Uuid(0) : of.user.id);
           }},
    Filler{"email", [](const Fields& of) { of.out.append(of.user.email); }},
    Filler{"team_id", [](const Fields& of) { of.out.append(of.team.event_id()); }},
    Filler{"team_alias", [](const Fields& of) { of.out.append(of.team.alias); }},
    Filler{"input_tokens", [](const Fields& of) { AppendInteger(of.out, of.facts.input_tokens); }},
    Filler{"output_tokens",
           [](const Fields& of) { AppendInteger(of.out, of.facts.output_tokens); }},
    Filler{"total_tokens",
           [](const Fields& of) {
             AppendInteger(of.out, std::int64_t{of.facts.input_tokens} + of.facts.output_tokens);
           }},
    Filler{"input_cost", [](const Fields& of) { AppendPythonFloat(of.out, of.facts.input_cost); }},
    Filler{"output_cost",
           [](const Fields& of) { AppendPythonFloat(of.out, of.facts.output_cost); }},
    Filler{"total_cost", [](const Fields& of) { AppendPythonFloat(of.out, of.facts.total_cost); }},
    Filler{"input_price",
           [](const Fields& of) { AppendPythonFloat(of.out, of.model.input_price); }},
    Filler{"output_price",
           [](const Fields& of) { AppendPythonFloat(of.out, of.model.output_price); }},
    Filler{"error_code", [](const Fields& of) { of.out.append(of.failure().code); }},
    Filler{"error_class", [](const Fields& of) { of.out.append(of.failure().error_class); }},
    Filler{"error_message", [](const Fields& of) { of.out.append(of.failure().message); }},
    Filler{"normalized_error", [](const Fields& of) { of.out.append(of.failure().normalized); }},
    Filler{"answer",
           [](const Fields& of) { of.out.append(of.texts[of.Pick(0, of.texts.size())]); }},
    Filler{"prompt",
           [](const Fields& of) { of.out.append(of.texts[of.Pick(8, of.texts.size())]); }},
    Filler{"tags", [](const Fields& of) { of.out.append(kTags[of.Pick(16, kTags.size())]); }},
    Filler{"end_user",
           [](const Fields& of) { of.out.append(kEndUsers[of.Pick(24, kEndUsers.size())]); }},
};

// In the order of EventKind; what is not well-formed starts as a chat.
constexpr std::array<std::string_view, kEventKinds> kCaptured = {
    captured::kChat,     captured::kStream,  captured::kStreamAborted, captured::kEmbedding,
    captured::kCacheHit, captured::kFailure, captured::kHealthCheck,   captured::kUnknownKey,
    captured::kChat,     captured::kChat,    captured::kChat,          captured::kChat};

}  // namespace

EventRenderer::EventRenderer(const Population& population, PayloadSize size)
    : population_(population), texts_(MakeTexts()) {
  std::array<std::string_view, kFillers.size()> names;
  for (std::size_t i = 0; i < names.size(); ++i) names[i] = kFillers[i].hole;
  for (const std::string_view text : kCaptured) {
    templates_.push_back(std::make_unique<EventTemplate>(text, size, names));
  }
}

void EventRenderer::Render(const EventFacts& facts, std::string& value) const {
  value.clear();
  if (facts.kind == EventKind::kTombstone) return;
  const Subscription& subscription = population_.subscriptions[facts.subscription];
  const User& user = population_.users[subscription.user];
  Fields fields{facts,
                subscription,
                population_.models[subscription.model],
                user,
                population_.keys[facts.key],
                population_.teams[user.team],
                texts_,
                value,
                {}};
  Random noise = facts.noise;
  for (auto& word : fields.random_words) word = noise.Next();
  templates_[static_cast<std::size_t>(facts.kind)]->Render(
      value, [&](std::size_t hole) { kFillers[hole].append(fields); });
  if (facts.kind == EventKind::kNotJson) value.resize(value.size() / 2);
}

std::string EventRenderer::KafkaKey(const EventFacts& facts) const {
  if (facts.kind == EventKind::kHealthCheck) return "litellm-internal-health-check";
  return HasUnknownKey(facts.kind) ? UnknownHash(facts.noise) : population_.keys[facts.key].hash;
}

}  // namespace usage_ingest::load
