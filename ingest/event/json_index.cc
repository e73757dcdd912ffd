#include "ingest/event/json_index.h"

#include <simdjson.h>

#include <algorithm>
#include <bit>
#include <cstring>

namespace usage_ingest::ingest {
namespace {

constexpr std::size_t kMinBytes = 64 * 1024;

}  // namespace

// Nothing when the kernel is our own.
struct JsonIndex::Impl {
  std::unique_ptr<simdjson::internal::dom_parser_implementation> parser;
};

JsonIndex::Kernel JsonIndex::FastestKernel() {
  static const Kernel kernel = HasAvx512() ? Kernel::kAvx512 : Kernel::kSimdjson;
  return kernel;
}

JsonIndex::JsonIndex(Kernel kernel) : impl_(std::make_unique<Impl>()) {
  if (kernel == Kernel::kSimdjson) {
    // Depth concerns stage 2 only, which is never run.
    const simdjson::error_code error =
        simdjson::get_active_implementation()->create_dom_parser_implementation(kMinBytes, 1,
                                                                                impl_->parser);
    if (error != simdjson::SUCCESS) throw std::bad_alloc();
  }
  SetCapacity(kMinBytes);
}

JsonIndex::~JsonIndex() = default;
JsonIndex::JsonIndex(JsonIndex&&) noexcept = default;

void JsonIndex::SetCapacity(std::size_t bytes) {
  if (impl_->parser && impl_->parser->set_capacity(bytes) != simdjson::SUCCESS) {
    throw std::bad_alloc();
  }
  const std::size_t room = bytes + JsonTokens::kMoreRoom;
  offsets_ = std::make_unique_for_overwrite<std::uint32_t[]>(room);
  kinds_ = std::make_unique_for_overwrite<char[]>(room + kPadding);
  capacity_ = bytes;
}

JsonScan JsonIndex::ScanWithSimdjson(std::string_view text) {
  simdjson::internal::dom_parser_implementation& parser = *impl_->parser;
  const simdjson::error_code error =
      parser.stage1(reinterpret_cast<const std::uint8_t*>(text.data()), text.size(),
                    simdjson::stage1_mode::regular);
  // It looks at the strings first: whatever it says of UTF-8, they are valid.
  const bool is_bad_utf8 = error == simdjson::UTF8_ERROR;
  if (error != simdjson::SUCCESS && !is_bad_utf8) return {};
  const std::size_t tokens = parser.n_structural_indexes;
  const std::uint32_t* const offsets = parser.structural_indexes.get();
  std::copy_n(offsets, tokens, offsets_.get());
  char* const kinds = kinds_.get();
  for (std::size_t i = 0; i < tokens; ++i) kinds[i] = text[offsets[i]];
  const std::size_t first_escape = std::min(text.find('\\'), text.size());
  return {.tokens = tokens,
          .are_strings_valid = true,
          .is_utf8 = !is_bad_utf8,
          .escapes_begin = first_escape,
          .escapes_end = first_escape == text.size() ? 0 : text.size()};
}

JsonIndex::Status JsonIndex::Build(std::string_view text) {
  text_ = text;
  size_ = 0;
  escapes_ = {};
  const std::size_t wanted = std::bit_ceil(std::max(text.size(), kMinBytes));
  if (wanted > capacity_ || (capacity_ > kKeepBytes && wanted < capacity_)) SetCapacity(wanted);
  const JsonScan scan =
      impl_->parser ? ScanWithSimdjson(text) : ScanAvx512(text, {offsets_.get(), kinds_.get()});
  if (!scan.are_strings_valid || scan.tokens == 0) return Status::kInvalid;
  if (!scan.is_utf8 && !simdjson::validate_utf8(text.data(), text.size())) return Status::kBadUtf8;
  size_ = scan.tokens;
  offsets_[size_] = static_cast<std::uint32_t>(text.size());
  std::memset(kinds_.get() + size_, 0, kPadding);
  if (scan.escapes_end != 0) {
    escapes_ = FindEscapes(text.substr(scan.escapes_begin, scan.escapes_end - scan.escapes_begin));
  }
  return escapes_.valid ? Status::kOk : Status::kInvalid;
}

}  // namespace usage_ingest::ingest
