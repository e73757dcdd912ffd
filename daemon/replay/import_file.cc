#include "daemon/replay/import_file.h"

#include <fcntl.h>
#include <openssl/evp.h>
#include <unistd.h>
#include <zlib.h>
#include <zstd.h>

#include <array>
#include <cerrno>
#include <cstring>
#include <utility>
#include <vector>

#include "daemon/text/user_error.h"

namespace usage_ingest::replay {
namespace {

struct FileCloser {
  void operator()(std::FILE* file) const noexcept { std::fclose(file); }
};
using File = std::unique_ptr<std::FILE, FileCloser>;

struct DigestFree {
  void operator()(EVP_MD_CTX* context) const noexcept { EVP_MD_CTX_free(context); }
};
struct StreamFree {
  void operator()(ZSTD_DStream* stream) const noexcept { ZSTD_freeDStream(stream); }
};

text::UserError Unreadable(const std::string& path, int error) {
  const text::ExitCode code =
      error == ENOENT ? text::ExitCode::kNoInput : text::ExitCode::kPermission;
  return text::UserError(code, {.what = std::string("cannot read: ") + std::strerror(error),
                                .where = path,
                                .fix = "name a file of events, or - for stdin"});
}

text::UserError Damaged(const std::string& path, const std::string& what) {
  return text::UserError(text::ExitCode::kBadInput,
                         {.what = "damaged: " + what,
                          .where = path,
                          .fix = "get the file again; what was imported so far counts once"});
}

File Spool() {
  File spool(std::tmpfile());
  if (!spool) throw Unreadable("temporary file", errno);
  std::array<char, 65536> buffer;
  while (const std::size_t got = std::fread(buffer.data(), 1, buffer.size(), stdin)) {
    if (std::fwrite(buffer.data(), 1, got, spool.get()) != got) {
      throw Unreadable("temporary file", errno);
    }
  }
  return spool;
}

}  // namespace

struct ImportFile::Impl {
  std::string path;
  File file;
  std::string sha256_hex;
  std::int64_t bytes = 0;
  gzFile gz = nullptr;  // plain text too: gzread passes it through
  std::unique_ptr<ZSTD_DStream, StreamFree> zstd;
  std::vector<char> packed;
  ZSTD_inBuffer input{nullptr, 0, 0};
  bool frame_is_open = false;

  ~Impl() {
    if (gz != nullptr) gzclose(gz);
  }

  void Digest() {
    const std::unique_ptr<EVP_MD_CTX, DigestFree> context(EVP_MD_CTX_new());
    EVP_DigestInit_ex(context.get(), EVP_sha256(), nullptr);
    std::array<char, 65536> buffer;
    while (const std::size_t got = std::fread(buffer.data(), 1, buffer.size(), file.get())) {
      EVP_DigestUpdate(context.get(), buffer.data(), got);
      bytes += static_cast<std::int64_t>(got);
    }
    if (std::ferror(file.get()) != 0) throw Unreadable(path, errno);
    std::array<unsigned char, 32> digest;
    EVP_DigestFinal_ex(context.get(), digest.data(), nullptr);
    for (unsigned char byte : digest) {
      constexpr std::string_view kHex = "0123456789abcdef";
      sha256_hex += kHex[byte >> 4];
      sha256_hex += kHex[byte & 15];
    }
    std::rewind(file.get());
  }

  // By content, not by name: an export may be called anything.
  void ChooseFormat() {
    std::array<unsigned char, 4> magic{};
    const std::size_t got = std::fread(magic.data(), 1, magic.size(), file.get());
    std::rewind(file.get());
    if (got == magic.size() && magic == std::array<unsigned char, 4>{0x28, 0xB5, 0x2F, 0xFD}) {
      zstd.reset(ZSTD_createDStream());
      packed.resize(ZSTD_DStreamInSize());
      return;
    }
    const int copy = dup(fileno(file.get()));
    if (copy < 0 || lseek(copy, 0, SEEK_SET) < 0) throw Unreadable(path, errno);
    gz = gzdopen(copy, "rb");
    if (gz == nullptr) throw Unreadable(path, ENOMEM);
  }

  std::size_t ReadGzip(std::span<char> into) {
    const int got = gzread(gz, into.data(), static_cast<unsigned>(into.size()));
    int error = Z_OK;
    const char* message = gzerror(gz, &error);
    if (got < 0 || (error != Z_OK && error != Z_STREAM_END)) throw Damaged(path, message);
    return static_cast<std::size_t>(got);
  }

  std::size_t ReadZstd(std::span<char> into) {
    ZSTD_outBuffer output{into.data(), into.size(), 0};
    while (output.pos == 0) {
      if (input.pos == input.size) {
        input = {packed.data(), std::fread(packed.data(), 1, packed.size(), file.get()), 0};
        if (input.size == 0) {
          if (frame_is_open) throw Damaged(path, "ends in the middle of a zstd frame");
          return 0;
        }
      }
      const std::size_t left = ZSTD_decompressStream(zstd.get(), &output, &input);
      if (ZSTD_isError(left) != 0) throw Damaged(path, ZSTD_getErrorName(left));
      frame_is_open = left != 0;
    }
    return output.pos;
  }
};

ImportFile::ImportFile(const std::string& path) : impl_(std::make_unique<Impl>()) {
  impl_->path = path;
  impl_->file = path == "-" ? Spool() : File(std::fopen(path.c_str(), "rb"));
  if (!impl_->file) throw Unreadable(path, errno);
  std::rewind(impl_->file.get());
  impl_->Digest();
  impl_->ChooseFormat();
}

ImportFile::~ImportFile() = default;
ImportFile::ImportFile(ImportFile&&) noexcept = default;

const std::string& ImportFile::sha256_hex() const { return impl_->sha256_hex; }
std::int64_t ImportFile::bytes() const { return impl_->bytes; }

std::size_t ImportFile::Read(std::span<char> into) {
  return impl_->zstd ? impl_->ReadZstd(into) : impl_->ReadGzip(into);
}

}  // namespace usage_ingest::replay
