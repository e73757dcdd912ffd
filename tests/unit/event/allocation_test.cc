// The steady state allocates nothing: the decoder's share of the promise in decoder.h.
#include <fstream>

#include "bench/micro/allocation_counter.h"
#include "tests/unit/event/decode_fixture.h"

namespace usage_ingest::event {
namespace {

class SilentSink final : public EventSink {
 public:
  void OnEvent(std::uint32_t, const UsageEvent&) override { ++elements; }
  void OnSkip(std::uint32_t, SkipReason) override { ++elements; }
  void OnReject(std::uint32_t, const Rejection&) override { ++elements; }
  int elements = 0;
};

using AllocationTest = DecodeFixture;

TEST_F(AllocationTest, CapturedEventsNeedNoMemory) {
  std::vector<std::string> values;
  std::ifstream file(USAGE_INGEST_SOURCE_DIR "/tests/data/litellm/events.ndjson");
  for (std::string line; std::getline(file, line);) values.push_back(line);
  ASSERT_EQ(values.size(), 227U);

  SilentSink sink;
  const auto decode_all = [&] {
    for (const std::string& value : values) decoder_.Decode(origin_, value, arena_, sink);
    arena_.Reset();
  };
  constexpr int kPasses = 16;
  for (int pass = 0; pass < kPasses; ++pass) decode_all();  // buffers grow to their size
  const std::uint64_t before = AllocationCount();
  for (int pass = 0; pass < kPasses; ++pass) decode_all();
  EXPECT_EQ(AllocationCount(), before);
  EXPECT_EQ(sink.elements, 2 * kPasses * 227);
}

TEST_F(AllocationTest, TheCounterCounts) {
  const std::uint64_t before = AllocationCount();
  const auto memory = std::make_unique<std::string>(1000, 'x');
  EXPECT_EQ(memory->size(), 1000U);
  EXPECT_GE(AllocationCount(), before + 2);
}

}  // namespace
}  // namespace usage_ingest::event
