// ImportFile: how much of a file was read, whatever it is packed with.
#include "daemon/replay/import_file.h"

#include <gtest/gtest.h>
#include <zlib.h>
#include <zstd.h>

#include <array>
#include <fstream>

#include "tests/support/temp_dir.h"

namespace usage_ingest::replay {
namespace {

void WritePlain(const std::string& file, const std::string& text) { std::ofstream(file) << text; }

void WriteGzip(const std::string& file, const std::string& text) {
  const gzFile packed = gzopen(file.c_str(), "wb1");
  ASSERT_GT(gzwrite(packed, text.data(), static_cast<unsigned>(text.size())), 0);
  ASSERT_EQ(gzclose(packed), Z_OK);
}

void WriteZstd(const std::string& file, const std::string& text) {
  std::string packed(ZSTD_compressBound(text.size()), '\0');
  packed.resize(ZSTD_compress(packed.data(), packed.size(), text.data(), text.size(), 1));
  WritePlain(file, packed);
}

struct Packing {
  const char* name;
  void (*write)(const std::string& file, const std::string& text);
};
constexpr Packing kPackings[] = {{"Plain", WritePlain}, {"Gzip", WriteGzip}, {"Zstd", WriteZstd}};

class ImportFileTest : public ::testing::TestWithParam<Packing> {};

TEST_P(ImportFileTest, CountsTheBytesOfThePackedFile) {
  const support::TempDir folder;
  std::string events;
  for (std::int64_t i = 0; i < 300'000; ++i) {
    events += "{\"startTime\": " + std::to_string(i * 7919 % 100'003) + "}\n";
  }
  const std::string path = (folder.path() / "events").string();
  GetParam().write(path, events);

  ImportFile file(path);
  const auto size = static_cast<std::int64_t>(std::filesystem::file_size(path));
  EXPECT_EQ(file.bytes(), size);
  file.Open();
  std::array<char, 65536> buffer;
  std::int64_t last = 0;
  bool was_in_the_middle = false;
  while (file.Read(buffer) > 0) {
    EXPECT_GE(file.bytes_read(), last);
    last = file.bytes_read();
    was_in_the_middle = was_in_the_middle || (last > size / 4 && last < size * 3 / 4);
  }
  EXPECT_EQ(last, size);
  EXPECT_TRUE(was_in_the_middle);
  file.Open();
  EXPECT_LT(file.bytes_read(), size) << "it begins again";
}

INSTANTIATE_TEST_SUITE_P(Each, ImportFileTest, ::testing::ValuesIn(kPackings),
                         [](const auto& each) { return each.param.name; });

}  // namespace
}  // namespace usage_ingest::replay
