// The images that a crash at one moment may leave.
//
// Purpose: one list of kinds for every crash test, each image with a name by which it is made again. Owner: a test.
// Threading: pure functions.
#pragma once

#include "engine/io/memory_file_system.hpp"

#include <cstdint>
#include <functional>
#include <memory>
#include <string>

namespace weir::trust {

struct CrashImage {
  std::string name; ///< "lost", "only-3", "torn-512-zeros" ...; tells it from the others of this moment.
  io::CrashPolicy policy;
  bool killed = false; ///< The process died, the machine goes on: everything is kept, and unsynced as it was.

  [[nodiscard]] std::unique_ptr<io::MemoryFileSystem> of(const io::MemoryFileSystem& fs) const {
    return killed ? fs.after_kill() : fs.crash_image(policy);
  }
};

struct ImageKinds {
  std::uint64_t seed = 0;      ///< Of what is left to chance.
  unsigned random_subsets = 0; ///< So many by chance, beside the others.
  bool singles = true;         ///< Those that keep or drop exactly one operation.
};

/// All images for the operations unsynced on `fs` now: a kill of the process, none of them lost, all lost, exactly one
/// kept or dropped, the last write torn at sector and odd offsets with the old bytes, zeros or garbage behind, names in
/// order and in any.
void for_each_image(const io::MemoryFileSystem& fs, const ImageKinds& kinds,
                    const std::function<void(const CrashImage&)>& visit);

/// Whether a crash before this call can leave anything that one before the next call cannot.
[[nodiscard]] bool changes_disk(io::Operation operation);

} // namespace weir::trust
