#pragma once
// UserError: a problem that ends a command, with the exit code of the process.
//
// Thrown at start-up and by commands only (the pipeline uses Result<T>); main catches it once.
// Source        sysexits.h; the codes are contract (docs: `usage-ingestd --help`).
#include <stdexcept>
#include <utility>

#include "daemon/text/problem.h"

namespace usage_ingest::text {

enum class ExitCode : int {
  kOk = 0,
  kDifferences = 1,  // a check found differences
  kUsage = 64,
  kBadInput = 65,
  kNoInput = 66,
  kUnavailable = 69,
  kInternal = 70,
  kPermission = 77,
  kConfig = 78,
};

[[nodiscard]] constexpr int ToInt(ExitCode code) { return static_cast<int>(code); }

class UserError : public std::runtime_error {
 public:
  UserError(ExitCode code, Problem problem)
      : std::runtime_error(problem.what), code_(code), problem_(std::move(problem)) {}

  [[nodiscard]] ExitCode code() const { return code_; }
  [[nodiscard]] const Problem& problem() const { return problem_; }

 private:
  ExitCode code_;
  Problem problem_;
};

}  // namespace usage_ingest::text
