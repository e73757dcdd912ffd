#include "daemon/text/csv.h"

#include <utility>

namespace usage_ingest::text {
namespace {

constexpr std::string_view kFormulaBegins = "=+-@\t\r";
constexpr std::string_view kMustQuote = "\",\r\n";

}  // namespace

void CsvLine::Separate() {
  if (has_cells_) line_ += ',';
  has_cells_ = true;
}

CsvLine& CsvLine::Text(std::string_view text) {
  Separate();
  const bool is_formula = !text.empty() && kFormulaBegins.contains(text.front());
  const bool is_quoted = text.find_first_of(kMustQuote) != std::string_view::npos;
  if (is_quoted) line_ += '"';
  if (is_formula) line_ += '\'';
  for (const char letter : text) {
    if (letter == '"') line_ += '"';
    line_ += letter;
  }
  if (is_quoted) line_ += '"';
  return *this;
}

CsvLine& CsvLine::Number(std::string_view number) {
  Separate();
  line_ += number;
  return *this;
}

std::string CsvLine::Take() {
  line_ += "\r\n";
  has_cells_ = false;
  return std::exchange(line_, {});
}

}  // namespace usage_ingest::text
