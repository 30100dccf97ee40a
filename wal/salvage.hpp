// What is whole in one log file, whatever lies between.
//
// Purpose: recovery reads up to the first bad byte and stops; this goes on behind it, for when a damaged directory is
// exported. Owner: one salvage. Threading: pure functions. Invariants: a body is handed out only if its checksum says
// that it was written to this very place of this very file.
#pragma once

#include "wal/format.hpp"

#include <weir/event.hpp>
#include <weir/result.hpp>

#include "engine/io/file_system.hpp"

#include <cstdint>
#include <functional>
#include <string>
#include <string_view>
#include <vector>

namespace weir::wal {

struct FileSalvage {
  /// What should hold records and does not, as a file and an offset in `where`.
  std::vector<Error> damaged;
  std::uint64_t records = 0;
};

/// True if `header` (the first bytes of a log file, as read) belongs to the directory with this seed.
[[nodiscard]] bool belongs_to(const FileHeader& header, std::uint64_t directory_seed) noexcept;

/// Hands every whole record of `path` to `visit`, in order. The file may have another name than the one it was written
/// under: its header says which it is; without one the name counts. What follows the last whole group is not judged:
/// whether it is damage is recovery's question. Errors: io_error, too_large, the visitor's.
Result<FileSalvage> salvage_file(io::FileSystem& fs, const std::string& path, ShardId shard, std::uint64_t number,
                                 std::uint64_t directory_seed,
                                 const std::function<Status(std::string_view body)>& visit);

} // namespace weir::wal
