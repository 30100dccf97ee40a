// SQLite on one of our file systems: for a simulated disk, which the operating system does not know.
//
// Purpose: tests crash and break the disk under the catalog as under everything else, so this does what SQLite's own
// "unix" VFS does on a real disk, call by call: the same syncs (a new journal's directory with the journal's first one,
// its failure ignored), the same errors, a write as one call. Owner: the Database opened through it. Threading: one
// thread at a time. Simpler than the original: no locks between connections (the data directory has one owner), no
// shared memory (connections are exclusive), no temporary files.
#pragma once

#include "engine/io/file_system.hpp"

#include <memory>
#include <string>

struct sqlite3_vfs;

namespace weir::sqlite {

class FileSystemVfs {
public:
  /// Makes the VFS known to SQLite under name(). `fs` outlives this.
  explicit FileSystemVfs(io::FileSystem& fs);
  ~FileSystemVfs(); ///< Precondition: no connection uses it any more.
  FileSystemVfs(const FileSystemVfs&) = delete;
  FileSystemVfs& operator=(const FileSystemVfs&) = delete;

  [[nodiscard]] const std::string& name() const noexcept { return name_; }

private:
  struct Methods;
  io::FileSystem& fs_;
  std::string name_;
  std::unique_ptr<sqlite3_vfs> vfs_;
  int last_errno_ = 0; // of the last call that failed, as SQLite asks for it
};

} // namespace weir::sqlite
