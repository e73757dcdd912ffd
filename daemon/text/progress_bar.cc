#include "daemon/text/progress_bar.h"

#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <iostream>
#include <utility>

#include "daemon/text/text_table.h"

namespace usage_ingest::text {
namespace {

constexpr auto kFirstAfter = std::chrono::seconds(1);
constexpr auto kRedrawEvery = std::chrono::milliseconds(200);
constexpr int kBarCells = 24;

}  // namespace

std::string ProgressLine(const Progress& progress, const std::string& unit) {
  const auto [done, total, seconds] = progress;
  const double rate = seconds > 0 ? static_cast<double>(done) / seconds : 0;
  std::string line = fmt::format("{} {} ({:.0f}/s)", Grouped(done), unit, rate);
  if (total <= 0) return line;
  const double share = std::min(1.0, static_cast<double>(done) / static_cast<double>(total));
  const int full = static_cast<int>(share * kBarCells);
  line = fmt::format("[{:#<{}}{:.<{}}] {:3.0f} %  {}", "", full, "", kBarCells - full, share * 100,
                     line);
  if (done <= 0) return line;  // nothing tells how long the rest takes
  return line + fmt::format(", {} left", Roughly(static_cast<double>(total - done) / rate));
}

ProgressBar::ProgressBar(std::string unit)
    : unit_(std::move(unit)),
      is_terminal_(isatty(STDERR_FILENO) == 1),
      begin_(std::chrono::steady_clock::now()),
      next_(begin_ + kFirstAfter) {}

ProgressBar::~ProgressBar() { Clear(); }

void ProgressBar::Clear() {
  if (shown_) std::cerr << "\r\033[K" << std::flush;
  shown_ = false;
}

void ProgressBar::Update(std::int64_t done, std::int64_t total) {
  const auto now = std::chrono::steady_clock::now();
  if (!is_terminal_ || now < next_) return;
  next_ = now + kRedrawEvery;
  shown_ = true;
  const double seconds = std::chrono::duration<double>(now - begin_).count();
  const std::string line = ProgressLine({done, total, seconds}, unit_);
  std::cerr << '\r' << line << "\033[K" << std::flush;
}

}  // namespace usage_ingest::text
