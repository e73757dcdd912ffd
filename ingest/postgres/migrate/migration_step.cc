#include "ingest/postgres/migrate/migration_step.h"

#include <array>
#include <charconv>
#include <utility>

#include "schema/check.h"

namespace usage_ingest::postgres::migrate {
namespace {

constexpr std::array<std::pair<std::string_view, MigrationMode>, 6> kModes = {{
    {"transaction", MigrationMode::kTransaction},
    {"declaration", MigrationMode::kDeclaration},
    {"plan", MigrationMode::kPlan},
    {"batches", MigrationMode::kBatches},
    {"partitioning", MigrationMode::kPartitioning},
    {"history", MigrationMode::kHistory},
}};

std::string_view TakeLine(std::string_view& text) {
  const std::size_t end = text.find('\n');
  const std::string_view line = text.substr(0, end);
  text.remove_prefix(end == std::string_view::npos ? text.size() : end + 1);
  return line;
}

MigrationMode ParseMode(std::string_view word) {
  for (const auto& [name, mode] : kModes) {
    if (name == word) return mode;
  }
  USAGE_INGEST_CHECK(false && "unknown mode in the header of a migration");
  std::abort();
}

std::vector<int> ParseNumbers(std::string_view text) {
  std::vector<int> numbers;
  const char* const end = text.data() + text.size();
  for (const char* at = text.data(); at < end; ++at) {
    int number = 0;
    const auto [next, error] = std::from_chars(at, end, number);
    USAGE_INGEST_CHECK(error == std::errc());
    numbers.push_back(number);
    at = next;
  }
  return numbers;
}

void AppendTo(std::string& field, std::string_view line) {
  const std::size_t begin = line.find_first_not_of(' ');
  if (begin == std::string_view::npos) return;
  if (!field.empty()) field += ' ';
  field += line.substr(begin);
}

}  // namespace

std::string_view Name(MigrationMode mode) {
  for (const auto& [name, known] : kModes) {
    if (known == mode) return name;
  }
  return "";
}

MigrationStep ParseMigration(const Migration& migration) {
  MigrationStep step{.migration = migration,
                     .mode = MigrationMode::kTransaction,
                     .shadow = {},
                     .purpose = {},
                     .locks = {},
                     .time = {},
                     .reversible = {}};
  std::string mode;
  std::string shadow;
  const std::array<std::pair<std::string_view, std::string*>, 5> fields = {{
      {"Mode: ", &mode},
      {"Shadow: ", &shadow},
      {"Locks: ", &step.locks},
      {"Time: ", &step.time},
      {"Reversible: ", &step.reversible},
  }};
  std::string* field = &step.purpose;
  for (std::string_view rest = migration.text; rest.starts_with("--");) {
    std::string_view line = TakeLine(rest).substr(2);
    if (line.starts_with(' ')) line.remove_prefix(1);
    for (const auto& [name, target] : fields) {
      if (!line.starts_with(name)) continue;
      field = target;
      line.remove_prefix(name.size());
    }
    AppendTo(*field, line);
  }
  step.mode = ParseMode(mode);
  step.shadow = ParseNumbers(shadow);
  USAGE_INGEST_CHECK(!step.purpose.empty() && !step.locks.empty() && !step.time.empty() &&
                     !step.reversible.empty());
  return step;
}

}  // namespace usage_ingest::postgres::migrate
