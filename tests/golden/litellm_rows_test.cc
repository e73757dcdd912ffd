// Freezes what LiteLLM's own events become: tests/golden/litellm_rows.tsv, a line for each of
// tests/data/litellm/events.ndjson, was read by a person against the table of scenarios beside
// them.
//
// After a change that is meant, copy litellm_rows.tsv from the test's working folder, and read the
// difference.
#include <gtest/gtest.h>

#include <fstream>
#include <string>
#include <vector>

#include "tests/reference/decoded_rows.h"

namespace usage_ingest {
namespace {

constexpr std::int64_t kNowUs = 1'795'400'000'000'000;  // some hours after they were captured

std::vector<std::string> Lines(const std::string& path) {
  std::ifstream file(path);
  EXPECT_TRUE(file) << path;
  std::vector<std::string> lines;
  for (std::string line; std::getline(file, line);) lines.push_back(line);
  return lines;
}

TEST(LitellmRowsTest, CapturedEventsBecomeTheseRows) {
  const std::string source = USAGE_INGEST_SOURCE_DIR;
  const std::vector<std::string> events = Lines(source + "/tests/data/litellm/events.ndjson");
  const std::vector<std::string> index = Lines(source + "/tests/data/litellm/index.tsv");
  ASSERT_EQ(events.size(), 227U);
  ASSERT_EQ(index.size(), events.size() + 1);

  const TopicPartition partition{"litellm.usage.v1", {0}};
  event::Decoder decoder({event::AllMetadataKeys()});
  Arena arena;
  std::vector<std::string> rows = {"line\tscenario\t" + std::string(kTsvColumns)};
  for (std::size_t i = 0; i < events.size(); ++i) {
    CollectingSink sink;
    decoder.Decode({.source = &partition, .offset = {0}, .now = {kNowUs}}, events[i], arena, sink);
    const std::size_t scenario = index[i + 1].find('\t') + 1;
    for (const std::string& line : sink.lines) {
      rows.push_back(std::to_string(i + 1) + '\t' +
                     index[i + 1].substr(scenario, index[i + 1].find('\t', scenario) - scenario) +
                     '\t' + line);
    }
  }
  std::ofstream actual("litellm_rows.tsv");
  for (const std::string& row : rows) actual << row << '\n';

  const std::vector<std::string> expected = Lines(source + "/tests/golden/litellm_rows.tsv");
  ASSERT_EQ(rows.size(), expected.size());
  for (std::size_t i = 0; i < rows.size(); ++i) EXPECT_EQ(rows[i], expected[i]);
}

}  // namespace
}  // namespace usage_ingest
