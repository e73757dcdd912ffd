#pragma once
// QuotaEnforcement: which subscriptions are suspended when their quota is exceeded
// (quotas.enforce). The database's triggers do it; `migrate` sets them.
#include <string_view>

namespace usage_ingest::postgres::batch {

enum class QuotaEnforcement : unsigned char {
  kAuto,        // kSeed where the seed's quota trigger was or migrate created the tables, else
                // kActiveOnly
  kSeed,        // the seed's trigger decides: any status, and a quota of 0 is exceeded at once
  kActiveOnly,  // only status active, and a quota of 0 or NULL is no limit
  kOff,         // none; the counters still count
};

[[nodiscard]] constexpr std::string_view NameOf(QuotaEnforcement enforcement) {
  switch (enforcement) {
    case QuotaEnforcement::kAuto:
      return "auto";
    case QuotaEnforcement::kSeed:
      return "seed";
    case QuotaEnforcement::kActiveOnly:
      return "active-only";
    case QuotaEnforcement::kOff:
      break;
  }
  return "off";
}

}  // namespace usage_ingest::postgres::batch
