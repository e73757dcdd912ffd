#include "tests/support/made_once.h"

#include <gtest/gtest.h>
#include <unistd.h>

#include <fstream>
#include <stdexcept>
#include <vector>

namespace usage_ingest::support {
namespace {

namespace fs = std::filesystem;

class MadeOnceTest : public ::testing::Test {
 protected:
  ~MadeOnceTest() override {
    if (!made_.empty()) fs::remove_all(made_);
  }
  fs::path Make(const std::function<void(const fs::path&)>& make) {
    made_ = MadeOnce("made-once-test-" + std::to_string(getpid()), make);
    return made_;
  }
  static void WriteFolder(const fs::path& folder, const std::string& text) {
    fs::create_directory(folder);
    std::ofstream(folder / "file") << text;
  }
  static std::string Read(const fs::path& folder) {
    std::string text;
    std::ifstream(folder / "file") >> text;
    return text;
  }

 private:
  fs::path made_;
};

TEST_F(MadeOnceTest, IsMadeByTheFirstThatAsks) {
  EXPECT_EQ(Read(Make([](const fs::path& folder) { WriteFolder(folder, "first"); })), "first");
  EXPECT_EQ(Read(Make([](const fs::path&) { FAIL() << "made twice"; })), "first");
}

TEST_F(MadeOnceTest, FasterOneIsKeptAndNothingIsLeftBehind) {
  fs::path slow;
  const fs::path made = Make([&](const fs::path& folder) {
    slow = folder;
    WriteFolder(folder, "slow");
    Make([](const fs::path& other) { WriteFolder(other, "fast"); });
  });
  EXPECT_EQ(Read(made), "fast");
  EXPECT_FALSE(fs::exists(slow));
}

TEST_F(MadeOnceTest, FailureIsThrownAndTheNextOneTriesAgain) {
  EXPECT_THROW(Make([](const fs::path& folder) {
                 WriteFolder(folder, "half");
                 throw std::runtime_error("no space");
               }),
               std::runtime_error);
  EXPECT_EQ(Read(Make([](const fs::path& folder) { WriteFolder(folder, "whole"); })), "whole");
}

}  // namespace
}  // namespace usage_ingest::support
