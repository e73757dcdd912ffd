#include "daemon/replay/import_file.h"

#include <openssl/evp.h>
#include <sys/stat.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstdio>
#include <cstring>
#include <stdexcept>

#include "daemon/replay/unpacker.h"

namespace usage_ingest::replay {
namespace {

struct FileCloser {
  void operator()(std::FILE* file) const noexcept { std::fclose(file); }
};
using File = std::unique_ptr<std::FILE, FileCloser>;

struct DigestFree {
  void operator()(EVP_MD_CTX* context) const noexcept { EVP_MD_CTX_free(context); }
};

constexpr const char* kStdin = "-";

text::UserError Unreadable(const std::string& path, int error) {
  if (error == EINTR) {  // only a signal that ends the command has a handler
    return text::UserError(text::ExitCode::kInterrupted,
                           {.what = "interrupted", .where = path, .fix = "run it again"});
  }
  const text::ExitCode code =
      error == ENOENT ? text::ExitCode::kNoInput : text::ExitCode::kPermission;
  return text::UserError(code, {.what = std::string("cannot read: ") + std::strerror(error),
                                .where = path,
                                .fix = "name a file of events, or - for stdin"});
}

struct stat StatOf(std::FILE* file) {
  struct stat info{};
  // ignored because it cannot fail for an open file; zeros then mean "not regular"
  static_cast<void>(fstat(fileno(file), &info));
  return info;
}

// Whether the bytes can be different: another file of that name, or the same one written to.
bool IsSame(const struct stat& a, const struct stat& b) {
  return a.st_dev == b.st_dev && a.st_ino == b.st_ino && a.st_size == b.st_size &&
         a.st_mtim.tv_sec == b.st_mtim.tv_sec && a.st_mtim.tv_nsec == b.st_mtim.tv_nsec;
}

File Spool(const std::string& path, std::FILE* from) {
  File spool(std::tmpfile());
  if (!spool) throw Unreadable("temporary file", errno);
  std::array<char, 65536> buffer;
  while (const std::size_t got = std::fread(buffer.data(), 1, buffer.size(), from)) {
    if (std::fwrite(buffer.data(), 1, got, spool.get()) != got) {
      throw Unreadable("temporary file", errno);
    }
  }
  if (std::ferror(from) != 0) throw Unreadable(path, errno);
  if (std::fflush(spool.get()) != 0) throw Unreadable("temporary file", errno);
  if (std::fseek(spool.get(), 0, SEEK_SET) != 0) throw Unreadable("temporary file", errno);
  return spool;
}

std::string Sha256Hex(const std::string& path, std::FILE* file) {
  const std::unique_ptr<EVP_MD_CTX, DigestFree> context(EVP_MD_CTX_new());
  EVP_DigestInit_ex(context.get(), EVP_sha256(), nullptr);
  std::array<char, 65536> buffer;
  while (const std::size_t got = std::fread(buffer.data(), 1, buffer.size(), file)) {
    EVP_DigestUpdate(context.get(), buffer.data(), got);
  }
  if (std::ferror(file) != 0) throw Unreadable(path, errno);
  std::array<unsigned char, 32> digest;
  EVP_DigestFinal_ex(context.get(), digest.data(), nullptr);
  std::string hex;
  for (unsigned char byte : digest) {
    constexpr std::string_view kHex = "0123456789abcdef";
    hex += kHex[byte >> 4];
    hex += kHex[byte & 15];
  }
  return hex;
}

}  // namespace

struct ImportFile::Impl {
  std::string path;
  std::string name;
  File spool;  // if the file cannot be read twice
  struct stat info{};
  std::string sha256_hex;
  std::int64_t bytes = 0;
  File file;
  std::unique_ptr<Unpacker> unpacker;

  [[nodiscard]] std::FILE* source() const { return spool ? spool.get() : file.get(); }
  void OpenFile() {
    file.reset(std::fopen(path.c_str(), "rb"));
    if (!file) throw Unreadable(path, errno);
  }
};

ImportFile::ImportFile(const std::string& path) : impl_(std::make_unique<Impl>()) {
  Impl& impl = *impl_;
  impl.path = path;
  impl.name = path == kStdin ? "standard input" : path;
  if (path == kStdin) {
    impl.spool = Spool(impl.name, stdin);
  } else {
    impl.OpenFile();
    impl.info = StatOf(impl.file.get());
    if (!S_ISREG(impl.info.st_mode)) impl.spool = Spool(path, impl.file.get());
  }
  impl.sha256_hex = Sha256Hex(impl.name, impl.source());
  impl.bytes = StatOf(impl.source()).st_size;
  impl.file.reset();
}

ImportFile::~ImportFile() = default;
ImportFile::ImportFile(ImportFile&&) noexcept = default;

const std::string& ImportFile::name() const { return impl_->name; }
const std::string& ImportFile::sha256_hex() const { return impl_->sha256_hex; }
std::int64_t ImportFile::bytes() const { return impl_->bytes; }
std::int64_t ImportFile::bytes_read() const {
  return lseek(fileno(impl_->source()), 0, SEEK_CUR);  // each unpacker reads this descriptor
}

void ImportFile::Open() {
  Impl& impl = *impl_;
  Close();
  if (!impl.spool) {
    impl.OpenFile();
    if (!IsSame(impl.info, StatOf(impl.file.get()))) throw Damaged("changed while it was read");
  }
  if (std::fseek(impl.source(), 0, SEEK_SET) != 0) throw Damaged("cannot be read again");
  try {
    impl.unpacker = Unpacker::Make(impl.source());
  } catch (const std::runtime_error& error) {
    throw Damaged(error.what());
  }
}

std::size_t ImportFile::Read(std::span<char> into) try {
  return impl_->unpacker->Read(into);
} catch (const std::runtime_error& error) {
  throw Damaged(error.what());
}

void ImportFile::Close() {
  impl_->unpacker.reset();
  impl_->file.reset();
}

text::UserError ImportFile::Damaged(const std::string& what) const {
  return {text::ExitCode::kBadInput,
          {.what = "damaged: " + what,
           .where = name(),
           .fix = "get the file again; an event that was imported counts once"}};
}

}  // namespace usage_ingest::replay
