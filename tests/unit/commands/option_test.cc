#include "daemon/commands/option.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <chrono>

namespace usage_ingest::commands {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

TEST(OptionTest, ATimeIsAPointInTimeOrHowLongAgo) {
  std::optional<EventTimeUs> target;
  const Option option = TimeOption("--from-time", "", target);
  EXPECT_FALSE(option.set("2026-11-22T18:00:00"));
  EXPECT_EQ(target, EventTimeUs{1'795'370'400'000'000});
  EXPECT_FALSE(option.set("2026-11-22T20:30:00+02:00"));
  EXPECT_EQ(target, EventTimeUs{1'795'372'200'000'000});
  EXPECT_FALSE(option.set("2026-11-22"));
  EXPECT_EQ(target, EventTimeUs{1'795'305'600'000'000});

  const auto since_epoch = std::chrono::system_clock::now().time_since_epoch();
  const auto now = std::chrono::duration_cast<std::chrono::microseconds>(since_epoch).count();
  EXPECT_FALSE(option.set("7d"));
  constexpr std::int64_t kDay = 86'400'000'000;
  EXPECT_NEAR(static_cast<double>(now - target->value), 7.0 * kDay, 0.01 * kDay);
}

TEST(OptionTest, AWrongTimeIsRefusedWithAnExample) {
  std::optional<EventTimeUs> target;
  const auto problem = TimeOption("--since", "", target).set("yesterday");
  ASSERT_TRUE(problem.has_value());
  EXPECT_EQ(problem->what, "yesterday is not a time");
  EXPECT_THAT(problem->fix, HasSubstr("7d"));
}

TEST(OptionTest, NumbersAreWholeAndNotNegative) {
  std::optional<std::int64_t> number;
  std::vector<std::int64_t> numbers;
  const Option one = NumberOption({"--from-offset", "OFFSET", ""}, number);
  const Option many = NumbersOption({"--partition", "NUMBER", ""}, numbers, 7);
  EXPECT_FALSE(one.set("9223372036854775807"));
  EXPECT_EQ(number, 9223372036854775807);
  EXPECT_FALSE(many.set("0"));
  EXPECT_FALSE(many.set("7"));
  EXPECT_THAT(numbers, ElementsAre(0, 7));
  for (const auto* text : {"-1", "x", "", "1.5", "1x", "9223372036854775808"}) {
    EXPECT_TRUE(one.set(text)) << text;
    EXPECT_TRUE(many.set(text)) << text;
  }
  EXPECT_TRUE(many.set("8"));
  EXPECT_THAT(numbers, ElementsAre(0, 7));
}

TEST(OptionTest, AMessageDoesNotRepeatALongValue) {
  std::optional<std::int64_t> number;
  const Option option = NumberOption({"--from-offset", "OFFSET", ""}, number);
  EXPECT_LT(option.set(std::string(1000, 'x'))->what.size(), 100u);
}

TEST(OptionTest, AChoiceIsOneOfItsList) {
  std::string reason;
  const Option option = ReasonOption(reason);
  EXPECT_FALSE(option.set("unattributed"));
  EXPECT_EQ(reason, "unattributed");
  EXPECT_THAT(option.choices, testing::Contains("invalid_json"));
  EXPECT_THAT(option.set("unatributed")->fix, HasSubstr("did you mean unattributed?"));
  EXPECT_THAT(option.set("zebra")->fix, HasSubstr("choose invalid_json, "));
  EXPECT_EQ(reason, "unattributed");
}

TEST(OptionTest, TheConfigurationIsEmptyUntilItIsNamed) {
  GlobalArguments global;
  const auto options = GlobalOptions(global);
  EXPECT_THAT(global.config_path, IsEmpty());
  EXPECT_FALSE(options.front().set("x.toml"));
  EXPECT_EQ(global.config_path, "x.toml");
}

}  // namespace
}  // namespace usage_ingest::commands
