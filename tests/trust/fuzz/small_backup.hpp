// A backup that is the same each time it is made: a catalog, consumers, snapshots, two logs and a segment.
//
// Threading: pure functions.
#pragma once

#include "trust/fuzz/fuzz.hpp"

#include "actors/backup_manifest.hpp"

namespace weir::fuzz {

/// Everything but the manifest, which is the result.
[[nodiscard]] BackupManifest write_small_backup(io::FileSystem& fs);

} // namespace weir::fuzz
