// Reads a catalog without touching its files.
//
// Purpose: SQLite moves a journal into the database when it opens or closes it; who only wants to look works on a copy
// in memory. Owner: verify and salvage. Threading: one thread.
#pragma once

#include <weir/result.hpp>

#include "engine/io/file_system.hpp"
#include "engine/ports.hpp"

#include <memory>

namespace weir {

/// What the catalog in `fs` says, journal included. Errors: as opening the directory, `too_large` beyond 1 GiB.
Result<CatalogState> load_catalog_copy(io::FileSystem& fs);

} // namespace weir
