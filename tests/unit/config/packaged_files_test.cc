// The credentials of the package, for a command that root starts in a shell.
#include "daemon/config/packaged_files.h"

#include <gtest/gtest.h>

#include <cstdlib>
#include <fstream>

namespace usage_ingest::config {
namespace {

TEST(PackagedFilesTest, AnEnvironmentFileIsReadAsSystemdReadsIt) {
  const Environment expected = {{"A", "1"},       {"B", "two words"}, {"C", "$x \"y\" \\"},
                                {"D", "q\"uote"}, {"E", ""},          {"F", "a=b"},
                                {"G", "x y"}};
  EXPECT_EQ(ParseEnvironmentFile("# comment\n"
                                 "; comment\n"
                                 "\n"
                                 "A=1\r\n"
                                 "B=\"two words\"  \n"
                                 "C='$x \"y\" \\'\n"
                                 "D=\"q\\\"uote\"\n"
                                 "E=\n"
                                 " F = a=b\n"
                                 "no variable\n"
                                 "G=x\\ y"),
            expected);
}

class PackagedFolderTest : public ::testing::Test {
 protected:
  void SetUp() override {
    std::string name = ::testing::TempDir() + "packaged-XXXXXX";
    ASSERT_NE(mkdtemp(name.data()), nullptr);
    folder_ = name;
    unsetenv("PGSERVICEFILE");
    unsetenv("USAGE_INGEST_LOG_LEVEL");
  }
  void TearDown() override { std::filesystem::remove_all(folder_); }

  void Write(std::string_view name, std::string_view text) const {
    std::ofstream(folder_ / name) << text;
  }
  static std::string Variable(const char* name) {
    const char* value = std::getenv(name);
    return value == nullptr ? "unset" : value;
  }

  std::filesystem::path folder_;
};

TEST_F(PackagedFolderTest, BothFilesAreUsed) {
  Write("pg_service.conf", "[litemaas]\n");
  Write("environment", "USAGE_INGEST_LOG_LEVEL=debug\n");
  UsePackagedFiles(folder_);
  EXPECT_EQ(Variable("PGSERVICEFILE"), (folder_ / "pg_service.conf").string());
  EXPECT_EQ(Variable("USAGE_INGEST_LOG_LEVEL"), "debug");
}

TEST_F(PackagedFolderTest, WhatIsSetStays) {
  Write("pg_service.conf", "[litemaas]\n");
  Write("environment", "USAGE_INGEST_LOG_LEVEL=debug\nPGSERVICEFILE=/from/the/environment\n");
  setenv("PGSERVICEFILE", "/mine", 1);
  setenv("USAGE_INGEST_LOG_LEVEL", "", 1);
  UsePackagedFiles(folder_);
  EXPECT_EQ(Variable("PGSERVICEFILE"), "/mine");
  EXPECT_EQ(Variable("USAGE_INGEST_LOG_LEVEL"), "");
}

TEST_F(PackagedFolderTest, WithoutFilesNothingIsSet) {
  UsePackagedFiles(folder_);
  EXPECT_EQ(Variable("PGSERVICEFILE"), "unset");
}

}  // namespace
}  // namespace usage_ingest::config
