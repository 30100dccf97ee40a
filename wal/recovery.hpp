// From the files of a shard's log to its records and the place where it goes on.
//
// Purpose: follows the chain, tells torn from corrupt, cuts and seals an unfinished end (docs/formats/wal.md, "What a
// reader does"). Owner: whoever opens the shard. Threading: one thread, and no writer beside it. Invariants: on
// `corruption` nothing on the disk has been changed; whatever recover() hands out is on the disk once it has succeeded;
// repeating it, also after a crash in the middle, gives the same records.
#pragma once

#include "wal/log_end.hpp"
#include "wal/reader.hpp"

#include <weir/event.hpp>
#include <weir/result.hpp>

#include "engine/io/file_system.hpp"

#include <cstddef>
#include <cstdint>

namespace weir::wal {

struct RecoverOptions {
  ShardId shard = 0;
  std::uint64_t directory_seed = 0;
  std::uint64_t first_file = 1; ///< First live file, as the catalog says.
  std::uint64_t cut_record = 0; ///< Records up to this number are in segments and are not visited.
  std::uint64_t file_bytes = 0; ///< WriterOptions::file_bytes: files of another length are no spares.
  std::size_t spares_max = 4;
};

/// Visits every record above the cut in order, makes the log's end durable and tidies up: files before the first live
/// one become spares or are removed. A log that ends in a seal is not changed.
/// Errors: `corruption` and `incompatible` with file and offset (records may have been visited by then; throw them
/// away), `io_error`, `disk_full` (the end could not be made durable; may be repeated), the visitor's own.
Result<LogEnd> recover(io::FileSystem& fs, const RecoverOptions& options, const RecordVisitor& visitor);

/// Checks what recover() would check, and changes nothing. Errors: as recover(), the first one found.
Status verify(io::FileSystem& fs, const RecoverOptions& options);

} // namespace weir::wal
