// The manual lists the reasons of dead letters and skips as schema/reasons.h does.
#include "schema/reasons.h"

#include <gtest/gtest.h>

#include "tests/golden/manual_table.h"

namespace usage_ingest {
namespace {

TEST(ReasonsManualTest, EventsListsEachDeadLetterReason) {
  TableRows expected;
  for (const DeadLetterReasonEntry& entry : kDeadLetterReasons) {
    expected.push_back({'`' + std::string(entry.name) + '`', std::string(entry.meaning),
                        entry.is_retried ? "yes" : "no"});
  }
  EXPECT_EQ(ManualTable("events.md", "| reason | meaning | retried by the daemon | in detail |", 3),
            expected);
}

TEST(ReasonsManualTest, EventsListsEachSkipReason) {
  TableRows expected;
  for (const SkipReasonEntry& entry : kSkipReasons) {
    expected.push_back({'`' + std::string(entry.name) + '`', std::string(entry.meaning)});
  }
  EXPECT_EQ(ManualTable("events.md", "| reason | meaning | in detail |", 2), expected);
}

TEST(ReasonsManualTest, OperationsSaysWhatToDoAboutEachDeadLetter) {
  TableRows expected;
  for (const DeadLetterReasonEntry& entry : kDeadLetterReasons) {
    expected.push_back({'`' + std::string(entry.name) + '`', std::string(entry.advice)});
  }
  EXPECT_EQ(ManualTable("operations.md", "| reason | likely cause, and what to do |", 2), expected);
}

}  // namespace
}  // namespace usage_ingest
