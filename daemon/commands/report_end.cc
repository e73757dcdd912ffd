#include "daemon/commands/report_end.h"

#include <iostream>

#include "daemon/text/print_problems.h"

namespace usage_ingest::commands {

int EndInterrupted(const replay::ReplayReport& so_far, bool as_json, const std::string& where) {
  replay::PrintReplayReport(so_far, as_json);
  text::PrintProblem(
      {.what = "interrupted", .where = where, .fix = "run it again: it continues where it stopped"},
      std::cerr);
  return text::ToInt(text::ExitCode::kInterrupted);
}

int EndFailed(const replay::ReplayReport& so_far, bool as_json, const text::UserError& error) {
  replay::PrintReplayReport(so_far, as_json);
  text::PrintProblem(error.problem(), std::cerr);
  return text::ToInt(error.code());
}

}  // namespace usage_ingest::commands
