// Files of events count as their records in Kafka would, once, in whatever form they come.
#include <gtest/gtest.h>
#include <zlib.h>
#include <zstd.h>

#include <fstream>

#include "tests/integration/replay_report.h"
#include "tests/support/captured_events.h"
#include "tests/support/pipeline_fixture.h"
#include "tests/support/temp_dir.h"

namespace usage_ingest::support {
namespace {

using namespace std::chrono_literals;

std::string Join(const std::vector<std::string>& events, const std::string& separator) {
  std::string text;
  for (const std::string& event : events) text += (text.empty() ? "" : separator) + event;
  return text;
}

std::string Gzipped(const std::string& plain, const std::filesystem::path& spare) {
  const gzFile file = gzopen(spare.c_str(), "wb");
  EXPECT_EQ(gzwrite(file, plain.data(), static_cast<unsigned>(plain.size())),
            static_cast<int>(plain.size()));
  EXPECT_EQ(gzclose(file), Z_OK);
  std::ifstream packed(spare, std::ios::binary);
  return {std::istreambuf_iterator<char>(packed), {}};
}

std::string Zstandard(const std::string& plain) {
  std::string packed(ZSTD_compressBound(plain.size()), '\0');
  packed.resize(ZSTD_compress(packed.data(), packed.size(), plain.data(), plain.size(), 3));
  return packed;
}

class ImportTest : public PipelineTest {
 protected:
  void SetUp() override {
    PipelineTest::SetUp();
    SeedCaptured(database_);
    RememberTotals();
    for (const CapturedEvent& event : CapturedEvents()) events_.push_back(event.value);
    program_ = std::make_unique<DaemonProcess>(DaemonDefaults());
  }
  // What `import --json` says of a file with these bytes.
  std::string Import(const std::string& bytes) {
    const std::filesystem::path path = folder_.path() / std::to_string(++files_);
    std::ofstream(path, std::ios::binary) << bytes;
    const CommandResult result = program_->Run({"import", "--json", path.string()}, 120s);
    EXPECT_EQ(result.exit_code, 0) << result.errors;
    return result.output;
  }
  std::string DeadLetters() {
    return database_.Value(
        "SELECT coalesce(string_agg(topic || ' ' || partition || ' ' || record_offset || ' ' || "
        "event_index || ' ' || reason, E'\n' ORDER BY id), '') FROM usage_ingest.dead_letters");
  }

  std::vector<std::string> events_;
  TempDir folder_;
  int files_ = 0;
  std::unique_ptr<DaemonProcess> program_;
};

TEST_F(ImportTest, EveryFormOfAFileHoldsTheSameEvents) {
  const std::string lines = Join(events_, "\n") + '\n';
  const std::string array = "\xEF\xBB\xBF[\n" + Join(events_, ",\n") + "\n]\n";
  const std::string first = Import(lines);
  const std::int64_t inserted = ReportField(first, "inserted");
  EXPECT_EQ(ReportField(first, "records"), std::ssize(events_));
  EXPECT_GT(inserted, 100);
  EXPECT_EQ(RowCount(), inserted);
  for (const std::string& again :
       {lines, array, Gzipped(lines, folder_.path() / "spare.gz"), Zstandard(array),
        '[' + Join(events_, "]\n[") + ']', '[' + Join(events_, "][") + ']'}) {
    const std::string report = Import(again);
    EXPECT_EQ(ReportField(report, "events"), ReportField(first, "events")) << files_;
    EXPECT_EQ(ReportField(report, "inserted"), 0) << files_;
    EXPECT_EQ(ReportField(report, "duplicates"), inserted + ReportField(first, "duplicates"));
    EXPECT_EQ(ReportField(report, "dead_lettered"), ReportField(first, "dead_lettered")) << files_;
  }
  EXPECT_EQ(RowCount(), inserted);
  Totals::ExpectSummariesExact(database_);
  totals_->ExpectCountersExact(database_);
}

TEST_F(ImportTest, ADeadLetterSaysWhichElementOfWhichFile) {
  const std::string lines = "\n{torn\n" + events_.front() + "\n[7]\n";
  const std::string array = "[{},\n8]trailing";
  const std::string wanted = ImportTopic(database_, lines) + " 0 2 0 invalid_json\n" +   //
                             ImportTopic(database_, lines) + " 0 4 0 invalid_field\n" +  //
                             ImportTopic(database_, array) + " 0 1 0 invalid_field\n" +  //
                             ImportTopic(database_, array) + " 0 2 0 invalid_field\n" +  //
                             ImportTopic(database_, array) + " 0 3 0 invalid_json";
  for (int time = 0; time < 2; ++time) {
    EXPECT_EQ(ReportField(Import(lines), "dead_lettered"), 2);
    EXPECT_EQ(ReportField(Import(array), "dead_lettered"), 3);
    EXPECT_EQ(DeadLetters(), wanted) << "each once, however often the file is imported";
  }
  EXPECT_EQ(RowCount(), 1);
}

// An event without an id is told by what it says, not by where it stands.
TEST_F(ImportTest, WhatHasNoIdCountsOnceInWhateverFile) {
  const std::string event = R"({"startTime":1795365287.5,"model_group":"gpt-4o","prompt_tokens":3,)"
                            R"("metadata":{"user_api_key_user_id":"%"}})";
  const std::string user = database_.Value("SELECT id FROM users ORDER BY id LIMIT 1");
  std::string ours = event;
  ours.replace(ours.find('%'), 1, user);
  EXPECT_EQ(ReportField(Import(ours + '\n' + ours), "inserted"), 1);
  EXPECT_EQ(ReportField(Import("[ " + ours + " ]"), "inserted"), 0);
  EXPECT_EQ(RowCount(), 1);
}

TEST_F(ImportTest, ADryRunWritesNothing) {
  const std::filesystem::path path = folder_.path() / "dry";
  std::ofstream(path) << Join(events_, "\n");
  const CommandResult result =
      program_->Run({"import", "--json", "--dry-run", path.string()}, 120s);
  ASSERT_EQ(result.exit_code, 0) << result.errors;
  EXPECT_EQ(ReportField(result.output, "records"), std::ssize(events_));
  EXPECT_EQ(RowCount(), 0);
  EXPECT_EQ(DeadLetters(), "");
}

// An import that found damage waited without end for lanes that were never told to stop.
TEST_F(ImportTest, WhatCannotBeReadIsAnError) {
  const std::string packed = Gzipped(Join(events_, "\n"), folder_.path() / "spare.gz");
  const std::filesystem::path path = folder_.path() / "torn.gz";
  std::ofstream(path, std::ios::binary) << packed.substr(0, packed.size() / 2);
  const CommandResult damaged = program_->Run({"import", path.string()}, 120s);
  EXPECT_EQ(damaged.exit_code, 65) << damaged.errors;
  EXPECT_NE(damaged.errors.find("torn.gz"), std::string::npos) << damaged.errors;
  EXPECT_EQ(database_.Value("SELECT outcome FROM usage_ingest.replays"), "failed");
  const CommandResult missing = program_->Run({"import", (folder_.path() / "none").string()}, 60s);
  EXPECT_EQ(missing.exit_code, 66) << missing.errors;
}

}  // namespace
}  // namespace usage_ingest::support
