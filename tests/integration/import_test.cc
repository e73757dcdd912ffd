// Files of events count as their records in Kafka would, once, in whatever form they come.
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <zlib.h>
#include <zstd.h>

#include <fstream>
#include <thread>

#include "tests/integration/replay_report.h"
#include "tests/support/pipeline/captured_events.h"
#include "tests/support/pipeline/pipeline_fixture.h"
#include "tests/support/temp_dir.h"

namespace usage_ingest::support {
namespace {

using namespace std::chrono_literals;

std::string Join(const std::vector<std::string>& events, const std::string& separator) {
  std::string text;
  for (const std::string& event : events) text += (text.empty() ? "" : separator) + event;
  return text;
}

// Each value of an object or array on a line of its own.
std::string Indented(const std::string& json) {
  std::string text;
  bool in_string = false;
  for (std::size_t at = 0; at < json.size(); ++at) {
    const char c = json[at];
    if (c == '"' && (!in_string || json[at - 1] != '\\' || json[at - 2] == '\\')) {
      in_string = !in_string;
    }
    text += c;
    if (!in_string && (c == '{' || c == '[' || c == ',')) text += "\r\n  ";
  }
  return text;
}

// As the text of a JSON string.
std::string Quoted(const std::string& text) {
  std::string quoted = "\"";
  for (const char c : text) {
    if (c == '"' || c == '\\') quoted += '\\';
    quoted += c;
  }
  return quoted + '"';
}

// Each text between `before` and `behind`.
std::vector<std::string> Wrapped(std::vector<std::string> texts, const std::string& before,
                                 const std::string& behind) {
  for (std::string& text : texts) text.insert(0, before).append(behind);
  return texts;
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
  std::string File(const std::string& bytes) {
    const std::filesystem::path path = folder_.path() / std::to_string(++files_);
    std::ofstream(path, std::ios::binary) << bytes;
    return path.string();
  }
  [[nodiscard]] CommandResult ImportFiles(std::vector<std::string> paths) const {
    paths.insert(paths.begin(), {"import", "--json"});
    return program_->Run(paths, 120s);
  }
  // What `import --json` says of a file with these bytes.
  std::string Import(const std::string& bytes) {
    const CommandResult result = ImportFiles({File(bytes)});
    EXPECT_EQ(result.exit_code, 0) << result.errors;
    return result.output;
  }
  // Nothing of the events nor of the files.
  void ExpectNothingWritten(const std::string& what) {
    EXPECT_EQ(RowCount(), 0) << what;
    EXPECT_EQ(DeadLetters(), "") << what;
    EXPECT_EQ(database_.Number("SELECT count(*) FROM usage_ingest.replays"), 0) << what;
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
  std::vector<std::string> quoted;
  for (const std::string& event : events_) quoted.push_back(Quoted(event));
  for (const std::string& again :
       {lines, array, Gzipped(lines, folder_.path() / "spare.gz"), Zstandard(array),
        '[' + Join(events_, "]\n[") + ']', '[' + Join(events_, "][") + ']',
        // S3 and GCS objects end without a newline
        Join(events_, ""), Indented(Join(events_, "")), Indented(array), Join(events_, "\r\n"),
        // LiteLLM's /spend/logs/v2, Datadog, SQS, CloudEvents
        Join(Wrapped(events_, R"({"data": [)", R"(], "total": 1, "page": 1})"), "\n"),
        '[' + Join(Wrapped(quoted, R"({"ddsource":"litellm","message":)", "}"), ",") + ']',
        Join(Wrapped(quoted, R"({"Records":[{"messageId":"m","body":)", "}]}"), ""),
        Join(Wrapped(events_, R"({"specversion":"1.0","id":"e","data":)", "}"), "\n")}) {
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
  const std::string array = "[{},\n8]trailing" + events_.front();
  const std::string wanted = ImportTopic(database_, lines) + " 0 1 0 invalid_json\n" +   //
                             ImportTopic(database_, lines) + " 0 3 0 invalid_field\n" +  //
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

// It left a pending dead letter for each line, and ended with status 0.
TEST_F(ImportTest, AFileWithoutAnEventIsRefusedAndLeavesNothing) {
  const std::string good = File(events_.front());
  for (const std::string& bytes :
       {std::string(), std::string("\n\n"), std::string("[]"),
        std::string(R"({"data": [], "total": 0})"), std::string("null\n"),
        std::string(R"({"__encrypted__": true, "payload": "AAAA"})"),
        std::string(R"({"id":"chatcmpl-1","object":"chat.completion","choices":[]})"),
        std::string("[{},\n8]"), std::string("request_id,spend\nr1,0.5\n"),
        '"' + std::string(100'000, 'x'), events_.front().substr(0, 200)}) {
    const std::string path = File(bytes);
    const CommandResult result = ImportFiles({good, path});
    EXPECT_EQ(result.exit_code, 65) << bytes.substr(0, 100);
    EXPECT_NE(result.errors.find("no event in this file"), std::string::npos) << result.errors;
    EXPECT_NE(result.errors.find("where: " + path), std::string::npos) << result.errors;
    EXPECT_EQ(ReportField(result.output, "events"), 0) << result.output;
    ExpectNothingWritten(bytes.substr(0, 100));
  }
}

TEST_F(ImportTest, ARefusalNamesThePlaceAndWhatIsThere) {
  const std::string path = File("\n\n [{\"__encrypted__\": true, \"payload\": \"AAAA\"}]");
  const CommandResult result = ImportFiles({path});
  EXPECT_EQ(result.exit_code, 65);
  EXPECT_NE(result.errors.find(path + ":3 (byte 4)"), std::string::npos) << result.errors;
  EXPECT_NE(result.errors.find("an object without startTime; its members: __encrypted__, payload"),
            std::string::npos)
      << result.errors;
  EXPECT_EQ(result.errors.find("AAAA"), std::string::npos) << "no content in messages";
}

// An import that found damage had imported the files before it.
TEST_F(ImportTest, AllFilesAreCheckedBeforeTheFirstRow) {
  const std::string good = File(events_.front());
  const std::string packed = Gzipped(Join(events_, "\n"), folder_.path() / "spare.gz");
  const std::string torn = File(packed.substr(0, packed.size() / 2));
  const std::string frame = Zstandard(Join(events_, "\n"));
  for (const std::string& damaged :
       {torn, File(frame.substr(0, frame.size() / 2)), File('[' + events_.front() + ",\n")}) {
    const CommandResult result = ImportFiles({good, good, damaged});
    EXPECT_EQ(result.exit_code, 65) << result.errors;
    EXPECT_NE(result.errors.find("damaged"), std::string::npos) << result.errors;
    EXPECT_NE(result.errors.find("where: " + damaged), std::string::npos) << result.errors;
    EXPECT_EQ(ReportField(result.output, "inserted"), 0) << "the result is printed";
    ExpectNothingWritten(damaged);
  }
  const CommandResult missing = ImportFiles({good, (folder_.path() / "none").string()});
  EXPECT_EQ(missing.exit_code, 66) << missing.errors;
  EXPECT_EQ(ReportField(missing.output, "inserted"), 0) << "the result is printed";
  ExpectNothingWritten("missing");
}

TEST_F(ImportTest, AFileWhoseEventsAllBecomeDeadLettersEndsWith65) {
  const std::string stranger =
      R"({"id":"s","startTime":1795365287.5,"model_group":"nobody's","prompt_tokens":3,)"
      R"("metadata":{"user_api_key_user_id":"u"}})";
  const std::string path = File(stranger);
  for (const std::vector<std::string>& files :
       {std::vector{path}, std::vector{path, File(events_.front())}}) {
    const CommandResult result = ImportFiles(files);
    EXPECT_EQ(result.exit_code, 65) << result.errors;
    EXPECT_NE(result.errors.find("every event of this file became a dead letter"),
              std::string::npos)
        << result.errors;
    EXPECT_EQ(ReportField(result.output, "dead_lettered"), 1) << result.output;
  }
  EXPECT_EQ(DeadLetters(), ImportTopic(database_, stranger) + " 0 1 0 unattributed");
  EXPECT_EQ(RowCount(), 1) << "the other file is imported";
  EXPECT_EQ(ReportField(Import(stranger + events_.front()), "dead_lettered"), 1);
}

// The number of an element is where an interrupted import continues, also inside an envelope.
TEST_F(ImportTest, AnInterruptedImportContinuesAtTheElement) {
  const std::string first = R"({"data":[)" + events_[0] + ',' + events_[1] + "]}";
  const std::string bytes = first + '[' + events_[2] + ',' + events_[3] + ']';
  database_.Execute(
      "INSERT INTO usage_ingest.replays (kind, topic, from_offset, to_offset, next_offset, "
      "outcome) VALUES ('import', '" +
      ImportTopic(database_, bytes) + "', 1, 5, 2, 'interrupted')");
  EXPECT_EQ(ReportField(Import(bytes), "records"), 3);
  EXPECT_EQ(database_.Value("SELECT next_offset || outcome FROM usage_ingest.replays"),
            "5finished");
  EXPECT_EQ(ReportField(Import(bytes), "records"), 4) << "a finished one begins again";
}

// It was read as an empty file: a pipe cannot be read twice.
TEST_F(ImportTest, APipeIsAFile) {
  const std::string path = (folder_.path() / "pipe").string();
  ASSERT_EQ(mkfifo(path.c_str(), 0600), 0);
  std::jthread writer([&] { std::ofstream(path) << events_.front(); });
  const CommandResult result = ImportFiles({path});
  EXPECT_EQ(result.exit_code, 0) << result.errors;
  EXPECT_EQ(ReportField(result.output, "inserted"), 1) << result.output;
}

TEST_F(ImportTest, TheResultIsPrintedWhenTheDatabaseFails) {
  database_.Execute("ALTER TABLE usage_ingest.replays RENAME TO elsewhere");
  const CommandResult result = ImportFiles({File(events_.front())});
  database_.Execute("ALTER TABLE usage_ingest.elsewhere RENAME TO replays");
  EXPECT_NE(result.exit_code, 0);
  EXPECT_EQ(ReportField(result.output, "inserted"), 0) << result.errors;
}

}  // namespace
}  // namespace usage_ingest::support
