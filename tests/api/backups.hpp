// Backups on simulated disks.
#pragma once

#include "actors/restore.hpp"
#include "tests/api/simulated_engine.hpp"
#include "tests/api/stored.hpp"

#include <map>
#include <string>

namespace weir::test {

inline Result<BackupReport> back_up(const Engine& engine, io::FileSystem& target, const BackupOptions& options = {},
                                    io::FileSystem* base = nullptr) {
  return engine.core()->backup(target, base, options);
}

inline Result<BackupManifest> restore(io::FileSystem& backup, io::FileSystem& target) {
  return restore_files(backup, target, [](std::uint64_t) { return Status(); });
}

/// Contexts with how many events each of them holds at least: what a test has been told is stored.
using Ledger = std::map<std::string, std::uint64_t>;

} // namespace weir::test
