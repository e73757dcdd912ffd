#pragma once
// ConnectAdvice: from the message of a connection that failed to its cause, exit code and fix.
//
// libpq has no code for a failed connection, only a text. The texts of libpq are English here: the
// program sets no locale. A server may translate its own; then the general advice is given.
//
// Source        PostgreSQL 15: fe-connect.c, fe-auth.c, auth.c, postinit.c.
#include <string_view>

#include "daemon/text/user_error.h"

namespace usage_ingest::assembly {

struct ConnectAdvice {
  text::ExitCode code;
  std::string_view fix;
};

[[nodiscard]] ConnectAdvice AdviseOnConnect(std::string_view message);

}  // namespace usage_ingest::assembly
