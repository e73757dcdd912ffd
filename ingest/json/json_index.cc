#include "ingest/json/json_index.h"

#include <simdjson.h>

#include <algorithm>
#include <bit>
#include <cstring>

namespace usage_ingest::json {
namespace {

constexpr std::size_t kMinBytes = 64 * 1024;

}  // namespace

struct JsonIndex::Impl {
  std::unique_ptr<simdjson::internal::dom_parser_implementation> parser;
};

JsonIndex::JsonIndex() : impl_(std::make_unique<Impl>()) {
  // Depth concerns stage 2 only, which is never run.
  const simdjson::error_code error =
      simdjson::get_active_implementation()->create_dom_parser_implementation(kMinBytes, 1,
                                                                              impl_->parser);
  if (error != simdjson::SUCCESS) throw std::bad_alloc();
  SetCapacity(kMinBytes);
}

JsonIndex::~JsonIndex() = default;
JsonIndex::JsonIndex(JsonIndex&&) noexcept = default;

void JsonIndex::SetCapacity(std::size_t bytes) {
  if (impl_->parser->set_capacity(bytes) != simdjson::SUCCESS) throw std::bad_alloc();
  offsets_ = impl_->parser->structural_indexes.get();
  kinds_ = std::make_unique_for_overwrite<char[]>(bytes + kPadding);
  capacity_ = bytes;
}

JsonIndex::Status JsonIndex::Build(std::string_view text) {
  text_ = text;
  size_ = 0;
  escapes_ = {};
  const std::size_t wanted = std::bit_ceil(std::max(text.size(), kMinBytes));
  if (wanted > capacity_ || (capacity_ > kKeepBytes && wanted < capacity_)) SetCapacity(wanted);
  simdjson::internal::dom_parser_implementation& parser = *impl_->parser;
  const simdjson::error_code error =
      parser.stage1(reinterpret_cast<const std::uint8_t*>(text.data()), text.size(),
                    simdjson::stage1_mode::regular);
  if (error == simdjson::UTF8_ERROR) return Status::kBadUtf8;
  if (error != simdjson::SUCCESS) return Status::kInvalid;
  // Local, since a char that is written might be part of a member.
  const std::size_t size = parser.n_structural_indexes;
  const char* const bytes = text.data();
  std::uint32_t* const offsets = offsets_;
  char* const kinds = kinds_.get();
#pragma GCC unroll 8
  for (std::size_t i = 0; i < size; ++i) kinds[i] = bytes[offsets[i]];
  std::memset(kinds + size, 0, kPadding);
  offsets[size] = static_cast<std::uint32_t>(text.size());
  size_ = size;
  escapes_ = FindEscapes(text);
  return escapes_.valid ? Status::kOk : Status::kInvalid;
}

}  // namespace usage_ingest::json
