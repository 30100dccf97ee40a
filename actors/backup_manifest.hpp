// The manifest of a backup: which files it holds, how long they are, and what their checksums are.
//
// Purpose: a directory is a backup if, and only if, it has a manifest that is valid; docs/formats/backup.md tells the
// format. Threading: plain values and pure functions. Invariants: a manifest holds numbers only; every path is made
// from them here, so that no text of a manifest ever leads anywhere. Files stand in one order, each once.
#pragma once

#include <weir/event.hpp>
#include <weir/result.hpp>

#include "engine/hash.hpp"

#include <compare>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace weir {

/// The databases of a data directory, by their number in manifests. New ones are added at the end.
inline constexpr std::string_view backup_databases[] = {"catalog.db", "consumers.db", "snapshots.db"};
inline constexpr std::uint64_t backup_catalog = 0;
inline constexpr std::uint64_t backup_snapshots = 2;

struct BackupFile {
  enum class Kind : std::uint8_t { database, log, segment };
  Kind kind = Kind::database;
  ShardId shard = 0;        ///< 0 for databases.
  std::uint64_t number = 0; ///< Place in backup_databases, or the file's number in its shard.
  std::uint64_t size_bytes = 0;
  Hash128 checksum{}; ///< XXH3-128 of the whole file.

  /// Its path in the backup, the same as in a data directory.
  [[nodiscard]] std::string path() const;
  friend bool operator==(const BackupFile&, const BackupFile&) = default;
};

/// The order of files in a manifest.
[[nodiscard]] bool before(const BackupFile& a, const BackupFile& b) noexcept;

struct BackupManifest {
  static constexpr std::uint32_t format_version = 1;
  Timestamp created{};
  std::uint64_t directory_seed = 0;
  std::uint32_t shards = 0;
  std::vector<BackupFile> files; ///< In the order of before().

  [[nodiscard]] std::uint64_t bytes() const noexcept;
  friend bool operator==(const BackupManifest&, const BackupManifest&) = default;
};

/// What format_manifest() writes can be parsed again.
[[nodiscard]] std::string format_manifest(const BackupManifest& manifest);
/// Errors: `corruption` with the line; `incompatible` for another version.
Result<BackupManifest> parse_manifest(std::string_view text);

} // namespace weir
