#include "daemon/text/print_problems.h"

#include <ostream>

namespace usage_ingest::text {

void PrintError(const UserError::Message& message, std::ostream& out) {
  out << "usage-ingestd: error: " << message.what << '\n';
  if (!message.where.empty()) out << "  where: " << message.where << '\n';
  if (!message.fix.empty()) out << "  fix:   " << message.fix << '\n';
}

void PrintProblems(const ConfigProblems& problems, std::ostream& out) {
  for (const ConfigProblem& problem : problems) {
    PrintError({problem.what, problem.where, problem.fix}, out);
  }
  if (problems.size() > 1) out << problems.size() << " problems in the configuration\n";
}

void WriteProblems(JsonWriter& json, const ConfigProblems& problems) {
  json.BeginArray();
  for (const ConfigProblem& problem : problems) {
    json.BeginObject();
    json.Key("where").String(problem.where);
    json.Key("what").String(problem.what);
    json.Key("fix").String(problem.fix);
    json.EndObject();
  }
  json.EndArray();
}

}  // namespace usage_ingest::text
