// An event that is recognised by its shape says what it says when it is walked over.
#include "ingest/event/event_shape.h"

#include <fstream>

#include "tests/unit/event/decode_fixture.h"

namespace usage_ingest::ingest {
namespace {

class EventShapeTest : public DecodeFixture {
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
  // Often enough for its shape to be learned.
  void Learn(std::string_view value) {
    for (int i = 0; i < 3; ++i) ExpectSameAsWalked(value);
  }
};

// A shape, and whether other texts with as many tokens have it.
class Shaped {
 public:
  explicit Shaped(std::string_view text) { Learn(text); }
  void Learn(std::string_view text) {
    const JsonWalker json = Walk(text);
    EventFields fields;
    FieldTokens found;
    EXPECT_EQ(fields.ReadObject(json, 0, ObjectKind::kTop, &found), json.end());
    shape_.Learn(json, found);
    tokens_ = json.end();
  }
  [[nodiscard]] bool Has(std::string_view text) {
    const JsonWalker json = Walk(text);
    EXPECT_EQ(json.end(), tokens_) << text;
    EventFields fields;
    return shape_.Read(json, fields);
  }

 private:
  JsonWalker Walk(std::string_view text) {
    EXPECT_EQ(index_.Build(text), JsonIndex::Status::kOk) << text;
    return JsonWalker(index_);
  }
  JsonIndex index_;
  std::size_t tokens_ = 0;
  EventShape shape_;
};

TEST(EventShapeOfTest, IsSharedByOtherValues) {
  Shaped shape(R"({"id":"x","other":12,"metadata":{"user_api_key_hash":"y"},"cost":null})");
  EXPECT_TRUE(
      shape.Has(R"({"id":"","other":12,"metadata":{"user_api_key_hash":"y"},"cost":null})"));
  EXPECT_TRUE(shape.Has(
      R"({"id":null,"other":"a \" b","metadata":{"user_api_key_hash":-1.5e3},"cost":null})"));
}

TEST(EventShapeOfTest, IsNotSharedByOtherForms) {
  Shaped shape(R"({"id":"x","other":12,"metadata":{"user_api_key_hash":"y"},"cost":null})");
  for (const char* other :
       {R"({"ID":"x","other":12,"metadata":{"user_api_key_hash":"y"},"cost":null})",
        R"({"id":"x","other":12,"metadata":{"user_api_key_hash":"y"},"cost":1})",
        R"({"id":"x","other":12,"metadata":{"user_api_key_hash":"y"},"cost":nulL})",
        R"({"id":"x","other":12,"metadata":["user_api_key_hash","y"],"cost":null})",
        R"({"id":"x","other":12,"metadata":{"user_api_key_hash":"y"},"cost":null])",
        R"({"id":x,"other":12,"metadata":{"user_api_key_hash":"y"},"cost":null})",
        R"({"id":[,"other":12,"metadata":{"user_api_key_hash":"y"},"cost":null})",
        R"({"id":"x","other":01,"metadata":{"user_api_key_hash":"y"},"cost":null})",
        R"({"id": "x","other":12,"metadata":{"user_api_key_hash":"y"},"cost":null})",
        R"({"id":"x","other":12,"metadata":{"user_api_key_hash":"y"},"cost":null} )"}) {
    EXPECT_FALSE(shape.Has(other)) << other;
  }
}

// Where a value was, a bracket that what follows closes: as many tokens, but no JSON.
TEST(EventShapeOfTest, IsNotSharedByTextsThatEndTooEarly) {
  EXPECT_FALSE(Shaped(R"({"id":"x"})").Has(R"({"id":{})"));
  EXPECT_FALSE(Shaped(R"({"unread":{"a":"x"}})").Has(R"({"unread":{"a":{}})"));
  EXPECT_FALSE(Shaped(R"({"request_tags":["x"]})").Has(R"({"request_tags":[[]})"));
}

TEST(EventShapeOfTest, BecomesMoreGeneral) {
  const char* const null = R"({"id":"x","budget":null,"margin":0.0})";
  const char* const number = R"({"id":"x","budget":12.5,"margin":0.0})";
  Shaped shape(null);
  EXPECT_FALSE(shape.Has(number));
  shape.Learn(number);
  EXPECT_TRUE(shape.Has(number));
  EXPECT_TRUE(shape.Has(null));
  EXPECT_FALSE(shape.Has(R"({"id":"x","budget":12.5,"margin":0})"));
  shape.Learn(null);
  EXPECT_TRUE(shape.Has(number)) << "what was a blank once stays one";
}

TEST(EventShapeOfTest, OfAVeryLargeTextIsNone) {
  const std::string text =
      R"({"id":"x",")" + std::string(EventShape::kTextBytesMax, 'k') + R"(":1})";
  Shaped shape(text);
  EXPECT_FALSE(shape.Has(text));
  Shaped of_large_value(R"({"id":")" + text.substr(20, 16'000) + R"(","model":"y"})");
  EXPECT_TRUE(of_large_value.Has(R"({"id":"x","model":"y"})"));
}

TEST_F(EventShapeTest, CapturedEventsMeanTheSame) {
  std::vector<std::string> values;
  std::ifstream file(USAGE_INGEST_SOURCE_DIR "/tests/data/litellm/events.ndjson");
  for (std::string line; std::getline(file, line);) values.push_back(line);
  ASSERT_EQ(values.size(), 227U);
  for (int pass = 0; pass < 4; ++pass) {
    for (const std::string& value : values) ExpectSameAsWalked(value);
  }
}

// Each byte of an event in the place of each other, and gone, and twice.
TEST_F(EventShapeTest, EveryWrongByteIsFound) {
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
TEST_F(EventShapeTest, EveryValueIsReadAnew) {
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
