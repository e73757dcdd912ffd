#include "bench/load/python_float.h"

#include <charconv>
#include <cmath>
#include <string_view>

#include "schema/check.h"

namespace usage_ingest::load {
namespace {

// value = 0.d1d2d3... * 10^point, shortest digits that read back the same.
struct Digits {
  char text[24];
  int count;
  int point;
};

Digits ShortestDigits(double value) {
  USAGE_INGEST_CHECK(std::isfinite(value) && value >= 0);
  char buffer[32];
  const auto end =
      std::to_chars(buffer, buffer + sizeof buffer, value, std::chars_format::scientific).ptr;
  // "d.ddde-05" or "de+00"
  Digits digits{};
  const char* at = buffer;
  for (; at != end && *at != 'e'; ++at) {
    if (*at != '.') digits.text[digits.count++] = *at;
  }
  ++at;
  if (*at == '+') ++at;  // from_chars takes a minus only
  int exponent = 0;
  std::from_chars(at, end, exponent);
  digits.point = exponent + 1;
  return digits;
}

}  // namespace

void AppendInteger(std::string& out, std::int64_t value) {
  char buffer[24];
  out.append(buffer, std::to_chars(buffer, buffer + sizeof buffer, value).ptr);
}

void AppendPythonFloat(std::string& out, double value) {
  if (value == 0) {
    out.append("0.0");
    return;
  }
  const Digits digits = ShortestDigits(value);
  const std::string_view text(digits.text, static_cast<std::size_t>(digits.count));
  if (digits.point <= -4 || digits.point > 16) {
    out.push_back(text[0]);
    if (text.size() > 1) out.append(".").append(text.substr(1));
    const int exponent = digits.point - 1;
    out.append(exponent < 0 ? "e-" : "e+");
    if (std::abs(exponent) < 10) out.push_back('0');
    AppendInteger(out, std::abs(exponent));
  } else if (digits.point <= 0) {
    out.append("0.").append(static_cast<std::size_t>(-digits.point), '0').append(text);
  } else {
    const auto whole = static_cast<std::size_t>(digits.point);
    out.append(text.substr(0, whole));
    if (whole > text.size()) out.append(whole - text.size(), '0');
    out.push_back('.');
    out.append(whole < text.size() ? text.substr(whole) : "0");
  }
}

std::int64_t MicrosOf(double value) {
  if (value == 0) return 0;
  const Digits digits = ShortestDigits(value);
  const int kept = digits.point + 6;  // digits left of the rounding place
  if (kept < 0) return 0;
  std::int64_t micros = 0;
  for (int i = 0; i < kept; ++i) {
    micros = micros * 10 + (i < digits.count ? digits.text[i] - '0' : 0);
  }
  return micros + (kept < digits.count && digits.text[kept] >= '5' ? 1 : 0);
}

void AppendSeconds(std::string& out, std::int64_t microseconds) {
  AppendInteger(out, microseconds / 1'000'000);
  std::int64_t fraction = microseconds % 1'000'000;
  char places[7] = {'.'};
  for (int i = 6; i >= 1; --i, fraction /= 10) places[i] = static_cast<char>('0' + fraction % 10);
  std::size_t used = sizeof places;
  while (used > 2 && places[used - 1] == '0') --used;
  out.append(places, used);
}

}  // namespace usage_ingest::load
