// The list of usage_logs' columns against the seed schema, and the bytes that each one writes.
#include "ingest/postgres/batch/usage_log_columns.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <fstream>
#include <map>
#include <regex>
#include <set>
#include <sstream>

#include "ingest/postgres/batch/copy_encoder.h"

namespace usage_ingest::postgres::batch {
namespace {

using ::testing::SizeIs;

// Columns of usage_logs in the seed schema, without those that PostgreSQL generates.
std::set<std::string> WrittenColumnsOfTheSeed() {
  std::ifstream file(USAGE_INGEST_TEST_DATA "/seed/schema.sql");
  const std::string schema{std::istreambuf_iterator<char>(file), {}};
  const std::size_t begin = schema.find("CREATE TABLE usage_logs (");
  std::istringstream table(schema.substr(begin, schema.find(") PARTITION BY", begin) - begin));
  const std::regex column(R"(^ +([a-z_]+) [A-Z])");
  std::set<std::string> names;
  for (std::string line; std::getline(table, line);) {
    std::smatch match;
    if (!std::regex_search(line, match, column)) continue;
    if (line.find("GENERATED") == std::string::npos) names.insert(match[1]);
  }
  return names;
}

UsageRow FullRow() {
  UsageRow row;
  row.event.id.bytes.fill(1);
  row.owner.subscription_id.bytes.fill(2);
  row.owner.api_key_id.bytes.fill(3);
  row.owner.team_id.bytes.fill(4);
  row.event.model_id = "model";
  row.event.request_tokens = 5;
  row.event.response_tokens = 6;
  row.event.input_cost = MicroCost{7'000'000};
  row.event.output_cost = MicroCost{8'000'000};
  row.event.latency_ms = 9;
  row.event.status_code = 10;
  row.event.error_message = "error";
  row.event.litellm_request_id = "request";
  row.event.metadata_json = "{}";
  row.event.created_at = EventTimeUs{946'684'800'000'011};
  return row;
}

std::int32_t Int32At(std::string_view bytes, std::size_t at) {
  std::uint32_t value = 0;
  for (std::size_t i = 0; i < 4; ++i)
    value = value << 8 | static_cast<unsigned char>(bytes[at + i]);
  return static_cast<std::int32_t>(value);
}

// What a column writes behind its length; "NULL" for NULL.
std::string ValueOf(std::string_view name, const UsageRow& row) {
  for (const UsageLogColumn& column : UsageLogColumns()) {
    if (column.name != name) continue;
    std::string bytes;
    column.append(bytes, row);
    const std::int32_t length = Int32At(bytes, 0);
    EXPECT_EQ(bytes.size(), 4 + static_cast<std::size_t>(std::max(length, 0))) << name;
    return length < 0 ? "NULL" : bytes.substr(4);
  }
  return "no such column";
}

TEST(UsageLogColumnsTest, AreThoseOfTheSeedThatAreNotGenerated) {
  std::set<std::string> names;
  for (const UsageLogColumn& column : UsageLogColumns()) names.emplace(column.name);
  EXPECT_EQ(names, WrittenColumnsOfTheSeed());
  EXPECT_THAT(UsageLogColumns(), SizeIs(names.size())) << "a name is in the list twice";
}

TEST(UsageLogColumnsTest, EachWritesItsOwnField) {
  const UsageRow row = FullRow();
  const std::map<std::string, std::string> expected = {
      {"id", std::string(16, '\1')},
      {"subscription_id", std::string(16, '\2')},
      {"api_key_id", std::string(16, '\3')},
      {"team_id", std::string(16, '\4')},
      {"model_id", "model"},
      {"request_tokens", {0, 0, 0, 5}},
      {"response_tokens", {0, 0, 0, 6}},
      // digits, weight, sign, scale, the digit
      {"input_cost", {0, 1, 0, 0, 0, 0, 0, 6, 0, 7}},
      {"output_cost", {0, 1, 0, 0, 0, 0, 0, 6, 0, 8}},
      {"latency_ms", {0, 0, 0, 9}},
      {"status_code", {0, 0, 0, 10}},
      {"error_message", "error"},
      {"litellm_request_id", "request"},
      {"metadata", "\1{}"},
      {"created_at", {0, 0, 0, 0, 0, 0, 0, 11}},
  };
  for (const UsageLogColumn& column : UsageLogColumns()) {
    const auto found = expected.find(std::string(column.name));
    ASSERT_NE(found, expected.end()) << "no expectation for " << column.name;
    EXPECT_EQ(ValueOf(column.name, row), found->second) << column.name;
  }
}

TEST(UsageLogColumnsTest, WhatAnEventLacksIsNull) {
  UsageRow row = FullRow();
  row.owner.api_key_id = {};
  row.owner.team_id = {};
  row.event.latency_ms.reset();
  row.event.error_message = {};
  row.event.litellm_request_id = {};
  for (const char* name :
       {"api_key_id", "team_id", "latency_ms", "error_message", "litellm_request_id"}) {
    EXPECT_EQ(ValueOf(name, row), "NULL") << name;
  }
}

TEST(UsageLogColumnsTest, ARowIsTheColumnsInTheOrderOfTheList) {
  const UsageRow row = FullRow();
  std::string expected = {0, static_cast<char>(UsageLogColumns().size())};
  for (const UsageLogColumn& column : UsageLogColumns()) column.append(expected, row);
  std::string written;
  AppendUsageLogRow(written, row);
  EXPECT_EQ(written, expected);

  const std::vector<const UsageRow*> rows = {&row};
  CopyEncoder encoder(rows);
  const std::string piece(encoder.Next());
  EXPECT_EQ(piece.substr(19), expected + "\xff\xff");
  EXPECT_TRUE(encoder.Next().empty());
}

}  // namespace
}  // namespace usage_ingest::postgres::batch
