// Whether backups and what was restored of them are what was promised.
//
// Purpose: the part of the judgement that is about backups (I20: one that was answered can be restored, with everything
// that was acknowledged as synced before it was asked for; a half one is refused, and so is a half restore). Owner:
// judge(). Threading: one thread.
#pragma once

#include "engine/io/memory_file_system.hpp"
#include "trust/support/disk/ledger.hpp"

#include <weir/options.hpp>

namespace weir::trust {

/// Only reads `image`. Throws Broken.
void check_copies(io::MemoryFileSystem& image, const EngineOptions& options, const Ledger& ledger);

} // namespace weir::trust
