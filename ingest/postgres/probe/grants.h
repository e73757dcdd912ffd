#pragma once
// Grants: what the daemon's role needs, as SQL for the owner and as a list for the probe.
//
// One table serves both, so what `migrate --print-grants` prints is exactly what `check-config
// --connect` asks for. LiteMaaS' tables hold secrets (keys, addresses), so a privilege to read them
// names the columns.
#include <span>
#include <string>
#include <string_view>

namespace usage_ingest::postgres::probe {

struct Privilege {
  enum class On : unsigned char { kDatabase, kSchema, kTable, kFunction, kParameter };
  On on;
  std::string_view object;      // schema-qualified; "" is the current database
  std::string_view privileges;  // comma-separated, as GRANT has them
  std::string_view columns;     // comma-separated; "" is the whole table
  bool optional;                // the daemon works without it
  std::string_view why;
};

[[nodiscard]] std::span<const Privilege> RequiredPrivileges();

// The GRANT statement of one privilege; ends without semicolon.
[[nodiscard]] std::string GrantStatement(const Privilege& privilege, std::string_view role,
                                         std::string_view database);

// All of them for `role` on `database`, with comments; names are quoted here.
[[nodiscard]] std::string GrantsFor(std::string_view role, std::string_view database);

}  // namespace usage_ingest::postgres::probe
