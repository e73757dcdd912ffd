#include "ingest/postgres/blocking/interruption.h"

#include <utility>

namespace usage_ingest::postgres::blocking {
namespace {

std::stop_token& Token() {
  static std::stop_token token;
  return token;
}

}  // namespace

void SetInterruption(std::stop_token stop) { Token() = std::move(stop); }

bool IsInterrupted() { return Token().stop_requested(); }

}  // namespace usage_ingest::postgres::blocking
