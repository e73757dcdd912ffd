#pragma once
// PythonFloat: numbers as LiteLLM writes them, and what the database must make of them.
//
// LiteLLM computes prices in double and writes them with Python's repr, noise included
// (3.5000000000000004e-05). The daemon must round the decimal text, half away from zero, to
// millionths. Both live here, so that the generator knows to the last digit what must arrive.
//
// Units         micros: millionths of the billing currency.
// Source        Python, Objects/floatobject.c: repr is the shortest text that reads back the same,
//               with an exponent below 1e-4 and from 1e16 on.
#include <cstdint>
#include <string>

namespace usage_ingest::load {

// REQUIRES: value is finite and not negative.
void AppendPythonFloat(std::string& out, double value);
// The text of AppendPythonFloat rounded half away from zero to six places.
[[nodiscard]] std::int64_t MicrosOf(double value);
// Seconds with at most six decimals and at least one, as Python writes a time.
void AppendSeconds(std::string& out, std::int64_t microseconds);
void AppendInteger(std::string& out, std::int64_t value);

}  // namespace usage_ingest::load
