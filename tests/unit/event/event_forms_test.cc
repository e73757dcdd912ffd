// Which texts are of one form, and what is read of them.
#include "ingest/event/event_forms.h"

#include <fstream>

#include "tests/unit/event/decode_fixture.h"
#include "tests/unit/event/guarded_text.h"

namespace usage_ingest::ingest {
namespace {

class Forms {
 public:
  explicit Forms(std::string_view text) { Learn(text); }
  void Learn(std::string_view text) {
    const JsonWalker json = Walk(text);
    FieldTokens found;
    fields_.Clear();
    EXPECT_EQ(fields_.ReadObject(json, 0, ObjectKind::kTop, &found), json.end());
    forms_.Learn(json, found);
  }
  // Whether the form of `text` was learned by itself, as a decoder does it.
  bool Decode(std::string_view text) {
    if (forms_.Read(text, fields_)) return true;
    const JsonWalker json = Walk(text);
    EXPECT_EQ(forms_.Walk(json, 0, fields_), json.end());
    return false;
  }
  [[nodiscard]] bool Have(std::string_view text) { return forms_.Read(text, fields_); }
  [[nodiscard]] std::string_view Text(Field field) const { return fields_[field].text(); }

 private:
  JsonWalker Walk(std::string_view text) {
    EXPECT_EQ(index_.Build(text), JsonIndex::Status::kOk) << text;
    return JsonWalker(index_);
  }
  JsonIndex index_;
  EventFields fields_;
  EventForms forms_;
};

TEST(EventFormTest, IsSharedByOtherValues) {
  Forms forms(R"({"id":"x","other":12,"metadata":{"user_api_key_hash":"y"},"cost":null})");
  EXPECT_TRUE(
      forms.Have(R"({"id":"","other":12,"metadata":{"user_api_key_hash":"y"},"cost":null})"));
  EXPECT_TRUE(forms.Have(
      R"({"id":null,"other":"a \" b","metadata":{"user_api_key_hash":-1.5e3},"cost":null})"));
  EXPECT_EQ(forms.Text(Field::kKeyHash), "-1.5e3");
  EXPECT_EQ(forms.Text(Field::kMetadata), R"({"user_api_key_hash":-1.5e3})");
  EXPECT_TRUE(forms.Have(
      "\n{\"id\":[1, [2]],\"other\":[],\"metadata\":\"\xC3\xA9\\u00e9\",\"cost\":null} "));
  EXPECT_EQ(forms.Text(Field::kId), "[1, [2]]");
  EXPECT_EQ(forms.Text(Field::kMetadata), "\xC3\xA9\\u00e9");
}

TEST(EventFormTest, IsNotSharedByOtherTexts) {
  Forms forms(R"({"id":"x","other":12,"metadata":{"user_api_key_hash":"y"},"cost":null})");
  for (const char* other :
       {R"({"ID":"x","other":12,"metadata":{"user_api_key_hash":"y"},"cost":null})",
        R"({"id":"x","other":12,"metadata":{"user_api_key_hash":"y"},"cost":1})",
        R"({"id":"x","other":12,"metadata":{"user_api_key_hash":"y"},"cost":nulL})",
        R"({"id":"x","other":12,"metadata":{"user_api_key_hash":"y"},"cost":null])",
        R"({"id":"x","other":12,"metadata":{"user_api_key_hash":"y"],"cost":null})",
        R"({"id":x,"other":12,"metadata":{"user_api_key_hash":"y"},"cost":null})",
        R"({"id":[,"other":12,"metadata":{"user_api_key_hash":"y"},"cost":null})",
        R"({"id":[{}],"other":12,"metadata":{"user_api_key_hash":"y"},"cost":null})",
        R"({"id":"x","other":01,"metadata":{"user_api_key_hash":"y"},"cost":null})",
        R"({"id":"x","other":12,"metadata":{"user_api_key_hash":[[}},"cost":null})",
        R"({"id":"x","other":12,"metadata":{"user_api_key_hash":{}},"cost":null})",
        R"({"id":"x","other":12,"metadata":{},"cost":null})",
        R"({"id": "x","other":12,"metadata":{"user_api_key_hash":"y"},"cost":null})",
        R"({"id":"x","other":12,"metadata":{"user_api_key_hash":"y"},"cost":null} })",
        R"({"id":"x","other":12,"metadata":{"user_api_key_hash":"y"},"cost":null}})",
        R"({"id":"x","other":12,"metadata":{"user_api_key_hash":"y"},"cost":null)",
        R"({"id":"x","other":12,"metadata":{"user_api_key_hash":"y")",
        R"({"id":)",
        "{",
        "",
        " ",
        "{\"id\":\"\xFF\",\"other\":12,\"metadata\":{\"user_api_key_hash\":\"y\"},\"cost\":null}",
        "{\"id\":\"\n\",\"other\":12,\"metadata\":{\"user_api_key_hash\":\"y\"},\"cost\":null}",
        R"([{"id":"x","other":12,"metadata":{"user_api_key_hash":"y"},"cost":null}])"}) {
    EXPECT_FALSE(forms.Have(other)) << other;
  }
}

// Fuzzing found that the end of nothing is where nothing was found.
TEST(EventFormTest, IsNotSharedByNothing) { EXPECT_FALSE(Forms("{}").Have(std::string_view())); }

// Where a value was, a bracket that what follows closes: as many tokens, but no JSON.
TEST(EventFormTest, IsNotSharedByTextsThatEndTooEarly) {
  EXPECT_FALSE(Forms(R"({"id":"x"})").Have(R"({"id":{})"));
  EXPECT_FALSE(Forms(R"({"unread":{"a":"x"}})").Have(R"({"unread":{"a":{}})"));
  EXPECT_FALSE(Forms(R"({"request_tags":["x"]})").Have(R"({"request_tags":[[]})"));
}

TEST(EventFormTest, ReadsNothingBehindTheText) {
  EventJson event;
  event.top["unread"] = R"([null,0.5,"a\"x",{"a":[true, "\u00e9"]}])";
  event.top["request_tags"] = R"(["a","b"])";
  const std::string text = event.Text();
  Forms forms(text);
  GuardedText guarded;
  EXPECT_TRUE(forms.Have(guarded.Put(text)));
  for (std::size_t size = 0; size < text.size(); ++size) {
    EXPECT_FALSE(forms.Have(guarded.Put(text.substr(0, size)))) << size;
  }
}

