// decode_rows: what the decoder makes of the records in a file, as text, for comparison with
// decode_events.py.
//
// usage: decode_rows NOW_US < records > lines
// A record is its length, 4 bytes little-endian, and its bytes; record n is offset n of partition 0
// of topic t, an import when n is odd. Its lines, and one with the payload of each rejection, are
// followed by a line with a dot.
#include <cstdint>
#include <cstdlib>
#include <iostream>
#include <string>

#include "tests/reference/decoded_rows.h"

namespace usage_ingest {
namespace {

bool ReadRecord(std::istream& in, std::string& record) {
  unsigned char size[4];
  if (!in.read(reinterpret_cast<char*>(size), sizeof size)) return false;
  record.resize(size[0] | std::size_t{size[1]} << 8 | std::size_t{size[2]} << 16 |
                std::size_t{size[3]} << 24);
  return static_cast<bool>(in.read(record.data(), static_cast<std::streamsize>(record.size())));
}

// Payloads are bytes of any kind, so they are written as hexadecimal digits.
std::string Hex(std::string_view bytes) {
  constexpr std::string_view kDigits = "0123456789abcdef";
  std::string text;
  for (const char c : bytes) {
    text += kDigits[static_cast<unsigned char>(c) >> 4];
    text += kDigits[static_cast<unsigned char>(c) & 15];
  }
  return text;
}

int Run(std::int64_t now_us) {
  const TopicPartition source{"t", {0}};
  event::Decoder decoder({event::AllMetadataKeys()});
  Arena arena;
  std::string record;
  for (std::int64_t offset = 0; ReadRecord(std::cin, record); ++offset) {
    CollectingSink sink;
    decoder.Decode(
        {.source = &source, .offset = {offset}, .now = {now_us}, .is_import = offset % 2 != 0},
        record, arena, sink);
    for (const std::string& line : sink.lines) std::cout << line << '\n';
    for (const auto& [index, rejection] : sink.rejections) {
      std::cout << index << "\tpayload\t" << Hex(decoder.DeadLetterPayload(record, index)) << '\n';
    }
    std::cout << ".\n";
    arena.Reset();
  }
  return 0;
}

}  // namespace
}  // namespace usage_ingest

int main(int argc, char** argv) {
  if (argc != 2) {
    std::cerr << "usage: decode_rows NOW_US < records > lines\n";
    return 64;
  }
  std::ios::sync_with_stdio(false);
  return usage_ingest::Run(std::strtoll(argv[1], nullptr, 10));
}
