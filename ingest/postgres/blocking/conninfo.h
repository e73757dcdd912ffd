#pragma once
// Conninfo: is this text a libpq connection string, and what does it set? Connects to nothing.
//
// Errors        kFatal without a part of the text, which may be a password on the wrong place.
// Source        PostgreSQL 15 manual, 34.1.1 "Connection Strings".
#include <string>
#include <vector>

#include "schema/error.h"

namespace usage_ingest::postgres::blocking {

[[nodiscard]] Result<> CheckConninfo(const std::string& conninfo);

// False: neither the text nor the environment names a user, and the user id of this process has no
// name that libpq could take, as in a container. The file of a service is not read.
[[nodiscard]] bool HasUser(const std::string& conninfo);

struct ConninfoPart {
  std::string keyword;
  std::string value;
  bool may_be_secret;  // then `value` must not be printed
};
// What the text sets, as keywords, also of a URI. Empty when it is no connection string.
[[nodiscard]] std::vector<ConninfoPart> ConninfoParts(const std::string& conninfo);

}  // namespace usage_ingest::postgres::blocking
