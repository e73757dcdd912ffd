#pragma once
// UserError: a problem that ends a command, with the exit code of the process.
//
// Thrown at start-up and by commands only (the pipeline uses Result<T>); main catches it once.
// Source        sysexits.h; the codes are contract (docs: `usage-ingestd --help`).
#include <array>
#include <stdexcept>
#include <string_view>
#include <utility>

#include "schema/problem.h"

namespace usage_ingest::text {

enum class ExitCode : int {
  kOk = 0,
  kDifferences = 1,
  kUsage = 64,
  kBadInput = 65,
  kNoInput = 66,
  kUnavailable = 69,
  kInternal = 70,
  kOutput = 74,
  kPermission = 77,
  kConfig = 78,
  kInterrupted = 130,  // as a shell reports SIGINT
};

struct ExitCodeMeaning {
  ExitCode code;
  std::string_view meaning;
};
// For help and manual.
inline constexpr std::array kExitCodes = std::to_array<ExitCodeMeaning>({
    {ExitCode::kOk, "success"},
    {ExitCode::kDifferences, "a check found differences"},
    {ExitCode::kUsage, "wrong usage"},
    {ExitCode::kBadInput, "bad input data"},
    {ExitCode::kNoInput, "no such file"},
    {ExitCode::kUnavailable, "broker, database or daemon unavailable"},
    {ExitCode::kInternal, "internal error"},
    {ExitCode::kOutput, "the result cannot be written"},
    {ExitCode::kPermission, "permission denied"},
    {ExitCode::kConfig, "wrong configuration or schema"},
    {ExitCode::kInterrupted, "interrupted by a signal"},
});

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
