#include "ingest/postgres/blocking/conninfo.h"

#include <libpq-fe.h>

#include <memory>
#include <string_view>

namespace usage_ingest::postgres::blocking {
namespace {

using ParsedOptions = std::unique_ptr<PQconninfoOption, decltype(&PQconninfoFree)>;

ParsedOptions Parse(const std::string& conninfo) {
  char* message = nullptr;
  ParsedOptions options(PQconninfoParse(conninfo.c_str(), &message), &PQconninfoFree);
  PQfreemem(message);
  return options;
}

// libpq marks passwords with "*". `options` may set anything, and a dbname may be a connection
// string of its own.
bool MayBeSecret(const PQconninfoOption& option) {
  const std::string_view keyword = option.keyword;
  const std::string_view value = option.val;
  return std::string_view(option.dispchar).starts_with('*') || keyword == "options" ||
         (keyword == "dbname" && value.find_first_of("=:/") != std::string_view::npos);
}

}  // namespace

Result<> CheckConninfo(const std::string& conninfo) {
  if (Parse(conninfo) != nullptr) return {};
  return Fail(ErrorCode::kFatal, "is not a libpq connection string");
}

bool HasUser(const std::string& conninfo) {
  const auto names_it = [](const PQconninfoOption* option) {
    const std::string_view keyword = option->keyword;
    return (keyword == "user" || keyword == "service") && option->val != nullptr;
  };
  const ParsedOptions given = Parse(conninfo);
  const ParsedOptions defaults(PQconndefaults(), &PQconninfoFree);
  for (const auto* options : {given.get(), defaults.get()}) {
    for (; options != nullptr && options->keyword != nullptr; ++options) {
      if (names_it(options)) return true;
    }
  }
  return false;
}

std::vector<ConninfoPart> ConninfoParts(const std::string& conninfo) {
  std::vector<ConninfoPart> parts;
  const ParsedOptions options = Parse(conninfo);
  for (const PQconninfoOption* option = options.get();
       option != nullptr && option->keyword != nullptr; ++option) {
    if (option->val == nullptr) continue;
    parts.push_back({option->keyword, option->val, MayBeSecret(*option)});
  }
  return parts;
}

}  // namespace usage_ingest::postgres::blocking