// Two values of one key are one form, whichever was first.
TEST(EventFormTest, HasABlankWhereValuesDiffer) {
  const std::vector<std::string> values = {
      "null",     "true",     "0",      "0.0", "12.5",       R"("a")",       R"("")",
      R"(["a"])", R"(["b"])", "[1, 2]", "[]",  R"({"a":1})", R"([{"a":1}])", "{}"};
  const auto text = [](const std::string& value) {
    return R"({"id":"x","budget":)" + value + R"(,"margin":0.0})";
  };
  for (const std::string& first : values) {
    for (const std::string& second : values) {
      Forms forms(text(first));
      forms.Learn(text(second));
      forms.Learn(text(first));
      EXPECT_TRUE(forms.Have(text(first))) << first << second;
      EXPECT_TRUE(forms.Have(text(second))) << first << second;
      EXPECT_FALSE(forms.Have(R"({"id":"x","budget":null,"margin":0})"));
      if (first == second) continue;
      EXPECT_TRUE(forms.Have(text(R"("anything else")"))) << first << second;
      EXPECT_TRUE(forms.Have(text(R"(["anything", ["else"]])"))) << first << second;
    }
  }
}

// A value may end the object in one and not in the other, without being another one.
TEST(EventFormTest, AConstantMayBeFollowedByOtherMembers) {
  Forms forms(R"({"id":"x","a":null,"b":null})");
  forms.Learn(R"({"id":"x","a":null})");
  forms.Learn(R"({"id":"x","a":null ,"b":null})");
  for (const char* known : {R"({"id":"y","a":null,"b":null})", R"({"id":"y","a":null})",
                            R"({"id":"y","a":null ,"b":null})"}) {
    EXPECT_TRUE(forms.Have(known)) << known;
  }
  EXPECT_FALSE(forms.Have(R"({"id":"y","a":true})"));
}

