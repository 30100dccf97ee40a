// The seam between weir and the disk: every path operation of WAL and segments goes through it.
//
// Purpose: the storage code can run on a real directory (`posix_file_system`) or on a simulated disk that loses what
// was not synced (`memory_file_system`), and tests can make any call fail. Owner: the engine owns one FileSystem per
// data directory. Paths are relative to that directory, '/'-separated, made of names weir itself chose; text from
// outside never becomes a path. Threading: FileSystem is thread-safe. A File may be read by many threads; writing,
// truncating and syncing it is for one thread at a time. Errors: `disk_full` for ENOSPC, EDQUOT and EFBIG, `not_found`
// for ENOENT, `locked` for a lock held elsewhere, else `io_error`; `where` names the path (and offset).
#pragma once

#include <weir/result.hpp>

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace weir::io {

class File {
public:
  File(const File&) = delete;
  File& operator=(const File&) = delete;
  virtual ~File() = default; ///< Closes; never syncs.

  /// Reads up to `out.size()` bytes at `offset`; fewer only where the file ends.
  virtual Result<std::size_t> pread(std::span<std::byte> out, std::uint64_t offset) const = 0;
  /// Writes all of `data` at `offset`, extending the file if need be. After an error any part may have been written.
  virtual Status pwrite(std::span<const std::byte> data, std::uint64_t offset) = 0;
  /// Writes all of `data` at the end.
  virtual Status append(std::span<const std::byte> data) = 0;
  /// fdatasync: content and size are durable afterwards; the file's name is not (see sync_directory). After a failure
  /// the file must not be synced again: the kernel may have dropped the dirty pages.
  virtual Status sync_data() = 0;
  /// Lets the disk begin with what a sync_data() to come will wait for; does not wait itself. Promises nothing, and
  /// says nothing of failures: that sync does.
  virtual void begin_sync(std::uint64_t /*offset*/, std::uint64_t /*bytes*/) noexcept {}
  /// Lets the disk begin with what a pread() to come will wait for; does not wait itself, and promises nothing.
  virtual void begin_read(std::uint64_t /*offset*/, std::uint64_t /*bytes*/) const noexcept {}
  virtual Result<std::uint64_t> size() const = 0;
  virtual Status truncate(std::uint64_t size_bytes) = 0;

protected:
  File() = default;
};

/// Held while it lives; released by the destructor or by the death of the process.
class FileLock {
public:
  FileLock(const FileLock&) = delete;
  FileLock& operator=(const FileLock&) = delete;
  virtual ~FileLock() = default;

protected:
  FileLock() = default;
};

enum class OpenMode : std::uint8_t {
  read_only,
  read_write, ///< The file must exist.
  create,     ///< The file must not exist (O_EXCL); mode 0600.
};

enum class EntryKind : std::uint8_t { file, directory, other };

struct DirectoryEntry {
  std::string name;
  EntryKind kind = EntryKind::file;
};

struct FileInfo {
  EntryKind kind = EntryKind::file;
  std::uint64_t size_bytes = 0;
  std::uint64_t link_count = 1;
};

class FileSystem {
public:
  FileSystem(const FileSystem&) = delete;
  FileSystem& operator=(const FileSystem&) = delete;
  virtual ~FileSystem() = default;

  virtual Result<std::unique_ptr<File>> open(const std::string& path, OpenMode mode) = 0;
  /// Replaces `to` if it exists. Durable only after sync_directory of the parents.
  virtual Status rename(const std::string& from, const std::string& to) = 0;
  virtual Status unlink(const std::string& path) = 0;
  /// Mode 0700. A directory that exists already is fine; anything else of that name is an error.
  virtual Status create_directory(const std::string& path) = 0;
  /// Makes the names inside `path` durable. "" or "." is the data directory itself.
  virtual Status sync_directory(const std::string& path) = 0;
  /// Entries sorted by name, without "." and "..".
  virtual Result<std::vector<DirectoryEntry>> list(const std::string& path) = 0;
  virtual Result<FileInfo> stat(const std::string& path) = 0;
  /// Takes the exclusive lock file `path`, creating it, and writes this process's id into it, if there is room. Held
  /// elsewhere: `locked`, with the holder's pid in the message. Two locks in one process exclude each other too.
  virtual Result<std::unique_ptr<FileLock>> lock(const std::string& path) = 0;
  /// Bytes an unprivileged process could still write.
  virtual Result<std::uint64_t> free_bytes() = 0;
  /// The path as the operating system knows it, for libraries that open files themselves (SQLite); nothing for a
  /// simulated disk.
  virtual std::optional<std::string> native_path(const std::string& path) const = 0;

protected:
  FileSystem() = default;
};

/// Reads the whole file. Errors: as open and pread; `too_large` beyond `size_bytes_max`.
Result<std::vector<std::byte>> read_whole_file(FileSystem& fs, const std::string& path, std::uint64_t size_bytes_max);

} // namespace weir::io
