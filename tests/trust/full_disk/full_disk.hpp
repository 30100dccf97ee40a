// The full disk, in every way a disk says so.
//
// Purpose: promise P9: below the reserve stores are refused, never failed and never lost; reading, flushing, closing
// and opening work; stores go on when there is space again, in the same engine. Owner: the stage. Threading: one
// thread.
#pragma once

#include <cstdint>
#include <string>

namespace weir::trust {

struct FullDiskCounts {
  std::uint64_t cycles = 0; ///< Full, and free again, and stores have gone on.
  std::uint64_t lost = 0, wrong = 0, crashes = 0;
  std::uint64_t opens_with_no_byte_free = 0;
  std::uint64_t resume_ms_max = 0; ///< From space to the first store, over all shards and cycles.
  std::uint64_t acknowledged = 0, refused = 0;

  /// Counts something wrong and says what.
  void complain(const std::string& what);
  void add(const FullDiskCounts& other);
};

/// One engine on a tmpfs, in a process of its own. After every tenth cycle that process is stopped, and what it has on
/// disk then is opened elsewhere with no byte free, as after a kill, closed, and opened again. Needs private mounts.
FullDiskCounts fill_and_free(std::uint64_t cycles, std::uint64_t seed);
/// A tmpfs without names left for new files, with space. Needs private mounts.
FullDiskCounts run_out_of_names(std::uint64_t cycles, std::uint64_t seed);
/// Every call that could need space answers ENOSPC for a while, or writes a part first; half of the time power fails
/// then.
FullDiskCounts injected(std::uint64_t cycles, std::uint64_t seed);
/// Files may not grow beyond a limit of the process (RLIMIT_FSIZE, EFBIG).
FullDiskCounts limited_file_size(std::uint64_t cycles, std::uint64_t seed);

} // namespace weir::trust
