#pragma once
// The kernel of JsonIndex for machines with AVX-512 (Intel since Ice Lake, AMD since Zen 4): 64
// bytes of text at a time.
//
// The method is simdjson's stage 1 (Langdale and Lemire, "Parsing Gigabytes of JSON per Second",
// VLDB Journal 28, 2019, section 3.1). It is here once more because the walk over the tokens wants
// to know what byte each begins with, which the same instructions give for nothing, and which
// costs as much as all of stage 1 when it is looked up afterwards.
#include <cstddef>
#include <cstdint>
#include <string_view>

namespace usage_ingest::ingest {

struct JsonTokens {
  // So many more than the text has bytes must fit both arrays: stores are of 64 elements.
  static constexpr std::size_t kMoreRoom = 64;

  std::uint32_t* offsets = nullptr;
  char* kinds = nullptr;  // the byte at each offset
};

struct JsonScan {
  std::size_t tokens = 0;
  bool are_strings_valid = false;  // each one ends, and none holds a raw control character
  bool is_utf8 = false;            // known to be; it may be anyway
  std::size_t escapes_begin = 0;   // all backslashes are in [begin, end), in steps of 64
  std::size_t escapes_end = 0;
};

// Whether this machine has the instructions.
[[nodiscard]] bool HasAvx512();
// REQUIRES: HasAvx512(). Reads no byte outside the text.
[[nodiscard]] JsonScan ScanAvx512(std::string_view text, JsonTokens tokens);

}  // namespace usage_ingest::ingest
