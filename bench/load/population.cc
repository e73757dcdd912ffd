#include "bench/load/population.h"

#include <fmt/format.h>
#include <openssl/sha.h>

#include <array>
#include <stdexcept>

#include "bench/load/random.h"

namespace usage_ingest::load {
namespace {

constexpr std::uint32_t kTeams = 20;
constexpr const char* kDefaultTeam = "a0000000-0000-4000-8000-000000000001";

struct ModelKind {
  const char* name;
  const char* provider;
  double input_price;
  double output_price;
};
// List prices a token, in the spirit of those that LiteLLM ships.
constexpr std::array kModelKinds = {
    ModelKind{"gpt-4o", "openai", 2.5e-06, 1e-05},
    ModelKind{"gpt-4o-mini", "openai", 1.5e-07, 6e-07},
    ModelKind{"gpt-4.1", "openai", 2e-06, 8e-06},
    ModelKind{"gpt-4.1-mini", "openai", 4e-07, 1.6e-06},
    ModelKind{"o3-mini", "openai", 1.1e-06, 4.4e-06},
    ModelKind{"text-embedding-3-small", "openai", 2e-08, 0},
    ModelKind{"claude-3-5-sonnet-20241022", "anthropic", 3e-06, 1.5e-05},
    ModelKind{"claude-3-5-haiku-20241022", "anthropic", 8e-07, 4e-06},
    ModelKind{"granite-3.1-8b-instruct", "hosted_vllm", 0, 0},
    ModelKind{"llama-3.3-70b-instruct", "hosted_vllm", 7.2e-07, 7.2e-07},
    ModelKind{"mistral-large-2411", "mistral", 2e-06, 6e-06},
    ModelKind{"mixtral-8x7b-instruct", "hosted_vllm", 6e-07, 6e-07},
    ModelKind{"deepseek-r1", "hosted_vllm", 5.5e-07, 2.19e-06},
    ModelKind{"qwen2.5-coder-32b-instruct", "hosted_vllm", 1.8e-07, 1.8e-07},
    ModelKind{"gemini-1.5-pro", "vertex_ai", 1.25e-06, 5e-06},
    ModelKind{"gemini-2.0-flash", "vertex_ai", 1e-07, 4e-07},
};

std::string RandomUuid(Random& random) {
  const std::uint64_t high = random.Next();
  return UuidText(high, random.Next());
}

std::vector<Model> MakeModels(std::uint32_t count, Random random) {
  std::vector<Model> models(count);
  for (std::uint32_t i = 0; i < count; ++i) {
    const ModelKind& kind = kModelKinds[i % kModelKinds.size()];
    const auto edition = i / kModelKinds.size();
    Model& model = models[i];
    model.id = edition == 0 ? kind.name : fmt::format("{}-{}", kind.name, edition + 1);
    model.provider = kind.provider;
    for (int word = 0; word < 4; ++word) AppendHex(model.deployment, random.Next(), 16);
    model.input_price = kind.input_price;
    model.output_price = kind.output_price;
    model.is_embedding = kind.output_price == 0 && kind.input_price != 0;
  }
  return models;
}

std::vector<Team> MakeTeams(Random random) {
  std::vector<Team> teams(kTeams);
  teams[0] = {kDefaultTeam, "", "Default Team"};
  for (std::uint32_t i = 1; i < kTeams; ++i) {
    teams[i] = {RandomUuid(random), "", fmt::format("Team {}", i)};
    if (i % 4 == 0) teams[i].litellm_id = fmt::format("litellm-team-{:04}", i);
  }
  return teams;
}

std::string Secret(Random& random) {
  constexpr std::string_view kAlphabet =
      "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
  std::string secret = "sk-";
  for (int i = 0; i < 22; ++i) secret.push_back(kAlphabet[random.Below(64)]);
  return secret;
}

void AddKeys(Population& all, std::uint32_t user, std::uint32_t count, Random& random) {
  all.users[user].first_key = static_cast<std::uint32_t>(all.keys.size());
  all.users[user].key_count = count;
  for (std::uint32_t i = 0; i < count; ++i) {
    Key key;
    key.id = RandomUuid(random);
    key.secret = Secret(random);
    key.hash = Sha256Hex(key.secret);
    key.alias = fmt::format("{}-key-{}_{}", all.users[user].name, i + 1, key.hash.substr(0, 8));
    key.user = user;
    key.is_seed_era = all.keys.size() % 10 == 3;
    all.keys.push_back(std::move(key));
  }
}

std::vector<User> MakeUsers(std::uint32_t count, Random random) {
  std::vector<User> users(count);
  for (std::uint32_t i = 0; i < count; ++i) {
    users[i].id = RandomUuid(random);
    users[i].name = fmt::format("user{:06}", i);
    users[i].email = fmt::format("user{:06}@example.com", i);
    // Most people were never moved out of the default team.
    users[i].team = random.Below(3) == 0 ? 1 + random.Below(kTeams - 1) : 0;
  }
  return users;
}

// Subscription s belongs to user s % users; the models of one user are distinct because they are
// consecutive (mod models) from a start of his own.
std::vector<Subscription> MakeSubscriptions(const PopulationOptions& options, Random random) {
  std::vector<std::uint32_t> first_model(options.users);
  for (auto& model : first_model) model = random.Below(options.models);
  std::vector<Subscription> subscriptions(options.subscriptions);
  for (std::uint32_t i = 0; i < options.subscriptions; ++i) {
    Subscription& it = subscriptions[i];
    it.id = RandomUuid(random);
    it.user = i % options.users;
    it.model = (first_model[it.user] + i / options.users) % options.models;
    it.is_suspended = i % 40 == 21;
    // One of fifty still has the seed's default quota and runs into it.
    const bool small = i % 50 == 7;
    it.quota_requests = small ? 10'000 : 2'000'000'000;
    it.quota_tokens = small ? 1'000'000 : 1'000'000'000'000'000;
  }
  return subscriptions;
}

}  // namespace

void AppendHex(std::string& out, std::uint64_t value, int digits) {
  constexpr const char* kHex = "0123456789abcdef";
  for (int shift = 4 * (digits - 1); shift >= 0; shift -= 4) {
    out.push_back(kHex[(value >> shift) & 15]);
  }
}

std::string UuidText(std::uint64_t high, std::uint64_t low) {
  std::string text;
  text.reserve(36);
  AppendHex(text, high >> 32, 8);
  text.push_back('-');
  AppendHex(text, high >> 16, 4);
  text.append("-4");
  AppendHex(text, high, 3);
  text.push_back('-');
  AppendHex(text, 8 | ((low >> 60) & 3), 1);
  AppendHex(text, low >> 48, 3);
  text.push_back('-');
  AppendHex(text, low, 12);
  return text;
}

std::string Sha256Hex(const std::string& text) {
  std::array<unsigned char, SHA256_DIGEST_LENGTH> digest{};
  SHA256(reinterpret_cast<const unsigned char*>(text.data()), text.size(), digest.data());
  std::string hex;
  for (const unsigned char byte : digest) AppendHex(hex, byte, 2);
  return hex;
}

Population::Population(const PopulationOptions& options) {
  if (options.users == 0 || options.models == 0 || options.subscriptions < options.users ||
      options.subscriptions > std::uint64_t{options.users} * options.models) {
    throw std::invalid_argument(
        "subscriptions must be at least one a user and at most one for each user and model");
  }
  models = MakeModels(options.models, Random(options.seed, 1));
  teams = MakeTeams(Random(options.seed, 2));
  users = MakeUsers(options.users, Random(options.seed, 3));
  subscriptions = MakeSubscriptions(options, Random(options.seed, 4));
  Random random(options.seed, 5);
  for (std::uint32_t user = 0; user < options.users; ++user) {
    const std::uint32_t count =
        user == subscriptions[0].user ? kKeysOfHottestUser : (user % 4 == 0 ? 2 : 1);
    AddKeys(*this, user, count, random);
  }
}

}  // namespace usage_ingest::load
