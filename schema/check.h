#pragma once
// USAGE_INGEST_CHECK: aborts when an assumption of this program is false, also in release builds.
//
// A wrong number that is billed is worse than a restart: the transaction that was open is rolled
// back by PostgreSQL and the events are read again. For what the outside world can cause there is
// Result<T>; this is only for bugs of this program.
#include <cstdio>
#include <cstdlib>

#define USAGE_INGEST_CHECK(condition)                                                              \
  do {                                                                                             \
    if (!(condition)) [[unlikely]] {                                                               \
      /* ignored because we are about to abort: a failed write to stderr changes nothing */        \
      static_cast<void>(std::fprintf(stderr, "%s:%d: bug: %s\n", __FILE__, __LINE__, #condition)); \
      std::abort();                                                                                \
    }                                                                                              \
  } while (false)
