#pragma once
// What a Decoder makes of a record, kept or as text: for the golden file, the differential test and
// the unit tests.
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "ingest/event/decoder.h"

namespace usage_ingest {

// Keeps everything in order. The views live in the arena that was given to Decode.
class CollectingSink final : public event::EventSink {
 public:
  void OnEvent(std::uint32_t index, const UsageEvent& event) override;
  void OnSkip(std::uint32_t index, SkipReason reason) override;
  void OnReject(std::uint32_t index, const event::Rejection& rejection) override;

  std::vector<std::pair<std::uint32_t, UsageEvent>> events;
  std::vector<std::pair<std::uint32_t, SkipReason>> skips;
  std::vector<std::pair<std::uint32_t, event::Rejection>> rejections;
  std::vector<std::string> lines;  // of all, by the functions below
};

// Tab-separated, with \t \n \r \\ escaped as in PostgreSQL's COPY; "\N" is NULL.
[[nodiscard]] std::string ToTsv(std::uint32_t index, const UsageEvent& event);
[[nodiscard]] std::string ToTsv(std::uint32_t index, SkipReason reason);
// Without the detail: it is for people.
[[nodiscard]] std::string ToTsv(std::uint32_t index, const event::Rejection& rejection);
inline constexpr std::string_view kTsvColumns =
    "index\tkind\tid\tcreated_at\tmodel_id\trequest_tokens\tresponse_tokens\tinput_cost\t"
    "output_cost\tlatency_ms\tstatus_code\terror_message\tlitellm_request_id\tkey_hash\tuser_id\t"
    "team_id\tis_master_key\tmetadata";

}  // namespace usage_ingest
