#pragma once
// TextTable: columns that line up, for people at a terminal.
#include <cstdint>
#include <iosfwd>
#include <string>
#include <vector>

namespace usage_ingest::text {

class TextTable {
 public:
  enum class Align : unsigned char { kLeft, kRight };
  struct Column {
    std::string title;
    Align align = Align::kRight;
  };

  explicit TextTable(std::vector<Column> columns);
  // REQUIRES: as many cells as columns.
  void AddRow(std::vector<std::string> cells);
  [[nodiscard]] bool empty() const { return rows_.empty(); }
  void Print(std::ostream& out) const;

 private:
  std::vector<Column> columns_;
  std::vector<std::vector<std::string>> rows_;
};

// Without control characters: a terminal would execute some of them.
[[nodiscard]] std::string Printable(std::string text);
// 1234567 as "1,234,567".
[[nodiscard]] std::string Grouped(std::int64_t number);
// Rounded for reading: "12.3 s", "4 min", "97 days".
[[nodiscard]] std::string Roughly(double seconds);

}  // namespace usage_ingest::text