// What is in an object does not make those around it another form.
TEST(EventFormTest, OfObjectsInsideAreTheirOwn) {
  const auto text = [](const std::string& usage, const std::string& details,
                       const std::string& error) {
    return R"({"id":"i","metadata":{"usage_object":{"n":)" + usage +
           R"(,"completion_tokens_details":)" + details +
           R"(}},"messages":[{"role":"r","content":[1]},{"role":"r","c":{"d":[[{"e":"f"}]]}}],)" +
           R"("error_information":)" + error + "}";
  };
  Forms forms(text("1", R"({"reasoning_tokens":2})", R"({"error_code":"3"})"));
  forms.Learn(text("{}", "null", R"({"code":"4","error_class":"5"})"));
  const std::string first = text("{}", R"({"reasoning_tokens":6})", R"({"error_code":"7"})");
  EXPECT_TRUE(forms.Have(first));
  EXPECT_EQ(forms.Text(Field::kReasoningTokens), "6");
  EXPECT_EQ(forms.Text(Field::kErrorCode), "7");
  EXPECT_EQ(forms.Text(Field::kErrorInformation), R"({"error_code":"7"})");
  EXPECT_EQ(forms.Text(Field::kCompletionDetails), R"({"reasoning_tokens":6})");
  const std::string second = text("8", "null", R"({"code":"4","error_class":"9"})");
  EXPECT_TRUE(forms.Have(second));
  EXPECT_EQ(forms.Text(Field::kReasoningTokens), "");
  EXPECT_EQ(forms.Text(Field::kErrorClass), "9");
  EXPECT_FALSE(forms.Have(text("8", "null", R"({"code":"4"})")));

  const std::string messages = R"({"id":"i","messages":[)";
  forms.Learn(messages + R"({"role":"a"},{"role":"a","content":[1]},{"role":"a","content":[2]}]})");
  EXPECT_TRUE(forms.Have(messages + R"({"role":"b"},[ {"role":"b","content":[]} ], 1]})"));
  EXPECT_FALSE(forms.Have(messages + R"({"role":"b"}{"role":"b"}]})"));
  EXPECT_FALSE(forms.Have(messages + R"({"role":"b"},]})"));
}

// The first member of a key counts, and only an object has members.
TEST(EventFormTest, AFieldIsWhatTheWalkTakesForOne) {
  const auto twice = [](const std::string& number) {
    return R"({"id":"c","id":"d","cost_breakdown":0,"cost_breakdown":{"output_cost":)" + number +
           R"(,"text":"as long as no constant is, so that it is taken for an object"}})";
  };
  Forms forms(R"({"cost_breakdown":{"output_cost":1.5}})");
  forms.Learn(twice("1.5"));
  const std::string other = twice("2.5");
  EXPECT_TRUE(forms.Have(other));
  EXPECT_EQ(forms.Text(Field::kId), "c");
  EXPECT_EQ(forms.Text(Field::kCostBreakdown), "0");
  EXPECT_EQ(forms.Text(Field::kOutputCost), "");
  forms.Learn(R"({"cost_breakdown":[{"output_cost":1.5}]})");
  EXPECT_TRUE(forms.Have(R"({"cost_breakdown":[{"output_cost":2.5}]})"));
  EXPECT_EQ(forms.Text(Field::kOutputCost), "");
  EXPECT_TRUE(forms.Have(R"({"cost_breakdown":{"output_cost":3.5}})"));
  EXPECT_EQ(forms.Text(Field::kOutputCost), "3.5");
}

