#include "daemon/text/print_problems.h"

#include <ostream>

namespace usage_ingest::text {

void PrintProblem(const Problem& problem, std::ostream& out) {
  out << "usage-ingestd: error: " << problem.what << '\n';
  if (!problem.where.empty()) out << "  where: " << problem.where << '\n';
  if (!problem.fix.empty()) out << "  fix:   " << problem.fix << '\n';
}

void PrintProblems(const Problems& problems, std::ostream& out) {
  for (const Problem& problem : problems) PrintProblem(problem, out);
  if (problems.size() > 1) out << problems.size() << " problems in the configuration\n";
}

void WriteProblems(JsonWriter& json, const Problems& problems) {
  json.BeginArray();
  for (const Problem& problem : problems) {
    json.BeginObject();
    json.Key("where").String(problem.where);
    json.Key("what").String(problem.what);
    json.Key("fix").String(problem.fix);
    json.EndObject();
  }
  json.EndArray();
}

}  // namespace usage_ingest::text
