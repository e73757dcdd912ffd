// From field to column: docs/events.md, "Reading a value", "The row", "What is refused".
#include "tests/unit/event/decode_fixture.h"

namespace usage_ingest::event {
namespace {

class DecoderFieldsTest : public DecodeFixture {
 protected:
  std::int64_t InputCost(const std::string& cost, const std::string& output_cost) {
    EventJson event;
    event.top["response_cost"] = cost;
    event.cost_breakdown["output_cost"] = output_cost;
    const UsageEvent row = Row(event.Text());
    total_ = row.input_cost.value + row.output_cost.value;
    return row.input_cost.value;
  }
  std::int16_t Status(const std::string& status, const std::string& code, const std::string& name) {
    EventJson event;
    event.top["status"] = status;
    event.error_information["error_code"] = code;
    event.error_information["error_class"] = name;
    return Row(event.Text()).status_code;
  }
  std::int64_t total_ = 0;
};

constexpr const char* kNothing[] = {"null",       "NaN", R"("")", R"("None")", R"("N\u0000one")",
                                    R"("\u0000")"};

TEST_F(DecoderFieldsTest, Model) {
  EXPECT_EQ(Row(EventJson().Text()).model_id, "gpt-4o");
  EXPECT_EQ(Row(EventJson::Without("model_group")).model_id, "openai/gpt-4o");
  for (const char* nothing : kNothing) {
    EXPECT_EQ(Row(EventJson::With("model_group", nothing)).model_id, "openai/gpt-4o") << nothing;
  }
  EXPECT_EQ(Row(R"({"id":"x","startTime":1795365287})").model_id, "");
  for (const char* other : {"5", "true", "[]", "{}"}) {
    EXPECT_EQ(Outcomes(EventJson::With("model_group", other)), "invalid_field") << other;
    EXPECT_EQ(Outcomes(EventJson::With("model", other)), "row") << "it does not count";
    EventJson event;
    event.top.erase("model_group");
    event.top["model"] = other;
    EXPECT_EQ(Outcomes(event.Text()), "invalid_field") << other;
  }
}

// No field names the model behind LiteLLM's model_group_alias: `model` is the provider's name.
TEST_F(DecoderFieldsTest, AModelGroupAliasIsTheModel) {
  EventJson event;
  event.top["model_group"] = R"("gpt-four")";
  event.top["model"] = R"("openai/gpt-4o")";
  event.top["model_id"] = R"("dddddddd")";
  EXPECT_EQ(Row(event.Text()).model_id, "gpt-four");
}

TEST_F(DecoderFieldsTest, Tokens) {
  for (const char* twelve : {"12", "12.0", "1.2e1", "120e-1", R"("12")", R"(" 12 ")", R"("12.0")",
                             R"("+12")", R"("1\u00002")", "0.12e2"}) {
    EXPECT_EQ(Row(EventJson::With("prompt_tokens", twelve)).request_tokens, 12) << twelve;
    EXPECT_EQ(Row(EventJson::With("completion_tokens", twelve)).response_tokens, 12) << twelve;
  }
  for (const char* zero : {"0", "-0", "0.0", "0e99", "null", R"("")", R"("None")"}) {
    EXPECT_EQ(Row(EventJson::With("prompt_tokens", zero)).request_tokens, 0) << zero;
  }
  EXPECT_EQ(Row(EventJson::Without("prompt_tokens")).request_tokens, 0);
}

TEST_F(DecoderFieldsTest, TokensThatAreRefused) {
  for (const char* key : {"prompt_tokens", "completion_tokens"}) {
    for (const char* value : {"12.5", "1e-1", "NaN", "Infinity", R"("abc")", R"("12 34")",
                              R"("0x1")", "1e-999999999", R"("NaN")"}) {
      EXPECT_EQ(Outcomes(EventJson::With(key, value)), "invalid_number") << value;
    }
    for (const char* value : {"true", "false", "[]", "{}", "[1]"}) {
      EXPECT_EQ(Outcomes(EventJson::With(key, value)), "invalid_field") << value;
    }
    for (const char* value : {"-1", "2147483648", "8000000000", "1e999999999", "-1e999999999",
                              "99999999999999999999", R"("-5")"}) {
      EXPECT_EQ(Outcomes(EventJson::With(key, value)), "value_out_of_range") << value;
    }
  }
}

TEST_F(DecoderFieldsTest, TokensTogether) {
  EventJson event;
  event.top["prompt_tokens"] = "2147483646";
  event.top["completion_tokens"] = "1";
  EXPECT_EQ(Row(event.Text()).total_tokens(), 2'147'483'647);
  event.top["completion_tokens"] = "2";
  EXPECT_EQ(Outcomes(event.Text()), "value_out_of_range");
}

// Some upstreams send only the total. LiteLLM counts what is neither prompt nor completion as
// prompt.
TEST_F(DecoderFieldsTest, TotalTokensFillWhatIsMissing) {
  EventJson event;
  const auto tokens = [&](const char* prompt, const char* completion, const char* total) {
    event.top["prompt_tokens"] = prompt;
    event.top["completion_tokens"] = completion;
    event.top["total_tokens"] = total;
    const UsageEvent row = Row(event.Text());
    return std::pair(row.request_tokens, row.response_tokens);
  };
  EXPECT_EQ(tokens("null", "0", "70"), std::pair(70, 0));
  EXPECT_EQ(tokens("null", "30", "70"), std::pair(40, 30));
  EXPECT_EQ(tokens("0", "0", R"("70")"), std::pair(70, 0));
  EXPECT_EQ(tokens("null", "80", "70"), std::pair(0, 80)) << "a total that is too small";
  EXPECT_EQ(tokens("40", "30", "100"), std::pair(70, 30)) << "as LiteLLM bills it";
  for (const char* unreadable : {"null", "NaN", "-1", R"("x")", "70.5", "[]", "true"}) {
    EXPECT_EQ(tokens("null", "30", unreadable), std::pair(0, 30)) << unreadable;
  }
  event.top["prompt_tokens"] = "null";
  event.top["completion_tokens"] = "0";
  event.top["total_tokens"] = "2147483648";
  EXPECT_EQ(Outcomes(event.Text()), "value_out_of_range");
}

TEST_F(DecoderFieldsTest, CostIsWhatLiteLlmBilled) {
  EXPECT_EQ(InputCost("0.000345", "0.00031"), 35);
  EXPECT_EQ(total_, 345);
  EXPECT_EQ(InputCost("0.0000015", "0.0000005"), 1) << "2 in all, 1 of them output";
  EXPECT_EQ(total_, 2);
  EXPECT_EQ(InputCost("0.5", "0.7"), 0) << "output is at most the total";
  EXPECT_EQ(InputCost("0.5", "-0.7"), 500'000) << "and at least nothing";
  EXPECT_EQ(InputCost("0.5", "1e999999999"), 0);
  EXPECT_EQ(InputCost(R"("0.5")", R"("0.25")"), 250'000);
  for (const char* unreadable : {"null", "NaN", "true", "[]", R"("abc")", R"("")"}) {
    EXPECT_EQ(InputCost("0.5", unreadable), 500'000) << unreadable;
  }
  EXPECT_EQ(InputCost("2e-7", "2e-7"), 0);
  EXPECT_EQ(total_, 0);
  EXPECT_EQ(InputCost("5e-7", "0"), 1) << "half a millionth is one";
  EXPECT_EQ(InputCost("9999.9999994", "0"), 9'999'999'999);
}

TEST_F(DecoderFieldsTest, CostWithoutABreakdownIsInput) {
  EXPECT_EQ(Row(EventJson().Text()).input_cost.value, 345);
  for (const char* none : {"null", "5", "[]", R"("x")", "{}"}) {
    EXPECT_EQ(Row(EventJson::With("cost_breakdown", none)).input_cost.value, 345) << none;
  }
}

// LiteLLM gives the parts without the discount; what it bills is the total.
TEST_F(DecoderFieldsTest, CostPartsAreScaledToTheTotal) {
  const auto output = [this](const char* total, const char* input_part, const char* output_part) {
    EventJson event;
    event.top["response_cost"] = total;
    event.cost_breakdown = {{"input_cost", input_part}, {"output_cost", output_part}};
    const UsageEvent row = Row(event.Text());
    EXPECT_EQ(row.input_cost.value + row.output_cost.value,
              Row(EventJson::With("response_cost", total)).input_cost.value);
    return row.output_cost.value;
  };
  EXPECT_EQ(output("0.01125", "0.01", "0.0025"), 2'250) << "10 percent less";
  EXPECT_EQ(output("0.01375", "0.01", "0.0025"), 2'750) << "a margin";
  EXPECT_EQ(output("0.0125", "0.01", "0.0025"), 2'500);
  EXPECT_EQ(output("0.0125", "0.010000000000000002", "0.0025"), 2'500) << "binary sums";
  EXPECT_EQ(output("0.01", "0", "0"), 0);
  EXPECT_EQ(output("0.01", "0", "0.5"), 10'000);
  EXPECT_EQ(output("0.01", "-1", "0.5"), 10'000) << "a part below 0 counts as 0";
  EXPECT_EQ(output("0.01", "0.5", "-1"), 0);
  EXPECT_EQ(output("9999", "1e300", "1e300"), 4'999'500'000);
  EXPECT_EQ(output("0.000003", "0.000001", "0.000001"), 2) << "1.5";
  EXPECT_EQ(output("0.01", "null", "0.0025"), 2'500) << "no input part: nothing to compare";
}

TEST_F(DecoderFieldsTest, NoCost) {
  for (const char* nothing : {"null", R"("")", R"("None")", "0", "0.0", "-0.0", "-2e-7"}) {
    EXPECT_EQ(Row(EventJson::With("response_cost", nothing)).input_cost.value, 0) << nothing;
  }
  EXPECT_EQ(Row(EventJson::Without("response_cost")).input_cost.value, 0);
}

TEST_F(DecoderFieldsTest, CostThatIsRefused) {
  for (const char* value : {"NaN", "-Infinity", R"("abc")", R"("NaN")"}) {
    EXPECT_EQ(Outcomes(EventJson::With("response_cost", value)), "invalid_number") << value;
  }
  for (const char* value : {"true", "[]", "{}"}) {
    EXPECT_EQ(Outcomes(EventJson::With("response_cost", value)), "invalid_field") << value;
  }
  for (const char* value : {"10000", "9999.9999995", "1e16000", "-2e-05", "-5e-7", "13000.0"}) {
    EXPECT_EQ(Outcomes(EventJson::With("response_cost", value)), "value_out_of_range") << value;
  }
}

// LiteLLM says 0 for an ordinary hit, and bills a guardrail that ran before it.
TEST_F(DecoderFieldsTest, ACacheHitCostsWhatLiteLlmBills) {
  for (const char* hit : {"true", R"("True")", "null"}) {
    EventJson event;
    event.top["cache_hit"] = hit;
    event.top["response_cost"] = "0.0";
    EXPECT_EQ(Row(event.Text()).input_cost.value, 0) << hit;
    event.top["response_cost"] = "0.00075";
    event.cost_breakdown = {
        {"input_cost", "0.0"}, {"output_cost", "0.0"}, {"guardrail_cost", "0.00075"}};
    const UsageEvent row = Row(event.Text());
    EXPECT_EQ(row.input_cost.value, 750) << hit;
    EXPECT_EQ(row.output_cost.value, 0) << hit;
    EXPECT_EQ(row.total_tokens(), 45);
    event.top["response_cost"] = "NaN";
    EXPECT_EQ(Outcomes(event.Text()), "invalid_number") << hit;
  }
}

TEST_F(DecoderFieldsTest, CreatedAt) {
  constexpr std::int64_t kStart = 1'795'365'287'721'000;
  for (const char* start : {"1795365287.721971", R"("1795365287.721971")", "1.795365287721971e9",
                            R"("2026-11-22T16:34:47.721971Z")", R"(" 2026-11-22 16:34:47.721971 ")",
                            "1795365287.7219714999999", "1795365287.721"}) {
    EXPECT_EQ(Row(EventJson::With("startTime", start)).created_at.value, kStart) << start;
  }
  EXPECT_EQ(Row(EventJson::With("startTime", "1795365287.7219995")).created_at.value, kStart + 1000)
      << "rounded to microseconds, then cut";
  EXPECT_EQ(Row(EventJson::With("startTime", "1795365287")).created_at.value,
            1'795'365'287'000'000);
}

TEST_F(DecoderFieldsTest, StartTimeThatIsRefused) {
  EXPECT_EQ(Outcomes(EventJson::Without("startTime")), "invalid_field");
  for (const char* value : {"null", R"("")", R"("None")", R"("yesterday")", "true", "[]", "{}",
                            R"("2026-02-30 00:00:00")", R"("NaN")"}) {
    EXPECT_EQ(Outcomes(EventJson::With("startTime", value)), "invalid_field") << value;
  }
  EXPECT_EQ(Outcomes(EventJson::With("startTime", "NaN")), "invalid_number");
  EXPECT_EQ(Outcomes(EventJson::With("startTime", "Infinity")), "invalid_number");
}

TEST_F(DecoderFieldsTest, TimeBounds) {
  // kNowUs is 2026-11-23T02:13:20Z; ten years are 3,652.425 days.
  EXPECT_EQ(Outcomes(EventJson::With("startTime", "1795486400.000000")), "row");
  EXPECT_EQ(Outcomes(EventJson::With("startTime", "1795486400.000001")), "timestamp_out_of_range");
  EXPECT_EQ(Outcomes(EventJson::With("startTime", "1479830480.000000")), "row");
  EXPECT_EQ(Outcomes(EventJson::With("startTime", "1479830479.999999")), "timestamp_out_of_range");
  for (const char* value : {"0", "-1", "1795365287721.971", "1e999999999", "-1e99999", "0.0",
                            R"("1969-12-31 23:59:59")"}) {
    EXPECT_EQ(Outcomes(EventJson::With("startTime", value)), "timestamp_out_of_range") << value;
    EXPECT_GE(sink_.rejections[0].second.event_time.value, 0) << value;
  }
}

TEST_F(DecoderFieldsTest, Latency) {
  const auto latency = [this](const char* end) {
    return Row(EventJson::With("endTime", end)).latency_ms;
  };
  EXPECT_EQ(latency("1795365288.721971"), 1000);
  EXPECT_EQ(latency("1795365287.722470"), 0);
  EXPECT_EQ(latency("1795365287.722471"), 1) << "half a millisecond is one";
  EXPECT_EQ(latency(R"("2026-11-22 16:34:48.721971")"), 1000);
  EXPECT_EQ(latency("1795365280"), 0) << "never negative";
  EXPECT_EQ(latency("1e300"), 2'147'483'647);
  EXPECT_EQ(latency("-1e300"), 0);
  for (const char* nothing : {"null", "NaN", "true", "[]", R"("")", R"("None")", R"("soon")"}) {
    EXPECT_EQ(latency(nothing), std::nullopt) << nothing;
  }
  EXPECT_EQ(Row(EventJson::Without("endTime")).latency_ms, std::nullopt);
}

TEST_F(DecoderFieldsTest, StatusOfSuccess) {
  EXPECT_EQ(Status(R"("success")", R"("")", R"("")"), 200);
  EXPECT_EQ(Status(R"("success")", R"("499")", R"("ClientDisconnected")"), 499);
  EXPECT_EQ(Status(R"("success")", "400", "null"), 400);
  EXPECT_EQ(Status(R"("success")", "599", "null"), 599);
  for (const char* code : {"399", "600", "200", R"("abc")", "400.5", "true", R"("x\u0000y")"}) {
    EXPECT_EQ(Status(R"("success")", code, R"("TimeoutError")"), 200) << code;
  }
}

TEST_F(DecoderFieldsTest, StatusOfFailureByCode) {
  struct Case {
    const char* code;
    int status;
  };
  for (const Case& c : {Case{"100", 100},
                        {"599", 599},
                        {R"("429.0")", 429},
                        {R"(" 404 ")", 404},
                        {R"("4\u000004")", 404},
                        {"4.22e2", 422},
                        {"200", 200}}) {
    EXPECT_EQ(Status(R"("failure")", c.code, R"("Timeout")"), c.status) << c.code;
  }
  for (const char* code : {"99", "600", R"("")", "null", R"("content_policy_violation")", "404.5",
                           R"("nul\u0000code")", "-404", "1e999999999", "[]", "true"}) {
    EXPECT_EQ(Status(R"("failure")", code, R"("Timeout")"), 408) << code;
  }
}

TEST_F(DecoderFieldsTest, StatusOfFailureByClass) {
  struct Case {
    const char* name;
    int status;
  };
  for (const Case& c : {Case{"Timeout", 408},
                        {"litellm.exceptions.APITimeoutError", 408},
                        {"RateLimitError", 429},
                        {"RouterRateLimitError", 429},
                        {"BudgetExceededError", 429},
                        {"litellm.AuthenticationError", 401},
                        {"PermissionDeniedError", 403},
                        {"ProxyModelNotFoundError", 404},
                        {"BadRequestError", 400},
                        {"ContextWindowExceededError", 400},
                        {"ContentPolicyViolationError", 400},
                        {"UnsupportedParamsError", 400},
                        {"UnprocessableEntityError", 400},
                        {"ServiceUnavailableError", 503},
                        {"RateLimit\\u0000Error", 429},
                        {"InternalServerError", 500},
                        {"HTTPException", 500},
                        {"ErrorError", 500},
                        {"RateLimitErrorError", 500},
                        {"Timeout.Other", 500},
                        {"Timeouts", 500},
                        {"Timeout.", 500},
                        {"Error", 500},
                        {"", 500}}) {
    EXPECT_EQ(Status(R"("failure")", R"("")", '"' + std::string(c.name) + '"'), c.status) << c.name;
  }
}

TEST_F(DecoderFieldsTest, StatusThatIsNeitherWord) {
  for (const char* status : {"null", R"("")", R"("Success")", R"("ok")", "5", "true"}) {
    EXPECT_EQ(Status(status, R"("")", R"("")"), 200) << status;
    EXPECT_EQ(Status(status, R"("odd")", R"("")"), 500) << status;
    EXPECT_EQ(Status(status, "0", "null"), 500) << "a number is a code, too";
    EXPECT_EQ(Status(status, "null", R"("Timeout")"), 408) << status;
  }
}

TEST_F(DecoderFieldsTest, ErrorMessage) {
  EventJson event;
  event.error_information["error_message"] = R"("from \u00e9rror\u0000_information")";
  EXPECT_EQ(Row(event.Text()).error_message, "from \u00e9rror_information");
  for (const char* nothing : kNothing) {
    event.top["error_str"] = nothing;
    EXPECT_EQ(Row(event.Text()).error_message, "from \u00e9rror_information") << nothing;
  }
  event.top["error_str"] = R"("from error_str")";
  EXPECT_EQ(Row(event.Text()).error_message, "from error_str");
  std::string unicorns;
  for (int i = 0; i < 2001; ++i) unicorns += "\U0001f984";
  event.top["error_str"] = '"' + unicorns + '"';
  EXPECT_EQ(Row(event.Text()).error_message, unicorns.substr(0, 2000 * 4)) << "cut at a character";
  EXPECT_EQ(Row(EventJson().Text()).error_message, "");
}

TEST_F(DecoderFieldsTest, RequestId) {
  EXPECT_EQ(Row(EventJson().Text()).litellm_request_id, "chatcmpl-1");
  EXPECT_EQ(Row(EventJson::With("id", R"("a\u0000b")")).litellm_request_id, "ab");
  const std::string id(256, 'x');
  const UsageEvent row = Row(EventJson::With("id", '"' + id + '"'));
  EXPECT_EQ(row.litellm_request_id, id.substr(0, 255));
  EXPECT_NE(row.metadata_json.find("\"request_id\":\"" + id + '"'), std::string_view::npos);
  EXPECT_EQ(Row(EventJson::Without("id")).litellm_request_id, "");
  for (const char* number : {"5", "-1.50", "1e3"}) {
    EXPECT_EQ(Row(EventJson::With("id", number)).litellm_request_id, number)
        << "pass-through bodies have numbers";
  }
  EXPECT_EQ(Row(EventJson::With("id", "5")).id, Row(EventJson::With("id", R"("5")")).id);
  for (const char* other : {"true", "[]", "{}"}) {
    EXPECT_EQ(Outcomes(EventJson::With("id", other)), "invalid_field") << other;
  }
}

TEST_F(DecoderFieldsTest, MetadataOfAnotherType) {
  for (const char* other : {"5", "true", "[]"}) {
    EXPECT_EQ(Outcomes(EventJson::With("metadata", other)), "invalid_field") << other;
  }
  for (const char* nothing :
       {"null", R"("")", R"("None")", R"("not json")", R"("[1]")", R"("{")"}) {
    EXPECT_EQ(Row(EventJson::With("metadata", nothing)).user_id, "") << nothing;
  }
  EXPECT_EQ(Row(EventJson::With("metadata", R"("{\"user_api_key_user_id\":\"u\"}")")).user_id, "u");
}

// NaN where no number is needed is null; LiteLLM passes on what clients send.
TEST_F(DecoderFieldsTest, NanElsewhereIsNull) {
  for (const char* nan : {"NaN", "Infinity", "-Infinity"}) {
    EXPECT_EQ(Outcomes(EventJson::With("model_parameters",
                                       std::string(R"({"temperature":)") + nan + '}')),
              "row");
    for (const char* key :
         {"id", "stream", "request_tags", "end_user", "unknown", "cost_breakdown"}) {
      EXPECT_EQ(Outcomes(EventJson::With(key, nan)), "row") << key << nan;
    }
  }
}

TEST_F(DecoderFieldsTest, ARejectionTellsWhoseAndWhich) {
  Decode(EventJson::With("prompt_tokens", "-1"));
  ASSERT_EQ(sink_.rejections.size(), 1U);
  const Rejection& rejection = sink_.rejections[0].second;
  EXPECT_EQ(rejection.key_hash, kHash);
  EXPECT_EQ(rejection.event_id, "chatcmpl-1");
  EXPECT_EQ(rejection.event_time.value, 1'795'365'287'721'971);
  EXPECT_FALSE(rejection.detail.empty());
}

}  // namespace
}  // namespace usage_ingest::event
