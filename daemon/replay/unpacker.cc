#include "daemon/replay/unpacker.h"

#include <unistd.h>
#include <zlib.h>
#include <zstd.h>

#include <array>
#include <cerrno>
#include <cstring>
#include <stdexcept>
#include <vector>

namespace usage_ingest::replay {
namespace {

struct GzClose {
  void operator()(gzFile file) const noexcept { gzclose(file); }
};
struct StreamFree {
  void operator()(ZSTD_DStream* stream) const noexcept { ZSTD_freeDStream(stream); }
};

// Plain text too: gzread passes it through.
class GzipUnpacker final : public Unpacker {
 public:
  explicit GzipUnpacker(std::FILE* file) {
    const int copy = dup(fileno(file));
    if (copy >= 0 && lseek(copy, 0, SEEK_SET) == 0) gz_.reset(gzdopen(copy, "rb"));
    if (!gz_) throw std::runtime_error(std::strerror(errno));
  }
  std::size_t Read(std::span<char> into) override {
    const int got = gzread(gz_.get(), into.data(), static_cast<unsigned>(into.size()));
    int error = Z_OK;
    const char* message = gzerror(gz_.get(), &error);
    if (got < 0 || (error != Z_OK && error != Z_STREAM_END)) throw std::runtime_error(message);
    return static_cast<std::size_t>(got);
  }

 private:
  std::unique_ptr<gzFile_s, GzClose> gz_;
};

class ZstdUnpacker final : public Unpacker {
 public:
  explicit ZstdUnpacker(std::FILE* file)
      : file_(file), stream_(ZSTD_createDStream()), packed_(ZSTD_DStreamInSize()) {}
  std::size_t Read(std::span<char> into) override {
    ZSTD_outBuffer output{into.data(), into.size(), 0};
    while (output.pos == 0) {
      if (input_.pos == input_.size) {
        input_ = {packed_.data(), std::fread(packed_.data(), 1, packed_.size(), file_), 0};
        if (std::ferror(file_) != 0) throw std::runtime_error(std::strerror(errno));
        if (input_.size == 0) {
          if (is_frame_open_) throw std::runtime_error("ends in the middle of a zstd frame");
          return 0;
        }
      }
      const std::size_t left = ZSTD_decompressStream(stream_.get(), &output, &input_);
      if (ZSTD_isError(left) != 0) throw std::runtime_error(ZSTD_getErrorName(left));
      is_frame_open_ = left != 0;
    }
    return output.pos;
  }

 private:
  std::FILE* file_;
  std::unique_ptr<ZSTD_DStream, StreamFree> stream_;
  std::vector<char> packed_;
  ZSTD_inBuffer input_{nullptr, 0, 0};
  bool is_frame_open_ = false;
};

}  // namespace

std::unique_ptr<Unpacker> Unpacker::Make(std::FILE* file) {
  std::array<unsigned char, 4> magic{};
  const std::size_t got = std::fread(magic.data(), 1, magic.size(), file);
  if (std::fseek(file, 0, SEEK_SET) != 0) throw std::runtime_error("cannot be read again");
  if (got == magic.size() && magic == std::array<unsigned char, 4>{0x28, 0xB5, 0x2F, 0xFD}) {
    return std::make_unique<ZstdUnpacker>(file);
  }
  return std::make_unique<GzipUnpacker>(file);
}

}  // namespace usage_ingest::replay
