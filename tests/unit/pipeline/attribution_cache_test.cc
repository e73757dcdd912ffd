#include "ingest/pipeline/attribution_cache.h"

#include <gtest/gtest.h>

#include <string>

namespace usage_ingest::pipeline {
namespace {

QuestionHash HashOf(int number) {
  const std::string user = std::to_string(number);
  return HashQuestion({.user_id = user, .model_id = "m"});
}
AttributionAnswer AnswerOf(int number) {
  Attribution owner;
  owner.subscription_id.bytes[0] = static_cast<std::uint8_t>(number);
  owner.subscription_id.bytes[1] = static_cast<std::uint8_t>(number >> 8);
  return {.owner = owner, .missing = {}};
}
bool Has(AttributionCache& cache, int number) {
  const AttributionAnswer* const answer = cache.Find(HashOf(number));
  if (answer == nullptr) return false;
  EXPECT_EQ(answer->owner, AnswerOf(number).owner) << "the answer to another question";
  return true;
}

// Each text is a part of its own: what one lacks at its end is not what the next begins with.
TEST(QuestionHashTest, TellsQuestionsApart) {
  const QuestionHash hash = HashQuestion({"ab", "c", "", "m"});
  EXPECT_EQ(hash, HashQuestion({"ab", "c", "", "m"}));
  for (const AttributionQuestion& other : {AttributionQuestion{"a", "bc", "", "m"},
                                           {"ab", "", "c", "m"},
                                           {"", "ab", "c", "m"},
                                           {"ab", "c", "m", ""},
                                           {"ab", "c", "", "n"}}) {
    EXPECT_NE(hash, HashQuestion(other));
  }
  const std::string long_model(10'000, 'x');
  EXPECT_NE(HashQuestion({.model_id = long_model}),
            HashQuestion({.model_id = std::string_view(long_model).substr(1)}));
}

TEST(AttributionCacheTest, GivesBackWhatItWasTold) {
  AttributionCache cache(10'000);
  EXPECT_FALSE(Has(cache, 1));
  for (int i = 0; i < 3'000; ++i) cache.Insert(HashOf(i), AnswerOf(i));
  for (int i = 0; i < 3'000; ++i) EXPECT_TRUE(Has(cache, i)) << i;
}

// That there is no owner is an answer, too.
TEST(AttributionCacheTest, RemembersThatThereIsNoOwner) {
  AttributionCache cache(10'000);
  cache.Insert(HashOf(1), {.owner = std::nullopt, .missing = "unknown"});
  const AttributionAnswer* const answer = cache.Find(HashOf(1));
  ASSERT_NE(answer, nullptr);
  EXPECT_FALSE(answer->owner);
  EXPECT_EQ(answer->missing, "unknown");
}

TEST(AttributionCacheTest, ALaterAnswerReplacesAnEarlierOne) {
  AttributionCache cache(10'000);
  cache.Insert(HashOf(1), AnswerOf(7));
  cache.Insert(HashOf(1), AnswerOf(1));
  EXPECT_TRUE(Has(cache, 1));
}

// However many questions come, it holds no more than it may; what is in use stays.
TEST(AttributionCacheTest, IsBoundedAndKeepsWhatIsUsed) {
  constexpr int kMax = 2'000;
  AttributionCache cache(kMax);
  for (int i = 0; i < 50'000; ++i) {
    cache.Insert(HashOf(i), AnswerOf(i));
    ASSERT_TRUE(Has(cache, 0)) << "used all the time, forgotten after " << i;
  }
  int held = 0;
  for (int i = 0; i < 50'000; ++i) held += cache.Find(HashOf(i)) != nullptr ? 1 : 0;
  EXPECT_LE(held, kMax);
  EXPECT_GE(held, kMax / 2);
}

TEST(AttributionCacheTest, ExpireForgetsEverything) {
  AttributionCache cache(2'000);
  for (int i = 0; i < 1'500; ++i) cache.Insert(HashOf(i), AnswerOf(i));
  cache.Expire();
  for (int i = 0; i < 1'500; ++i) EXPECT_FALSE(Has(cache, i)) << i;
  cache.Insert(HashOf(1), AnswerOf(1));
  EXPECT_TRUE(Has(cache, 1));
}

}  // namespace
}  // namespace usage_ingest::pipeline
