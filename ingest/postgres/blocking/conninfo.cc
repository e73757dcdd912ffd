#include "ingest/postgres/blocking/conninfo.h"

#include <libpq-fe.h>

#include <memory>

namespace usage_ingest::postgres::blocking {

Result<> CheckConninfo(const std::string& conninfo) {
  char* message = nullptr;
  const std::unique_ptr<PQconninfoOption, decltype(&PQconninfoFree)> options(
      PQconninfoParse(conninfo.c_str(), &message), &PQconninfoFree);
  const std::unique_ptr<char, decltype(&PQfreemem)> owned(message, &PQfreemem);
  if (options != nullptr) return {};
  return Fail(ErrorCode::kFatal, "is not a libpq connection string");
}

}  // namespace usage_ingest::postgres::blocking
