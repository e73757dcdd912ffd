// An event that is recognised by its forms says what it says when it is walked over.
#include <fstream>

#include "tests/unit/event/decode_fixture.h"

namespace usage_ingest::ingest {
namespace {

class DecoderFormsTest : public DecodeFixture {
 protected:
  // What a decoder that has never seen an event says.
  std::vector<std::string> Walked(std::string_view value) {
    Decoder fresh({AllMetadataKeys()});
    CollectingSink sink;
    fresh.Decode(origin_, value, arena_, sink);
    return sink.lines;
  }
  void ExpectSameAsWalked(std::string_view value) {
    EXPECT_EQ(Decode(value).lines, Walked(value)) << value;
    arena_.Reset();
  }
  // Often enough for its form to be learned.
  void Learn(std::string_view value) {
    for (int i = 0; i < 3; ++i) ExpectSameAsWalked(value);
  }
};

TEST_F(DecoderFormsTest, CapturedEventsMeanTheSame) {
  std::vector<std::string> values;
  std::ifstream file(USAGE_INGEST_SOURCE_DIR "/tests/data/litellm/events.ndjson");
  for (std::string line; std::getline(file, line);) values.push_back(line);
  ASSERT_EQ(values.size(), 227U);
  for (int pass = 0; pass < 4; ++pass) {
    for (const std::string& value : values) ExpectSameAsWalked(value);
  }
}

// Each byte of an event in the place of each other, and gone, and twice.
TEST_F(DecoderFormsTest, EveryWrongByteIsFound) {
  EventJson event;
  event.top["unread"] = R"([null,0.0,"x",{"a":true}])";
  event.top["request_tags"] = R"(["a","b"])";
  event.cost_breakdown = {{"output_cost", "3.3e-05"}, {"total_cost", "0.0"}};
  const std::string good = event.Text();
  constexpr std::string_view kBytes = "{}[]:,\" 01.-entf\\x\n\x01";
  for (std::size_t at = 0; at < good.size(); ++at) {
    Learn(good);
    std::string wrong = good;
    for (const char byte : kBytes) {
      wrong[at] = byte;
      ExpectSameAsWalked(wrong);
    }
    ExpectSameAsWalked(std::string(good).erase(at, 1));
    ExpectSameAsWalked(std::string(good).insert(at, 1, good[at]));
    ExpectSameAsWalked(good.substr(0, at));
  }
}

// Values of each kind in the place of each other, after events of both forms.
TEST_F(DecoderFormsTest, EveryValueIsReadAnew) {
  const std::vector<std::string> values = {"null",
                                           "true",
                                           "false",
                                           "0",
                                           "0.0",
                                           "12",
                                           "-1.5e3",
                                           "NaN",
                                           R"("")",
                                           R"("text")",
                                           R"("a\"b\u00e9")",
                                           "\"\xC3\xA9\"",
                                           R"("None")",
                                           "[]",
                                           "{}",
                                           R"(["a"])",
                                           R"({"a":1})"};
  const EventJson base;
  for (const auto& [key, unused] : base.top) {
    for (const std::string& value : values) {
      Learn(base.Text());
      Learn(EventJson::With(key, value));
      ExpectSameAsWalked(base.Text());
      for (const std::string& other : values) ExpectSameAsWalked(EventJson::With(key, other));
    }
  }
}

}  // namespace
}  // namespace usage_ingest::ingest
