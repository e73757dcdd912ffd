#include "tests/support/pipeline/captured_events.h"

#include <filesystem>
#include <fstream>
#include <sstream>
#include <stdexcept>

namespace usage_ingest::support {
namespace {

std::vector<std::string> LinesOf(const std::filesystem::path& path) {
  std::ifstream file(path, std::ios::binary);
  std::vector<std::string> lines;
  for (std::string line; std::getline(file, line);) lines.push_back(std::move(line));
  if (lines.empty()) throw std::runtime_error("nothing in " + path.string());
  return lines;
}

struct User {
  const char* name;
  const char* id;
};
constexpr User kUsers[] = {{"alice", "5b0b7c1e-6f0a-4c0e-9a53-0d9a6f1f2a11"},
                           {"bob", "8d1f2c70-1f3e-4f0a-a8b7-2f6f5f0c9b22"},
                           {"carol", "c3a9e5d4-7b21-4d8e-bb0e-91a2c4d6e833"},
                           {"dave", "f07d6b1a-52c4-4e9f-8c3d-6e5a4b3c2d44"}};

constexpr char kTeamA[] = "a0000000-0000-4000-8000-000000000001";  // LiteMaaS' default team
constexpr char kTeamB[] = "b7e4f2a1-3c5d-4f6e-9a8b-1c2d3e4f5a02";

struct Key {
  const char* secret;
  const char* user;
  const char* team;  // nullptr: a personal key
};
// The rotated key is carol's: the proxy did not know its user any more, LiteMaaS does.
constexpr Key kKeys[] = {
    {"sk-cap-alice-1111", kUsers[0].id, kTeamA},    {"sk-cap-alice-2222", kUsers[0].id, kTeamA},
    {"sk-cap-bob-3333", kUsers[1].id, kTeamA},      {"sk-cap-carol-4444", kUsers[2].id, kTeamB},
    {"sk-cap-carol-5555", kUsers[2].id, nullptr},   {"sk-cap-dave-6666", kUsers[3].id, kTeamB},
    {"sk-cap-rotated-7777", kUsers[2].id, nullptr}, {"sk-cap-limited-8888", kUsers[3].id, kTeamB},
    {"cap-plain-key-9999", kUsers[1].id, kTeamA}};

constexpr const char* kModels[] = {"gpt-4o",
                                   "claude-3-5-sonnet",
                                   "gpt-4o-mini",
                                   "ha-chat",
                                   "text-embedding-3-small",
                                   "granite-3-8b-instruct",
                                   "custom-priced",
                                   "claude-native",
                                   "o3-mini",
                                   "err-400",
                                   "err-401",
                                   "err-403",
                                   "err-429",
                                   "err-500",
                                   "err-503",
                                   "err-badjson",
                                   "err-refused",
                                   "err-policy",
                                   "err-nul",
                                   "err-midstream-event",
                                   "claude-sonnet-4-5-20250929",
                                   "dall-e-3",
                                   "tts-1",
                                   "rerank-english-v3",
                                   "free-model",
                                   "unknown-price",
                                   "tiny-priced",
                                   "null-usage",
                                   "float-usage",
                                   "negative-usage",
                                   "no-usage",
                                   "same-id",
                                   "null-id",
                                   "nul-id",
                                   "claude-overloaded",
                                   "gpt-3.5-turbo-instruct"};

}  // namespace

std::vector<CapturedEvent> CapturedEvents() {
  const std::filesystem::path folder = std::filesystem::path(USAGE_INGEST_TEST_DATA) / "litellm";
  const std::vector<std::string> values = LinesOf(folder / "events.ndjson");
  const std::vector<std::string> index = LinesOf(folder / "index.tsv");  // with a heading
  if (index.size() != values.size() + 1) throw std::runtime_error("index.tsv does not fit");
  std::vector<CapturedEvent> events;
  for (std::size_t i = 0; i < values.size(); ++i) {
    std::istringstream line(index[i + 1]);
    std::string number;
    std::string timestamp;
    CapturedEvent event;
    std::getline(line, number, '\t');
    std::getline(line, event.scenario, '\t');
    std::getline(line, timestamp, '\t');
    std::getline(line, event.key, '\t');
    event.timestamp_ms = std::stoll(timestamp);
    event.value = values[i];
    events.push_back(std::move(event));
  }
  return events;
}

void SeedCaptured(Database& database) {
  for (const User& user : kUsers) {
    database.Execute(
        "INSERT INTO users (id, username, email, oauth_provider, oauth_id) "
        "VALUES ($1::uuid, $2::text, $2::text || '@example.com', 'openshift', $2::text)",
        {user.id, user.name});
  }
  database.Execute("INSERT INTO teams (id, name) VALUES ($1, 'Données')", {kTeamB});
  for (const char* model : kModels) {
    database.Execute("INSERT INTO models (id, name, provider) VALUES ($1, $1, 'test')", {model});
  }
  database.Execute(
      "INSERT INTO subscriptions (user_id, model_id, status, quota_requests, quota_tokens) "
      "SELECT u.id, m.id, 'active', 2000000000, 1000000000000000 FROM users u, models m");
  for (const Key& key : kKeys) {
    // LiteLLM reports the SHA-256 of a key's text.
    database.Execute(
        "INSERT INTO api_keys (user_id, team_id, name, key_hash, key_prefix) VALUES "
        "($1::uuid, nullif($2, '')::uuid, $3::text, "
        "encode(sha256(convert_to($3::text, 'UTF8')), 'hex'), left($3::text, 10))",
        {key.user, key.team == nullptr ? "" : key.team, key.secret});
  }
}

}  // namespace usage_ingest::support
