// The manual lists the keys of usage_logs.metadata as the table in metadata_writer.cc does. The
// configuration's list is compared by ConfigurationManualTest: it is the default of
// events.metadata.
#include <gtest/gtest.h>

#include "ingest/event/decoder.h"
#include "tests/golden/manual_table.h"

namespace usage_ingest {
namespace {

TEST(MetadataKeysManualTest, EventsListsEachKeyInOrder) {
  TableRows expected;
  for (const std::string& key : event::AllMetadataKeys()) expected.push_back({'`' + key + '`'});
  EXPECT_EQ(ManualTable("events.md", "| key | from |", 1), expected);
}

}  // namespace
}  // namespace usage_ingest
