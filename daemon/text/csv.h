#pragma once
// Csv: lines of a table for spreadsheets and programs.
//
// Names come from people who are not trusted, and a spreadsheet executes a cell that begins like a
// formula. Such a text gets an apostrophe in front, which spreadsheets do not show.
//
// Source        RFC 4180; OWASP, "CSV Injection".
#include <string>
#include <string_view>

namespace usage_ingest::text {

class CsvLine {
 public:
  CsvLine& Text(std::string_view text);
  // Digits, sign and point, written as they are.
  CsvLine& Number(std::string_view number);
  // The line with its end.
  [[nodiscard]] std::string Take();

 private:
  void Separate();

  std::string line_;
  bool has_cells_ = false;
};

}  // namespace usage_ingest::text
