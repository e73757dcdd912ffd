#include "ingest/postgres/session/query_params.h"

#include <bit>
#include <cstring>
#include <utility>

#include "schema/check.h"

namespace usage_ingest::postgres::session {
namespace {

static_assert(std::endian::native == std::endian::little);

constexpr std::size_t kArrayHeaderBytes = 20;

template <class Integer>
void AppendBigEndian(std::string& out, Integer value) {
  char bytes[sizeof value];
  for (std::size_t i = sizeof value; i-- > 0;) {
    bytes[i] = static_cast<char>(value & 0xFF);
    value = static_cast<Integer>(value >> 8);
  }
  out.append(bytes, sizeof bytes);
}

Oid ArrayTypeOf(PgType element) {
  switch (element) {
    case PgType::kBool:
      return 1000;
    case PgType::kBytea:
      return 1001;
    case PgType::kInt8:
      return 1016;
    case PgType::kInt4:
      return 1007;
    case PgType::kText:
      return 1009;
    case PgType::kTimestamptz:
      return 1185;
    case PgType::kUuid:
      return 2951;
  }
  std::unreachable();
}

}  // namespace

void AppendInt16(std::string& out, std::int16_t value) {
  AppendBigEndian(out, static_cast<std::uint16_t>(value));
}
void AppendInt32(std::string& out, std::int32_t value) {
  AppendBigEndian(out, static_cast<std::uint32_t>(value));
}
void AppendInt64(std::string& out, std::int64_t value) {
  AppendBigEndian(out, static_cast<std::uint64_t>(value));
}

std::int64_t Int64At(const PGresult* result, int row, int column) {
  const char* const bytes = PQgetvalue(result, row, column);
  std::uint64_t value = 0;
  for (int i = 0; i < 8; ++i) value = value << 8 | static_cast<unsigned char>(bytes[i]);
  return static_cast<std::int64_t>(value);
}

PgArray::PgArray(PgType element) : element_(element), bytes_(kArrayHeaderBytes, '\0') {}

void PgArray::Raw(const void* bytes, std::size_t size) {
  AppendInt32(bytes_, static_cast<std::int32_t>(size));
  bytes_.append(static_cast<const char*>(bytes), size);
  ++count_;
}

void PgArray::AddBool(bool value) {
  USAGE_INGEST_CHECK(element_ == PgType::kBool);
  const char byte = value ? 1 : 0;
  Raw(&byte, sizeof byte);
}

void PgArray::Add(std::int64_t value) {
  USAGE_INGEST_CHECK(element_ == PgType::kInt8);
  AppendInt32(bytes_, sizeof value);
  AppendInt64(bytes_, value);
  ++count_;
}

void PgArray::Add(std::int32_t value) {
  USAGE_INGEST_CHECK(element_ == PgType::kInt4);
  AppendInt32(bytes_, sizeof value);
  AppendInt32(bytes_, value);
  ++count_;
}

void PgArray::Add(std::string_view value) {
  USAGE_INGEST_CHECK(element_ == PgType::kText || element_ == PgType::kBytea);
  Raw(value.data(), value.size());
}

void PgArray::Add(const Uuid& value) {
  USAGE_INGEST_CHECK(element_ == PgType::kUuid);
  Raw(value.bytes.data(), value.bytes.size());
}

void PgArray::Add(EventTimeUs value) {
  USAGE_INGEST_CHECK(element_ == PgType::kTimestamptz);
  AppendInt32(bytes_, sizeof value.value);
  AppendInt64(bytes_, ToPgTime(value));
  ++count_;
}

void PgArray::AddNull() {
  AppendInt32(bytes_, -1);
  ++count_;
}

void PgArray::AddOrNull(std::string_view value) {
  if (value.empty()) {
    AddNull();
  } else {
    Add(value);
  }
}

Oid PgArray::array_type() const { return ArrayTypeOf(element_); }

std::string PgArray::Take() {
  std::string header;
  AppendInt32(header, count_ == 0 ? 0 : 1);  // dimensions: an empty array has none
  AppendInt32(header, 1);                    // may hold nulls
  AppendInt32(header, static_cast<std::int32_t>(element_));
  if (count_ != 0) {
    AppendInt32(header, count_);
    AppendInt32(header, 1);  // lower bound
    USAGE_INGEST_CHECK(header.size() == kArrayHeaderBytes);
    std::memcpy(bytes_.data(), header.data(), header.size());
  } else {
    bytes_ = header;
  }
  return std::move(bytes_);
}

QueryParams& QueryParams::AddBytes(Oid type, std::string bytes) {
  buffers_.push_back(std::move(bytes));
  types_.push_back(type);
  values_.push_back(buffers_.back().data());
  lengths_.push_back(static_cast<int>(buffers_.back().size()));
  formats_.push_back(1);
  return *this;
}

QueryParams& QueryParams::Add(std::string_view text) {
  return AddBytes(static_cast<Oid>(PgType::kText), std::string(text));
}

QueryParams& QueryParams::Add(std::int64_t value) {
  std::string bytes;
  AppendInt64(bytes, value);
  return AddBytes(static_cast<Oid>(PgType::kInt8), std::move(bytes));
}

QueryParams& QueryParams::Add(EventTimeUs time) {
  std::string bytes;
  AppendInt64(bytes, ToPgTime(time));
  return AddBytes(static_cast<Oid>(PgType::kTimestamptz), std::move(bytes));
}

QueryParams& QueryParams::Add(const Uuid& id) {
  return AddBytes(static_cast<Oid>(PgType::kUuid),
                  std::string(reinterpret_cast<const char*>(id.bytes.data()), id.bytes.size()));
}

QueryParams& QueryParams::Add(PgArray& array) { return AddBytes(array.array_type(), array.Take()); }

}  // namespace usage_ingest::postgres::session
