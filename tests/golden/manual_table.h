#pragma once
// ManualTable: the cells of one table of docs/, to compare with the table in the code.
//
// REQUIRES: USAGE_INGEST_SOURCE_DIR is defined for the test.
#include <gtest/gtest.h>

#include <fstream>
#include <string>
#include <vector>

namespace usage_ingest {

using TableRows = std::vector<std::vector<std::string>>;

inline std::vector<std::string> CellsOf(const std::string& line) {
  std::vector<std::string> cells;
  for (std::size_t begin = 1; begin < line.size();) {
    const std::size_t end = std::min(line.find('|', begin), line.size());
    const std::string cell = line.substr(begin, end - begin);
    const std::size_t first = cell.find_first_not_of(' ');
    cells.push_back(first == std::string::npos
                        ? ""
                        : cell.substr(first, cell.find_last_not_of(' ') + 1 - first));
    begin = end + 1;
  }
  return cells;
}

// The first `columns` cells of each row below the header line `header` in docs/`file`.
inline TableRows ManualTable(const std::string& file, const std::string& header,
                             std::size_t columns) {
  std::ifstream manual(std::string(USAGE_INGEST_SOURCE_DIR) + "/docs/" + file);
  std::string line;
  while (std::getline(manual, line) && line != header) {
  }
  EXPECT_TRUE(manual) << "docs/" << file << " has no table " << header;
  std::getline(manual, line);  // |---|---|
  TableRows rows;
  while (std::getline(manual, line) && line.starts_with('|')) {
    rows.push_back(CellsOf(line));
    rows.back().resize(columns);
  }
  return rows;
}

}  // namespace usage_ingest
