#pragma once
// Population: who uses what. Users, teams, models, keys and subscriptions of a LiteMaaS
// installation, the same for the same seed.
//
// The seeder puts it into PostgreSQL, the event stream draws requests from it; because both come
// from here, every event can be attributed and all totals can be checked to the last token.
//
// Shape         keys of one user stand side by side: [first_key, first_key + key_count).
#include <cstdint>
#include <string>
#include <vector>

namespace usage_ingest::load {

struct Model {
  std::string id;  // the public name, LiteMaaS models.id
  std::string provider;
  std::string deployment;  // LiteLLM's model_id: 64 hex digits
  double input_price = 0;  // a token
  double output_price = 0;
  bool is_embedding = false;
};

struct Team {
  std::string id;
  std::string litellm_id;  // empty: LiteLLM knows the team by `id`
  std::string alias;
  // What events call it.
  [[nodiscard]] const std::string& event_id() const { return litellm_id.empty() ? id : litellm_id; }
};

struct User {
  std::string id;
  std::string name;
  std::string email;
  std::uint32_t team = 0;
  std::uint32_t first_key = 0;
  std::uint32_t key_count = 0;
};

struct Key {
  std::string id;
  std::string secret;  // sk-...
  std::string hash;    // SHA-256 of secret, hex: what LiteLLM reports
  std::string alias;
  std::uint32_t user = 0;
  // LiteMaaS of the seed's time stored an unrelated hash beside the secret.
  bool is_seed_era = false;
};

struct Subscription {
  std::string id;
  std::uint32_t user = 0;
  std::uint32_t model = 0;
  bool is_suspended = false;
  std::int32_t quota_requests = 0;
  std::int64_t quota_tokens = 0;
};

struct PopulationOptions {
  std::uint64_t seed = 1;
  std::uint32_t users = 1000;
  std::uint32_t models = 50;
  std::uint32_t subscriptions = 4000;
};

struct Population {
  // Throws std::invalid_argument when there are more subscriptions than (user, model) pairs, or
  // fewer than users.
  explicit Population(const PopulationOptions& options);

  std::vector<Model> models;
  std::vector<Team> teams;  // the first is LiteMaaS' default team
  std::vector<User> users;
  std::vector<Key> keys;
  std::vector<Subscription> subscriptions;  // by popularity: the first is used most
};

// The user of the most used subscription has as many keys, so that one hot subscription still
// reaches every partition (the Kafka key is the key's hash).
inline constexpr std::uint32_t kKeysOfHottestUser = 16;

[[nodiscard]] std::string Sha256Hex(const std::string& text);
// A version 4 UUID in canonical form from 128 bits.
[[nodiscard]] std::string UuidText(std::uint64_t high, std::uint64_t low);
void AppendHex(std::string& out, std::uint64_t value, int digits);

}  // namespace usage_ingest::load
