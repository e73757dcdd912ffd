#pragma once
// CheckImportFile: whether a file can be imported, before anything is written.
//
// The file is read and unpacked to its end. It must contain an event: a file without one is the
// wrong file, and a dead letter for each of its values would help no operator. In a file with
// events, a value that is no event becomes a dead letter.
//
// Errors        throws UserError: 65 damaged, cut off, or without an event.
#include <cstdint>
#include <functional>
#include <optional>
#include <stop_token>

#include "daemon/replay/import_file.h"

namespace usage_ingest::replay {

// How many elements it has; nothing if it was stopped. `on_read` is told how many bytes of the file
// were read.
[[nodiscard]] std::optional<std::int64_t> CheckImportFile(
    ImportFile& file, std::size_t value_bytes_max, const std::stop_token& stop,
    const std::function<void(std::int64_t bytes)>& on_read);

}  // namespace usage_ingest::replay
