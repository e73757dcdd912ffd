#include "bench/load/seed_database.h"

#include <fmt/format.h>
#include <libpq-fe.h>

#include <memory>
#include <stdexcept>
#include <string_view>

namespace usage_ingest::load {
namespace {

class Session {
 public:
  explicit Session(const std::string& conninfo)
      : connection_(PQconnectdb(conninfo.c_str()), PQfinish) {
    if (PQstatus(connection_.get()) != CONNECTION_OK) Throw("connect");
  }

  void Execute(const char* sql) { Expect(sql, PQexec(connection_.get(), sql), PGRES_COMMAND_OK); }

  // COPY in text format; no value of a population needs escaping.
  void Copy(const char* sql, const std::string& rows) {
    Expect(sql, PQexec(connection_.get(), sql), PGRES_COPY_IN);
    if (PQputCopyData(connection_.get(), rows.data(), static_cast<int>(rows.size())) != 1 ||
        PQputCopyEnd(connection_.get(), nullptr) != 1) {
      Throw(sql);
    }
    Expect(sql, PQgetResult(connection_.get()), PGRES_COMMAND_OK);
    // The end of the statement: always null after the one result of COPY.
    Rows(PQgetResult(connection_.get()), PQclear);
  }

 private:
  using Rows = std::unique_ptr<PGresult, decltype(&PQclear)>;
  [[noreturn]] void Throw(std::string_view what) {
    throw std::runtime_error(fmt::format("{}: {}", what, PQerrorMessage(connection_.get())));
  }
  void Expect(const char* sql, PGresult* result, ExecStatusType wanted) {
    const Rows rows(result, PQclear);
    if (PQresultStatus(rows.get()) != wanted) Throw(sql);
  }
  std::unique_ptr<PGconn, decltype(&PQfinish)> connection_;
};

std::string UserRows(const Population& all) {
  std::string rows;
  for (const User& user : all.users) {
    rows += fmt::format("{}\t{}\t{}\toidc\t{}\n", user.id, user.name, user.email, user.name);
  }
  return rows;
}

std::string TeamRows(const Population& all) {
  std::string rows;
  for (std::size_t i = 1; i < all.teams.size(); ++i) {
    const Team& team = all.teams[i];
    rows += fmt::format("{}\t{}\t{}\t{}\n", team.id, team.alias, team.alias,
                        team.litellm_id.empty() ? "\\N" : team.litellm_id);
  }
  return rows;
}

std::string MemberRows(const Population& all) {
  std::string rows;
  for (const User& user : all.users) {
    rows += fmt::format("{}\t{}\n", all.teams[user.team].id, user.id);
  }
  return rows;
}

std::string ModelRows(const Population& all) {
  std::string rows;
  for (const Model& model : all.models) {
    rows += fmt::format("{}\t{}\t{}\n", model.id, model.id, model.provider);
  }
  return rows;
}

std::string SubscriptionRows(const Population& all) {
  std::string rows;
  for (const Subscription& it : all.subscriptions) {
    const User& user = all.users[it.user];
    rows += fmt::format("{}\t{}\t{}\t{}\t{}\t{}\t{}\n", it.id, user.id, all.models[it.model].id,
                        all.teams[user.team].id, it.is_suspended ? "suspended" : "active",
                        it.quota_requests, it.quota_tokens);
  }
  return rows;
}

std::string KeyRows(const Population& all) {
  std::string rows;
  for (const Key& key : all.keys) {
    const User& user = all.users[key.user];
    const std::string hash = key.is_seed_era ? Sha256Hex("unrelated " + key.id) : key.hash;
    rows += fmt::format("{}\t{}\t{}\t{}\t{}\t{}\t{}\n", key.id, user.id, key.alias, hash,
                        key.secret.substr(0, 10), key.is_seed_era ? key.secret : "\\N",
                        all.teams[user.team].id);
  }
  return rows;
}

std::string KeyModelRows(const Population& all) {
  std::string rows;
  for (const Subscription& it : all.subscriptions) {
    const User& user = all.users[it.user];
    for (std::uint32_t key = user.first_key; key < user.first_key + user.key_count; ++key) {
      rows += fmt::format("{}\t{}\n", all.keys[key].id, all.models[it.model].id);
    }
  }
  return rows;
}

}  // namespace

void SeedDatabase(const Population& population, const std::string& conninfo) {
  Session session(conninfo);
  session.Execute("BEGIN");
  session.Copy("COPY users (id, username, email, oauth_provider, oauth_id) FROM STDIN",
               UserRows(population));
  session.Copy("COPY teams (id, name, alias, litellm_team_id) FROM STDIN", TeamRows(population));
  session.Copy("COPY team_members (team_id, user_id) FROM STDIN", MemberRows(population));
  session.Copy("COPY models (id, name, provider) FROM STDIN", ModelRows(population));
  session.Copy(
      "COPY subscriptions (id, user_id, model_id, team_id, status, quota_requests, quota_tokens)"
      " FROM STDIN",
      SubscriptionRows(population));
  session.Copy(
      "COPY api_keys (id, user_id, name, key_hash, key_prefix, lite_llm_key_value, team_id)"
      " FROM STDIN",
      KeyRows(population));
  session.Copy("COPY api_key_models (api_key_id, model_id) FROM STDIN", KeyModelRows(population));
  session.Execute("COMMIT");
  session.Execute("ANALYZE users, teams, models, subscriptions, api_keys, api_key_models");
}

}  // namespace usage_ingest::load
