// SQLite files as fuzz inputs: databases that weir has written, and changes of their pages and rows.
//
// Purpose: a byte changed anywhere mostly hits the empty part of a page, and SQL alone keeps to the types of a schema.
// Here a change takes a place that is in use, or a row and any value for it. Threading: one thread.
#pragma once

#include "trust/fuzz/fuzz.hpp"

#include "engine/sqlite/database.hpp"
#include "segments/bytes.hpp"

#include <cstdint>
#include <functional>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace weir::fuzz {

inline constexpr std::uint64_t databases_seed = 42;
inline const std::string consumers_path = "consumers.db";
inline const std::string snapshots_path = "snapshots.db";

/// Fills a disk with the database that the targets change: two groups and a single consumer, four snapshots.
void write_consumers(io::FileSystem& fs);
void write_snapshots(io::FileSystem& fs);

struct TableToChange {
  const char* name;
  const char* key; ///< Its columns, with commas.
  std::vector<const char*> columns;
};
/// Makes the checksums in the database right; the tables take any type then.
using Sign = std::function<void(sqlite::Database&)>;

/// A disk as an input says. First byte even: the file and its journal as they are; odd: the file `written`, with
/// changes of its rows and then of its pages. `rest` is what follows.
struct InputDisk {
  std::unique_ptr<io::MemoryFileSystem> fs;
  segments::ByteSource rest{{}};
  bool whole = false; ///< Rows may have been changed, pages have not.
};
[[nodiscard]] InputDisk disk_of(std::string_view input, const std::string& path, const std::string& written,
                                std::span<const TableToChange> tables, const Sign& sign);

/// What else is in the file: opened on a disk of its own, so that this one is as it was.
[[nodiscard]] std::unique_ptr<io::MemoryFileSystem> copy_of(const io::MemoryFileSystem& fs);
[[nodiscard]] std::string blob_text(const sqlite::Statement& row, int column);

} // namespace weir::fuzz
