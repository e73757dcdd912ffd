#pragma once
// Conninfo: is this text a libpq connection string at all? Connects to nothing.
//
// Errors        kFatal without a part of the text, which may be a password on the wrong place.
// Source        PostgreSQL 15 manual, 34.1.1 "Connection Strings".
#include <string>

#include "schema/error.h"

namespace usage_ingest::postgres::blocking {

[[nodiscard]] Result<> CheckConninfo(const std::string& conninfo);

}  // namespace usage_ingest::postgres::blocking
