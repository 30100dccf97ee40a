// SQLite before the judge of the crash images.
//
// Purpose: a control of the judge itself. SQLite with synchronous=FULL keeps what it has committed, and the judge must
// find nothing; with less it does not, and the judge must find the loss. Owner: the stage. Threading: one thread.
#pragma once

#include <cstdint>
#include <span>

namespace weir::trust {

struct SqliteMode {
  const char* name;
  const char* settings; ///< SQL before the first transaction.
  bool exclusive;       ///< locking_mode
  bool keeps;           ///< Whether a commit is to survive a power cut.
};

/// The modes that are tried: what each of them promises is what SQLite's documentation says.
[[nodiscard]] std::span<const SqliteMode> sqlite_modes();

struct SqliteCounts {
  std::uint64_t images = 0; ///< Distinct by content, opened and judged.
  std::uint64_t lost = 0;   ///< Images in which a committed transaction is missing.
  std::uint64_t wrong = 0;  ///< Images with another finding, such as one that does not open.
};

/// Commits transactions in `mode` on a simulated disk and judges the images of a crash at each call.
[[nodiscard]] SqliteCounts crash_sqlite(const SqliteMode& mode, std::uint64_t seed, unsigned random_subsets);

} // namespace weir::trust
