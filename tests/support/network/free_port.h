#pragma once
// FreePort: a TCP port on 127.0.0.1 that no program uses.
//
// Taken below the kernel's range for outgoing connections, so that a port stays free while its
// server is stopped on purpose: an outgoing connection cannot take it. No other process gets it
// from here as long as this one lives.
#include <cstdint>

namespace usage_ingest::support {

// Never gives the same port twice in one process.
[[nodiscard]] std::uint16_t FreePort();

// Whether something accepts connections on this port of 127.0.0.1.
[[nodiscard]] bool IsListening(std::uint16_t port);

}  // namespace usage_ingest::support
