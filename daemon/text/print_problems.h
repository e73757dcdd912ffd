#pragma once
// Problems for people (what, where, how to fix it) and for machines.
#include <iosfwd>

#include "daemon/text/config_problem.h"
#include "daemon/text/json_writer.h"
#include "daemon/text/user_error.h"

namespace usage_ingest::text {

void PrintProblems(const ConfigProblems& problems, std::ostream& out);
void PrintError(const UserError::Message& message, std::ostream& out);
void WriteProblems(JsonWriter& json, const ConfigProblems& problems);

}  // namespace usage_ingest::text
