#pragma once
// Prints problems: as text for an operator, as JSON for a program.
#include <iosfwd>

#include "daemon/text/json_writer.h"
#include "schema/problem.h"

namespace usage_ingest::text {

void PrintProblem(const Problem& problem, std::ostream& out);
void PrintProblems(const Problems& problems, std::ostream& out);
void WriteProblems(JsonWriter& json, const Problems& problems);

}  // namespace usage_ingest::text
