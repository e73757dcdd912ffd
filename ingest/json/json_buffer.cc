#include "ingest/json/json_buffer.h"

#include <algorithm>

#include "schema/check.h"

namespace usage_ingest::json {

JsonBuffer::Name::Name(std::string_view name) : size(name.size() + 3) {
  USAGE_INGEST_CHECK(size <= bytes.size());
  bytes[0] = '"';
  std::ranges::copy(name, bytes.begin() + 1);
  bytes[size - 2] = '"';
  bytes[size - 1] = ':';
}

void JsonBuffer::Clear() {
  if (bytes_.size() > kKeepBytes) bytes_ = {};
  size_ = 0;
}

void JsonBuffer::Grow(std::size_t bytes) {
  bytes_.resize(std::max(2 * bytes_.size(), size_ + bytes));
}

}  // namespace usage_ingest::json
