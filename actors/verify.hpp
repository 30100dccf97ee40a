// Checks a whole directory without changing it.
#pragma once

#include <weir/result.hpp>
#include <weir/stats.hpp>

#include "engine/io/file_system.hpp"
#include "engine/ports.hpp"

#include <functional>
#include <string>
#include <vector>

namespace weir {

/// Locks the directory, then checks the catalog, every byte of every live segment and every live log file; of a backup
/// every byte of every file (see verify_backup). Every
/// finding goes to `findings`, if given; the result is the first one. `progress`, if given, is called after each
/// segment. Errors: as EngineCore::open; `invalid_argument` with what `progress` threw, which ends the work.
Status verify_directory(const std::string& directory, std::vector<std::string>* findings,
                        const std::function<void(const VerifyProgress&)>& progress);

/// The same for the files of `fs`, of which `state` says what is live and which nobody else has open. The place of
/// every finding is a file and an offset.
Status verify_files(io::FileSystem& fs, const CatalogState& state, std::vector<Error>* findings,
                    const std::function<void(const VerifyProgress&)>& progress);

} // namespace weir
