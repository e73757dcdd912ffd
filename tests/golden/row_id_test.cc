// Freezes the row ids (docs/events.md): another layout would count every event that is replayed
// again. The digests were made with Python's hashlib, by the layout of the document.
#include <gtest/gtest.h>

#include "ingest/event/element_identity.h"

namespace usage_ingest {
namespace {

TEST(RowIdTest, IsWhatTheManualSays) {
  EXPECT_EQ(event::MakeRowId({.id = "chatcmpl-05274430527f4a0c9d70d7f1f015a",
                              .kind = "success",
                              .start_ms = 1795365287717,
                              .end_ms = 1795365288512,
                              .user_id = "5b0b7c1e-6f0a-4c0e-9a53-0d9a6f1f2a11"})
                .ToString(),
            "01a2041c-3725-8b21-b43c-1b7cd231f3d5");
  EXPECT_EQ(event::MakeRowId(
                {.id = "batch_1", .kind = "job", .user_id = "11111111-1111-4111-8111-111111111111"})
                .ToString(),
            "00000000-0000-84a7-9f58-cd609208ba52");
  EXPECT_EQ(event::MakeRowId({.id = "", .kind = "failure", .user_id = ""}).ToString(),
            "00000000-0000-8e27-b829-d26aa5e17624");
  EXPECT_EQ(
      event::MakeRowId({.id = "x", .kind = "success", .start_ms = -1, .user_id = ""}).ToString(),
      "ffffffff-ffff-8ab1-8483-da0b789e1efb");
}

TEST(RowIdTest, EveryPartOfTheTupleCounts) {
  const event::RowIdentity all = {
      .id = "a", .kind = "success", .start_ms = 1, .end_ms = 2, .user_id = "u"};
  const auto differs = [&all](auto member, auto value) {
    event::RowIdentity other = all;
    other.*member = value;
    return event::MakeRowId(other) != event::MakeRowId(all);
  };
  EXPECT_TRUE(differs(&event::RowIdentity::id, "b"));
  EXPECT_TRUE(differs(&event::RowIdentity::kind, "failure"));
  EXPECT_TRUE(differs(&event::RowIdentity::start_ms, 2));
  EXPECT_TRUE(differs(&event::RowIdentity::end_ms, 3));
  EXPECT_TRUE(differs(&event::RowIdentity::user_id, "v"));
}

}  // namespace
}  // namespace usage_ingest
