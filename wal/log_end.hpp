// Where a shard's log ends: what recovery found, and where the writer goes on.
//
// Threading: a plain value.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

namespace weir::wal {

/// A file of the log and the lowest record number that may be in it.
struct LiveFile {
  std::uint64_t number = 0;
  std::uint64_t first_record = 0;
};

/// The default is the end of a log that was never written.
struct LogEnd {
  /// Highest record number that is taken, in the log or in segments; the next record is the one after.
  std::uint64_t last_record = 0;
  std::uint64_t last_file = 0;        ///< Last file of the log, sealed; 0: none.
  std::uint64_t last_file_record = 0; ///< Last record of that file, as its seal says.
  std::uint64_t next_file = 1;        ///< Number of the file to be written next.
  std::vector<LiveFile> files;        ///< Files of the log, oldest first, up to last_file.
  std::vector<std::uint64_t> spares;  ///< Spares at hand, all of the configured length.
  std::uint64_t next_spare = 1;       ///< Lowest number no spare ever had here.
  std::vector<std::string> unknown;   ///< Paths in the shard's directory that weir did not make; untouched.
};

} // namespace weir::wal
