// Descriptors of segment files, opened when they are read, a bounded number at a time.
//
// Purpose: an engine with thousands of segments must not run into the process's limit of open files.
// Owner: SegmentFiles; every file it handed out shares it. Threading: thread-safe; nothing is opened or closed under
// the lock. Invariants: a name must stay what it is as long as somebody may read it: a segment's file is removed only
// when its last reader is gone.
#pragma once

#include <weir/result.hpp>

#include "engine/io/file_system.hpp"

#include <cstddef>
#include <list>
#include <memory>
#include <mutex>
#include <string>
#include <unordered_map>

namespace weir::segments {

class OpenFiles {
public:
  /// Keeps at most `files_max` (>= 1) open, beside those being read at this moment. `fs` must outlive it.
  OpenFiles(io::FileSystem& fs, std::size_t files_max) : fs_(fs), files_max_(files_max) {}

  /// The open file. Errors: as FileSystem::open for reading.
  Result<std::shared_ptr<const io::File>> get(const std::string& path);
  /// Nobody will read the file any more.
  void forget(const std::string& path);

private:
  struct Entry {
    std::string path;
    std::shared_ptr<const io::File> file;
  };
  io::FileSystem& fs_;
  const std::size_t files_max_;
  std::mutex mutex_;
  std::list<Entry> recent_; ///< Most recently used first.
  std::unordered_map<std::string, std::list<Entry>::iterator> by_path_;
};

/// A file that may be read, through `files`. Nothing is opened before the first read; a file that is missing then is
/// `corruption`.
[[nodiscard]] std::unique_ptr<io::File> open_on_demand(std::shared_ptr<OpenFiles> files, std::string path);

} // namespace weir::segments
