// The files of a data directory as plain values, and the way between them and a simulated disk.
//
// Purpose: damages are made from and compared with whole files. Threading: pure functions.
#pragma once

#include "engine/io/memory_file_system.hpp"

#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <string_view>

namespace weir::trust {

/// Content by path, directories left out.
using Image = std::map<std::string, std::string>;

/// Every file on the disk.
[[nodiscard]] Image read_image(io::FileSystem& fs);

/// The number that is written in the name of a shard's file: 3 of "wal/003/0000000000000042.wal"; -1 for the others.
[[nodiscard]] int shard_of_path(std::string_view path);

/// Bytes that differ between two versions of a file: the first and the one behind the last; equal ones: empty.
struct ByteRange {
  std::uint64_t begin = 0;
  std::uint64_t end = 0;
  [[nodiscard]] bool empty() const noexcept { return begin >= end; }
};
[[nodiscard]] ByteRange difference(std::string_view before, std::string_view after);

} // namespace weir::trust
