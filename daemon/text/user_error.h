#pragma once
// UserError: what went wrong, where, and how to fix it; ends a verb with a sysexits code.
//
// Thrown at start-up and by verbs only (the pipeline uses Result<T>); main catches it once.
// Source        sysexits.h; the codes are contract (docs: `usage-ingestd --help`).
#include <stdexcept>
#include <string>
#include <utility>

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
  struct Message {
    std::string what;
    std::string where;  // may be empty
    std::string fix;    // may be empty
  };
  UserError(ExitCode code, Message message)
      : std::runtime_error(message.what), code_(code), message_(std::move(message)) {}

  [[nodiscard]] ExitCode code() const { return code_; }
  [[nodiscard]] const Message& message() const { return message_; }

 private:
  ExitCode code_;
  Message message_;
};

}  // namespace usage_ingest::text
