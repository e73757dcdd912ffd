#pragma once
// What the decoder's tests share: an event to change, a decoder to give it to, and its answers.
#include <gtest/gtest.h>

#include <map>
#include <string>
#include <string_view>

#include "ingest/event/decoder.h"
#include "tests/reference/decoded_rows.h"

namespace usage_ingest::event {

inline constexpr std::int64_t kNowUs = 1'795'400'000'000'000;
inline constexpr std::string_view kHash =
    "e3938f9752c4a066e0146034daaf5c385b9e1452f57c949307e076554dfe8219";

// A StandardLoggingPayload as text; members are raw JSON and can be replaced.
struct EventJson {
  using Members = std::map<std::string, std::string>;

  Members top = {{"id", R"("chatcmpl-1")"},          {"litellm_call_id", R"("call-1")"},
                 {"call_type", R"("acompletion")"},  {"status", R"("success")"},
                 {"startTime", "1795365287.721971"}, {"endTime", "1795365288.0"},
                 {"model", R"("openai/gpt-4o")"},    {"model_group", R"("gpt-4o")"},
                 {"response_cost", "0.000345"},      {"prompt_tokens", "14"},
                 {"completion_tokens", "31"}};
  Members metadata = {{"user_api_key_hash", '"' + std::string(kHash) + '"'},
                      {"user_api_key_user_id", R"("user-1")"},
                      {"user_api_key_team_id", R"("team-1")"}};
  Members cost_breakdown;
  Members error_information;

  // Members with a value, in one object.
  [[nodiscard]] static std::string Object(const Members& members) {
    std::string text;
    for (const auto& [key, value] : members) {
      text += (text.empty() ? "\"" : ",\"") + key + "\":" + value;
    }
    return '{' + text + '}';
  }
  [[nodiscard]] std::string Text() const {
    Members all = top;
    all.try_emplace("metadata", Object(metadata));
    if (!cost_breakdown.empty()) all.try_emplace("cost_breakdown", Object(cost_breakdown));
    if (!error_information.empty()) {
      all.try_emplace("error_information", Object(error_information));
    }
    return Object(all);
  }
  [[nodiscard]] static std::string With(const std::string& key, const std::string& value) {
    EventJson event;
    event.top[key] = value;
    return event.Text();
  }
  [[nodiscard]] static std::string Without(const std::string& key) {
    EventJson event;
    event.top.erase(key);
    return event.Text();
  }
};

class DecodeFixture : public testing::Test {
 protected:
  const CollectingSink& Decode(std::string_view value) {
    sink_ = {};
    decoder_.Decode(origin_, value, arena_, sink_);
    return sink_;
  }
  // Of a record with one event, which must be a row.
  UsageEvent Row(std::string_view value) {
    const CollectingSink& all = Decode(value);
    EXPECT_EQ(all.lines.size(), 1U) << value;
    if (all.events.empty()) {
      ADD_FAILURE() << "no row of " << value << ": "
                    << (all.lines.empty() ? "nothing" : all.lines.front());
      return {};
    }
    return all.events.front().second;
  }
  // What became of the elements, as "row", the name of a skip, or the name of a rejection.
  std::string Outcomes(std::string_view value) {
    std::string outcomes;
    for (const std::string& line : Decode(value).lines) {
      const std::size_t kind = line.find('\t') + 1;
      const std::size_t name = line.find('\t', kind) + 1;
      if (!outcomes.empty()) outcomes += ' ';
      outcomes +=
          line.substr(kind, 3) == "row" ? "row" : line.substr(name, line.find('\t', name) - name);
    }
    return outcomes;
  }

  TopicPartition source_{"litellm.usage.v1", {3}};
  RecordOrigin origin_{.source = &source_, .offset = {42}, .now = {kNowUs}};
  Decoder decoder_{{AllMetadataKeys()}};
  Arena arena_;
  CollectingSink sink_;
};

}  // namespace usage_ingest::event
