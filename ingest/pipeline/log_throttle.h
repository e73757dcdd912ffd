#pragma once
// LogThrottle: says a thing once, then at most every so often, with the count of what it kept back.
//
// A broker that is down makes librdkafka say so several times a second for each connection, and a
// lock that is not free gives an error for each lane, each with another row.
//
// Owner         one thread.
// Limit         kKeysMax texts are remembered; when there are more, all are forgotten, so that at
//               worst a line comes too often.
#include <chrono>
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>

namespace usage_ingest::pipeline {

// `message` with '#' for each word that has a digit in it: a number, a UUID, an address with its
// port. Messages of one cause have one kind, whatever tuple, partition or server they name.
[[nodiscard]] std::string MessageKind(std::string_view message);

class LogThrottle {
 public:
  using TimePoint = std::chrono::steady_clock::time_point;
  static constexpr std::size_t kKeysMax = 256;
  static constexpr auto kInterval = std::chrono::seconds(10);

  // nullopt: keep quiet. Else how many of this key were kept quiet since it was last said.
  [[nodiscard]] std::optional<std::uint64_t> Admit(std::string_view key, TimePoint now);

 private:
  struct Seen {
    TimePoint said;
    std::uint64_t suppressed = 0;
  };
  std::map<std::string, Seen, std::less<>> seen_;
};

}  // namespace usage_ingest::pipeline