TEST(EventFormTest, HasABoundForDepth) {
  const auto objects = [](std::size_t depth) {
    std::string text = "1";
    for (std::size_t i = 0; i < depth; ++i)
      text = R"({")" + std::string(70, 'k') + "\":" + text + '}';
    return text;
  };
  const auto arrays = [](std::size_t depth) {
    return R"({"a":)" + std::string(depth, '[') + std::string(depth, ']') + '}';
  };
  for (const std::size_t depth : {1U, 2U, 15U, 16U, 17U, 18U, 100U}) {
    EXPECT_EQ(Forms(objects(depth)).Have(objects(depth)), depth <= EventForms::kDepthMax) << depth;
  }
  Forms forms(R"({"a":1})");
  EXPECT_TRUE(forms.Have(arrays(10)));
  EXPECT_FALSE(forms.Have(arrays(100)));
  EXPECT_FALSE(forms.Have(R"({"a":)" + std::string(100'000, '[')));
}

TEST(EventFormTest, OfAVeryLargeTextIsNone) {
  const std::string text = R"({"id":"x",")" + std::string(20'000, 'k') + R"(":1})";
  EXPECT_FALSE(Forms(text).Have(text));
  Forms of_large_value(R"({"id":")" + std::string(20'000, 'v') + R"(","model":"y"})");
  EXPECT_TRUE(of_large_value.Have(R"({"id":"x","model":"y"})"));
}

// The oldest of many that begin alike.
TEST(EventFormTest, MakesRoomForOthersThatBeginAlike) {
  const auto text = [](int number) {
    return R"({"key)" + std::to_string(number) + R"(":{},"id":"x"})";
  };
  Forms forms(text(0));
  for (int number = 1; number < 100; ++number) {
    forms.Learn(text(number));
    EXPECT_TRUE(forms.Have(text(number)));
    EXPECT_TRUE(forms.Have(text(number - 1)));
    EXPECT_EQ(forms.Have(text(0)), number < EventForms::kSiblingsMax);
  }
}

// More segments, more trees, more text, more keys that vary than there is room for.
TEST(EventFormTest, AreForgottenWhenThereIsNoMoreRoom) {
  const auto segments = [](int number) {
    std::string text = R"({"id":"x")";
    for (int i = 0; i < 500; ++i) {
      text += R"(,"key)" + std::to_string(number) + std::to_string(i) + R"(":1)";
    }
    return text + '}';
  };
  const auto trees = [](int number) {
    std::string text = R"({"id":"x")";
    for (int i = 0; i < 40; ++i) {
      text += R"(,"key)" + std::to_string(number) + std::to_string(i) + R"(":{")" +
              std::string(70, 'k') + R"(":1})";
    }
    return text + '}';
  };
  const auto large = [](int number) {
    std::string text = R"({"id":"x")";
    for (int i = 0; i < 4; ++i) {
      text += ",\"" + std::to_string(number) + std::string(4'000, 'k') + "\":1";
    }
    return text + '}';
  };
  for (const auto& make : std::initializer_list<std::string (*)(int)>{segments, trees, large}) {
    Forms forms(make(0));
    int forgotten = 0;
    for (int number = 1; number < 100; ++number) {
      forms.Learn(make(number));
      if (forms.Have(make(number))) continue;
      ++forgotten;
      forms.Learn(make(number));
      EXPECT_TRUE(forms.Have(make(number)));
      EXPECT_FALSE(forms.Have(make(number - 1)));
    }
    EXPECT_GE(forgotten, 1);
    EXPECT_LE(forgotten, 15);
  }
}

TEST(EventFormTest, AreRightWhenVeryManyKeysVary) {
  Forms forms("{}");
  int forgotten = 0;
  for (int key = 0; key < 1'000; ++key) {
    const auto text = [key](const char* value) {
      return R"({"id":"x","key)" + std::to_string(key) + "\":" + value + '}';
    };
    forms.Learn(text("null"));
    forms.Learn(text("true"));
    if (forms.Have(text("false"))) continue;
    ++forgotten;
    forms.Learn(text("true"));
    EXPECT_TRUE(forms.Have(text("true"))) << key;
  }
  EXPECT_GE(forgotten, 3);
  EXPECT_LE(forgotten, 4);
}

// Texts that no form will ever fit must not be learned one by one.
TEST(EventFormTest, AreLearnedSeldomWhenTheyAreMany) {
  Forms forms("{}");
  const auto text = [](int number) {
    return R"({"id":"x","o":{"key)" + std::to_string(number) + R"(":1}})";
  };
  int learned = 0;
  constexpr int kTexts = 10'000;
  for (int number = 0; number < kTexts; ++number) {
    EXPECT_FALSE(forms.Decode(text(number)));
    if (forms.Have(text(number))) ++learned;
  }
  // Have() counts as an event, too.
  EXPECT_GE(learned, EventForms::kFirstLessons);
  EXPECT_LE(learned, EventForms::kFirstLessons + 2 * kTexts / EventForms::kEventsPerLesson);
}

// LiteLLM's own are all known after few lessons.
TEST(EventFormTest, CapturedEventsAreAllOfKnownForms) {
  std::vector<std::string> values;
  std::ifstream file(USAGE_INGEST_SOURCE_DIR "/tests/data/litellm/events.ndjson");
  for (std::string line; std::getline(file, line);) values.push_back(line);
  ASSERT_EQ(values.size(), 227U);
  Forms forms("{}");
  for (int pass = 0; pass < 3; ++pass) {
    for (const std::string& value : values) forms.Decode(value);
  }
  for (const std::string& value : values) EXPECT_TRUE(forms.Have(value)) << value;
}

}  // namespace
}  // namespace usage_ingest::ingest
