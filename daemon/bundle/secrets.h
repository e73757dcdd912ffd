#pragma once
// Secrets: which values must not leave the machine, and a text without them.
//
// Where they are: the connection string, [kafka.properties], PGSERVICEFILE, PGPASSFILE, the files
// that the package has for both, and environment variables.
//
// Limit         a secret of less than four bytes is not searched for: it would be in every text.
// Source        PostgreSQL 15 manual, 34.15 to 34.17; CONFIGURATION.md of librdkafka.
#include <set>
#include <string>
#include <string_view>

#include "daemon/config/config_load.h"

namespace usage_ingest::bundle {

inline constexpr std::string_view kHidden = "***";

// True for the few properties whose values hold no secret, such as "security.protocol".
[[nodiscard]] bool IsHarmlessProperty(std::string_view name);

class Secrets {
 public:
  // Reads the files that hold passwords; one that cannot be read has none.
  [[nodiscard]] static Secrets Find(const config::LoadedConfig& loaded,
                                    const config::Environment& environment);
  void Add(std::string_view value);

  // `text` with kHidden instead of each secret.
  [[nodiscard]] std::string RemovedFrom(std::string text) const;

 private:
  struct LongerFirst {
    bool operator()(const std::string& a, const std::string& b) const {
      return a.size() != b.size() ? a.size() > b.size() : a < b;
    }
  };
  // A secret may contain another one.
  std::set<std::string, LongerFirst> values_;
};

}  // namespace usage_ingest::bundle
