#include "ingest/event/json_index.h"

#include <simdjson.h>

#include <algorithm>
#include <bit>

namespace usage_ingest::ingest {
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
}

JsonIndex::~JsonIndex() = default;
JsonIndex::JsonIndex(JsonIndex&&) noexcept = default;

std::size_t JsonIndex::capacity() const noexcept { return impl_->parser->capacity(); }

void JsonIndex::Reserve(std::size_t bytes) {
  const std::size_t capacity = impl_->parser->capacity();
  const std::size_t wanted = std::bit_ceil(std::max(bytes, kMinBytes));
  if (wanted <= capacity && (capacity <= kKeepBytes || wanted == capacity)) return;
  if (impl_->parser->set_capacity(wanted) != simdjson::SUCCESS) throw std::bad_alloc();
}

JsonIndex::Status JsonIndex::Build(std::string_view text) {
  text_ = text;
  positions_ = {};
  Reserve(text.size());
  const simdjson::error_code error =
      impl_->parser->stage1(reinterpret_cast<const std::uint8_t*>(text.data()), text.size(),
                            simdjson::stage1_mode::regular);
  if (error == simdjson::UTF8_ERROR) return Status::kBadUtf8;
  if (error != simdjson::SUCCESS) return Status::kInvalid;
  positions_ = {impl_->parser->structural_indexes.get(), impl_->parser->n_structural_indexes};
  escapes_ = FindEscapes(text);
  return escapes_.valid ? Status::kOk : Status::kInvalid;
}

}  // namespace usage_ingest::ingest
