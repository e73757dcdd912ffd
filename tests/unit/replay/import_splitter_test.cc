#include "daemon/replay/import_splitter.h"

#include <gtest/gtest.h>

#include <vector>

namespace usage_ingest::replay {
namespace {

constexpr std::size_t kElementBytesMax = 40;

// "number:text" of each element, whatever the pieces that the file comes in.
std::vector<std::string> Split(std::string_view file) {
  std::vector<std::string> whole;
  for (std::size_t piece = 1; piece <= file.size() + 1; ++piece) {
    std::vector<std::string> elements;
    ImportSplitter splitter(kElementBytesMax, [&](std::int64_t number, std::string_view text) {
      elements.push_back(std::to_string(number) + ':' + std::string(text));
    });
    for (std::size_t at = 0; at < file.size(); at += piece) splitter.Feed(file.substr(at, piece));
    splitter.Finish();
    if (piece == 1) whole = elements;
    EXPECT_EQ(elements, whole) << file << " in pieces of " << piece;
  }
  return whole;
}

using Elements = std::vector<std::string>;

TEST(ImportSplitterTest, LinesAreElements) {
  EXPECT_EQ(Split(""), Elements{});
  EXPECT_EQ(Split("\n \n"), Elements{});
  EXPECT_EQ(Split("{\"a\":1}\n{\"b\":2}"), (Elements{"1:{\"a\":1}", "2:{\"b\":2}"}));
  EXPECT_EQ(Split("{\"a\":1}\r\n\n{\"b\":2}\n"), (Elements{"1:{\"a\":1}\r", "3:{\"b\":2}"}));
  EXPECT_EQ(Split("7\n[1]\n"), (Elements{"1:7", "2:[1]"})) << "an array as a line is a line";
}

TEST(ImportSplitterTest, AnArrayIsItsElements) {
  EXPECT_EQ(Split("[]"), Elements{});
  EXPECT_EQ(Split("[{\"a\":[1,{}]},\n {\"b\":\",]}\\\"\"}\n]\n"),
            (Elements{"1:{\"a\":[1,{}]}", "2:\n {\"b\":\",]}\\\"\"}\n"}));
  EXPECT_EQ(Split(" [1,\"\\\\\",null]"), (Elements{"1: 1", "2:\"\\\\\"", "3:null"}));
}

// What was behind an array on its line was dropped without being counted.
TEST(ImportSplitterTest, NothingBehindAnArrayIsLost) {
  EXPECT_EQ(Split("[1]\n[2,3]\n"), (Elements{"1:1", "2:2", "3:3"}));
  EXPECT_EQ(Split("[1] [2]"), (Elements{"1:1", "2:2"}));
  EXPECT_EQ(Split("[1]{\"a\":1}\n2"), (Elements{"1:1", "2:{\"a\":1}", "3:2"}));
  EXPECT_EQ(Split("[1],[2]"), (Elements{"1:1", "2:,[2]"}));
  EXPECT_EQ(Split("[1}]"), (Elements{"1:1", "2:]"}));
}

TEST(ImportSplitterTest, ATornArrayGivesWhatItHas) {
  EXPECT_EQ(Split("[1,{\"a\":"), (Elements{"1:1", "2:{\"a\":"}));
  EXPECT_EQ(Split("[\"a"), (Elements{"1:\"a"}));
}

// An editor on Windows writes one; before an array it made a line of every line of the array.
TEST(ImportSplitterTest, AByteOrderMarkIsDropped) {
  EXPECT_EQ(Split("\xEF\xBB\xBF[1,\n2]"), (Elements{"1:1", "2:\n2"}));
  EXPECT_EQ(Split("\xEF\xBB\xBF{}\n{}"), (Elements{"1:{}", "2:{}"}));
  EXPECT_EQ(Split("{}\n\xEF\xBB\xBF{}"), (Elements{"1:{}", "2:\xEF\xBB\xBF{}"}));
}

TEST(ImportSplitterTest, HoldsNoMoreOfAnElementThanTellsThatItIsTooLarge) {
  const std::string large(10 * kElementBytesMax, 'x');
  const std::string kept = "1:" + large.substr(0, kElementBytesMax + 1);
  EXPECT_EQ(Split(large + "\n7"), (Elements{kept, "2:7"}));
  EXPECT_EQ(Split('[' + large + ",7]"), (Elements{kept, "2:7"}));
}

}  // namespace
}  // namespace usage_ingest::replay
