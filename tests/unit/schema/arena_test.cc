// Texts of a batch: where they lie, how long, and how often.
#include "schema/arena.h"

#include <gtest/gtest.h>

#include <string>
#include <vector>

namespace usage_ingest {
namespace {

std::string_view Shared(Arena& arena, const std::string& text) {
  return arena.Share(arena.Copy(text));
}

TEST(ArenaTest, ASharedTextIsKeptOnce) {
  Arena arena;
  const std::string_view first = Shared(arena, "a user");
  EXPECT_EQ(first, "a user");
  EXPECT_EQ(Shared(arena, "a user").data(), first.data());
  EXPECT_EQ(arena.Copy("x").data(), first.data() + first.size()) << "its bytes are free again";
  EXPECT_NE(Shared(arena, "a use").data(), first.data());
  EXPECT_NE(arena.Copy("a user").data(), first.data()) << "only Share shares";
}

// Its bytes are still there, and will be given to others.
TEST(ArenaTest, ATextOfBeforeAResetIsNotShared) {
  Arena arena;
  static_cast<void>(arena.Copy(std::string(100, 'x')));
  static_cast<void>(Shared(arena, "a user"));
  arena.Reset();
  const std::string_view user = Shared(arena, "a user");
  static_cast<void>(arena.Copy(std::string(200, 'x')));
  EXPECT_EQ(user, "a user");
}

// More of them than the table has slots, so that they take each other's place.
TEST(ArenaTest, EachSharedTextIsRightHoweverManyThereAre) {
  Arena arena;
  std::vector<std::string_view> copies;
  for (int i = 0; i < 100'000; ++i) copies.push_back(Shared(arena, std::to_string(i)));
  for (int i = 0; i < 100'000; ++i) {
    ASSERT_EQ(copies[static_cast<std::size_t>(i)], std::to_string(i));
    ASSERT_EQ(Shared(arena, std::to_string(i)), std::to_string(i));
  }
}

// It has a block of its own, which stays until Reset().
TEST(ArenaTest, ATextThatIsLargerThanABlockIsSharedToo) {
  Arena arena;
  const std::string large(Arena::kBlockBytes + 1, 'x');
  const std::string_view first = Shared(arena, large);
  EXPECT_EQ(Shared(arena, large).data(), first.data());
  EXPECT_EQ(first, large);
}

TEST(ArenaTest, AnEmptyTextTakesNothing) {
  Arena arena;
  EXPECT_TRUE(Shared(arena, "").empty());
  EXPECT_EQ(arena.bytes_reserved(), 0U);
}

}  // namespace
}  // namespace usage_ingest
