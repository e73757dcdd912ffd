// Freezes the row ids (docs/events.md): another layout would count every event that is replayed
// again. The digests were made with Python's hashlib, by the layout of the document.
#include <gtest/gtest.h>

#include "ingest/event/element_identity.h"

namespace usage_ingest {
namespace {

TEST(RowIdTest, IsWhatTheManualSays) {
  EXPECT_EQ(event::MakeRowId("chatcmpl-05274430527f4a0c9d70d7f1f015a",
                             EventTimeUs{1795365287717149}, "success",
                             "e3938f9752c4a066e0146034daaf5c385b9e1452f57c949307e076554dfe8219")
                .ToString(),
            "01a2041c-3725-8d0a-95ca-9c795b712396");
  EXPECT_EQ(event::MakeRowId("", EventTimeUs{0}, "failure", "").ToString(),
            "00000000-0000-8021-a5e4-3dcaf5c7d301");
  EXPECT_EQ(event::MakeRowId("x", EventTimeUs{-1}, "success", "").ToString(),
            "ffffffff-ffff-83b8-93a8-1605b4e68995");
}

TEST(RowIdTest, EveryPartOfTheTupleCounts) {
  const Uuid id = event::MakeRowId("a", EventTimeUs{1'000}, "success", "k");
  EXPECT_NE(id, event::MakeRowId("b", EventTimeUs{1'000}, "success", "k"));
  EXPECT_NE(id, event::MakeRowId("a", EventTimeUs{1'001}, "success", "k"));
  EXPECT_NE(id, event::MakeRowId("a", EventTimeUs{1'000}, "failure", "k"));
  EXPECT_NE(id, event::MakeRowId("a", EventTimeUs{1'000}, "success", ""));
}

}  // namespace
}  // namespace usage_ingest
