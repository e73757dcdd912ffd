#include "ingest/kafka/consumer/lag_sampler.h"

#include <gtest/gtest.h>

namespace usage_ingest::kafka::consumer {
namespace {

TEST(LagSamplerTest, IsZeroWhenEverythingIsCommitted) {
  LagSampler sampler;
  EXPECT_EQ(sampler.Oldest(Offset{0}, Offset{0}), 0);
  sampler.Add(Offset{10}, 1000);
  sampler.Forget(Offset{11});
  EXPECT_EQ(sampler.Oldest(Offset{11}, Offset{11}), 0);
}

TEST(LagSamplerTest, NamesTheOldestThatIsNotCommitted) {
  LagSampler sampler;
  for (int i = 0; i < 10; ++i) sampler.Add(Offset{i * 10}, 1000 + i);
  EXPECT_EQ(sampler.Oldest(Offset{0}, Offset{95}), 1000);
  sampler.Forget(Offset{40});
  EXPECT_EQ(sampler.Oldest(Offset{40}, Offset{95}), 1004);
  sampler.Forget(Offset{45});
  EXPECT_EQ(sampler.Oldest(Offset{45}, Offset{95}), 1004) << "the sample before stands for 45";
}

TEST(LagSamplerTest, StaysSmallAndKeepsTheOldest) {
  LagSampler sampler;
  for (int i = 0; i < 100'000; ++i) sampler.Add(Offset{i}, 5000 + i);
  EXPECT_EQ(sampler.Oldest(Offset{0}, Offset{100'000}), 5000);
  sampler.Forget(Offset{50'000});
  const std::int64_t oldest = sampler.Oldest(Offset{50'000}, Offset{100'000});
  EXPECT_LE(oldest, 5000 + 50'000);
  EXPECT_GT(oldest, 5000 + 40'000) << "thinned out, but not useless";
}

}  // namespace
}  // namespace usage_ingest::kafka::consumer
