#pragma once
// QueryParams: the parameters of one statement in PostgreSQL's binary format.
//
// Data never becomes SQL text. A batch sends columns as arrays (unnest), which are one parameter
// each; binary spares both sides the text conversion of thousands of numbers.
//
// Shape         Array builders append to the parameter that was begun last; finish one array before
//               beginning the next.
// Source        src/backend/utils/adt/arrayfuncs.c, array_recv: ndim, flags, element type, then for
//               each dimension size and lower bound, then each element's length and bytes.
#include <libpq-fe.h>

#include <concepts>
#include <cstdint>
#include <deque>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "schema/strong.h"
#include "schema/uuid.h"

namespace usage_ingest::postgres::session {

// OIDs of pg_type.dat; they never change.
enum class PgType : Oid {
  kBool = 16,
  kBytea = 17,
  kInt8 = 20,
  kInt4 = 23,
  kText = 25,
  kTimestamptz = 1184,
  kUuid = 2950,
};

class PgArray {
 public:
  explicit PgArray(PgType element);
  template <class T>
    requires std::same_as<T, bool>  // no pointer, no number
  void Add(T value) {               // kBool
    AddBool(value);
  }
  void Add(std::int64_t value);      // kInt8
  void Add(std::int32_t value);      // kInt4
  void Add(std::string_view value);  // kText, kBytea
  void Add(const Uuid& value);       // kUuid
  void Add(EventTimeUs value);       // kTimestamptz
  void AddNull();
  // Empty is NULL: how views of the pipeline say "absent".
  void AddOrNull(std::string_view value);

  [[nodiscard]] Oid array_type() const;
  // The parameter's bytes; the array is complete now.
  [[nodiscard]] std::string Take();

 private:
  void AddBool(bool value);
  void Raw(const void* bytes, std::size_t size);
  PgType element_;
  std::int32_t count_ = 0;
  std::string bytes_;
};

class QueryParams {
 public:
  QueryParams() = default;
  // Not copied: the pointers that libpq gets are into this object's own buffers. libstdc++'s deque
  // allocates when it is moved; without memory for that the process ends anyway.
  QueryParams(QueryParams&&) noexcept = default;
  QueryParams& operator=(QueryParams&&) noexcept = default;

  QueryParams& Add(std::string_view text);
  QueryParams& Add(std::int64_t value);
  QueryParams& Add(EventTimeUs time);
  QueryParams& Add(const Uuid& id);
  QueryParams& Add(PgArray& array);

  [[nodiscard]] int count() const { return static_cast<int>(values_.size()); }
  [[nodiscard]] const Oid* types() const { return types_.data(); }
  [[nodiscard]] const char* const* values() const { return values_.data(); }
  [[nodiscard]] const int* lengths() const { return lengths_.data(); }
  [[nodiscard]] const int* formats() const { return formats_.data(); }

 private:
  QueryParams& AddBytes(Oid type, std::string bytes);
  std::deque<std::string> buffers_;  // stable addresses
  std::vector<Oid> types_;
  std::vector<const char*> values_;
  std::vector<int> lengths_;
  std::vector<int> formats_;
};

// Numbers as PostgreSQL's binary formats have them: big-endian.
void AppendInt16(std::string& out, std::int16_t value);
void AppendInt32(std::string& out, std::int32_t value);
void AppendInt64(std::string& out, std::int64_t value);
// REQUIRES: an int8 that is not NULL, in binary.
[[nodiscard]] std::int64_t Int64At(const PGresult* result, int row, int column);
// Microseconds since 2000-01-01, timestamptz's epoch.
[[nodiscard]] constexpr std::int64_t ToPgTime(EventTimeUs time) {
  return time.value - 946'684'800'000'000;
}
[[nodiscard]] constexpr EventTimeUs FromPgTime(std::int64_t pg_time) {
  return EventTimeUs{pg_time + 946'684'800'000'000};
}

}  // namespace usage_ingest::postgres::session
