// The fields of /status: programs and the status page read them, so changing one must be a
// decision. USAGE_INGEST_UPDATE_GOLDEN=1 rewrites status.json, which is also the answer that
// tests/page shows.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstdlib>
#include <fstream>
#include <sstream>

#include "daemon/telemetry/status_board.h"
#include "daemon/telemetry/status_json.h"
#include "tests/unit/telemetry/report_fixture.h"

namespace usage_ingest::telemetry {
namespace {

const std::string kGoldenFile = std::string(USAGE_INGEST_SOURCE_DIR) + "/tests/golden/status.json";

void Join(StatusBoard& board) {
  board.On(pipeline::PostgresSession{{.lane = 0}, true});
  board.On(pipeline::PostgresSession{{.lane = 1}, true});
  board.On(pipeline::GroupMembership{true});
  const TopicPartition* const assigned[] = {&kUsage0, &kUsage1};
  board.On(pipeline::PartitionsAssigned{assigned});
}

std::string Json() {
  std::int64_t now_ms = 1'795'370'400'000;
  StatusBoard board({.version = "1.2.3",
                     .commit = "abc",
                     .group_id = "g",
                     .queue = [] { return QueueStatus{1, 2, 3}; },
                     .clock = [&] { return now_ms; }});
  Join(board);
  const SampleBatch batch;
  board.On(batch.committed);
  board.On(pipeline::PartitionLag{.source = &kUsage0,
                                  .high_watermark = Offset{120},
                                  .position = Offset{120},
                                  .committed = Offset{110},
                                  .oldest_uncommitted_ms = now_ms - 500});
  board.On(pipeline::PartitionLag{.source = &kUsage1,
                                  .high_watermark = Offset{55},
                                  .position = Offset{55},
                                  .committed = Offset{55}});
  board.On(pipeline::Fenced{"a \"zombie\""});
  board.On(pipeline::PartitionRunway{std::chrono::seconds(77)});
  board.On(pipeline::CopyPathChosen{{.lane = 0}, pipeline::CopyPath::kBatch});
  now_ms += 2'000;
  board.Sample();
  const TopicPartition* const first[] = {&kUsage0};
  board.On(pipeline::PartitionsAssigned{first});
  return StatusJson(board.Snapshot()) + "\n";
}

TEST(StatusGoldenTest, TheJsonIsFrozen) {
  if (std::getenv("USAGE_INGEST_UPDATE_GOLDEN") != nullptr) std::ofstream(kGoldenFile) << Json();
  std::ostringstream golden;
  golden << std::ifstream(kGoldenFile).rdbuf();
  EXPECT_EQ(Json(), golden.str());
}

}  // namespace
}  // namespace usage_ingest::telemetry
