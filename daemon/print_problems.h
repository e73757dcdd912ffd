#pragma once
// Problems for people (what, where, how to fix it) and for machines.
#include <iosfwd>

#include "daemon/config_problem.h"
#include "daemon/json_writer.h"
#include "daemon/user_error.h"

namespace usage_ingest::daemon {

void PrintProblems(const ConfigProblems& problems, std::ostream& out);
void PrintError(const UserError::Message& message, std::ostream& out);
void WriteProblems(JsonWriter& json, const ConfigProblems& problems);

}  // namespace usage_ingest::daemon
