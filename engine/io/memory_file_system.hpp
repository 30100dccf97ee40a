// A simulated disk: a FileSystem in memory that forgets in a crash what was not synced.
//
// Purpose: tests of everything that stores. A file's content and a directory's names become durable apart from each
// other, each only by its own sync; crash_image() then builds what a crash would leave. Owner: a test. Threading:
// thread-safe; the hook is called without any lock, by the thread that makes the call. Invariants: errors, modes and
// replacing by rename are as in the real file system. Simpler than a real disk: a byte of a file's size is a byte of
// space, only files are renamed, and a rename between directories is two independent changes until both are synced.
#pragma once

#include "engine/io/file_system.hpp"
#include "engine/io/memory_node.hpp"

#include <array>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

namespace weir::io {

enum class Operation : std::uint8_t {
  open,
  rename,
  unlink,
  create_directory,
  sync_directory,
  list,
  stat,
  lock,
  free_bytes,
  read,
  write, ///< pwrite and append.
  size,
  truncate,
  sync_data,
};
inline constexpr std::size_t operation_count = 14;

/// A call about to be made; the texts live as long as the call of the hook.
struct Call {
  Operation operation = Operation::open;
  std::string_view path;        ///< For an open file the path it was opened with.
  std::string_view rename_to;   ///< Of `rename` only.
  std::uint64_t offset = 0;     ///< Of `read` and `write`; an append's is the end at that moment.
  std::uint64_t size_bytes = 0; ///< Bytes to read or write; the new size of `truncate`.
  std::uint64_t number = 0;     ///< 1, 2, 3 ... over all operations of this file system.
  /// Of `write`, else null: how much of it a failing one does all the same, from its beginning; 0 unless the hook says.
  std::uint64_t* done_bytes = nullptr;
};

/// Called before each operation: an error is answered instead of doing it; waiting holds the calling thread and nobody
/// else. An error for `sync_data` also loses the file's unsynced operations, as a kernel does.
using CallHook = std::function<std::optional<Error>(const Call&)>;

struct CallCounters {
  std::array<std::uint64_t, operation_count> calls = {}; ///< By Operation, those answered by the hook too.
  std::uint64_t read_bytes = 0;
  std::uint64_t written_bytes = 0;

  [[nodiscard]] std::uint64_t of(Operation operation) const { return calls[static_cast<std::size_t>(operation)]; }
  [[nodiscard]] std::uint64_t total() const;
};

class MemoryDisk;

class MemoryFileSystem final : public FileSystem {
public:
  /// An empty disk with 1 TiB free.
  MemoryFileSystem();
  ~MemoryFileSystem() override;

  Result<std::unique_ptr<File>> open(const std::string& path, OpenMode mode) override;
  Status rename(const std::string& from, const std::string& to) override;
  Status unlink(const std::string& path) override;
  Status create_directory(const std::string& path) override;
  Status sync_directory(const std::string& path) override;
  Result<std::vector<DirectoryEntry>> list(const std::string& path) override;
  Result<FileInfo> stat(const std::string& path) override;
  Result<std::unique_ptr<FileLock>> lock(const std::string& path) override;
  Result<std::uint64_t> free_bytes() override;
  std::optional<std::string> native_path(const std::string& path) const override;

  /// The same disk once more, for somebody who wants to own a file system.
  [[nodiscard]] std::unique_ptr<MemoryFileSystem> share() const;
  /// A new disk as a crash at this moment would leave this one: everything on it is durable, nothing is locked, no hook
  /// is set. This disk and its open files go on as if nothing had happened.
  [[nodiscard]] std::unique_ptr<MemoryFileSystem> crash_image(const CrashPolicy& policy) const;

  /// A new disk as the death of the process, and not of the machine, would leave this one: nothing is locked, readers
  /// find what they saw, and what was not synced still is not.
  [[nodiscard]] std::unique_ptr<MemoryFileSystem> after_kill() const;

  /// Replaces the hook; an empty one takes it away. A call already in the old hook stays there.
  void set_hook(CallHook hook);
  /// From now on `bytes` are free; growing files use them up, a write beyond them is cut short with `disk_full`.
  void set_free_bytes(std::uint64_t bytes);
  /// What a sync that fails does to what readers see of the file's unsynced operations: off, as with ext4, they stay
  /// readable (and are lost all the same); on, as with Btrfs, the file is again what it was when it was last synced.
  void set_failed_sync_reverts(bool reverts);
  /// A second name for the file `path`, as a backup tool may make it.
  Status add_hard_link(const std::string& path, const std::string& new_path);
  [[nodiscard]] CallCounters counters() const;
  /// What a crash now may leave or not, in the order it was done.
  [[nodiscard]] std::vector<UnsyncedOperation> unsynced() const;
  /// Of every name and byte readers see below the directory `path`: directories that hold the same have the same. 0 if
  /// there is none.
  [[nodiscard]] std::uint64_t content_hash(const std::string& path = "") const;
  /// Files open now.
  [[nodiscard]] std::uint64_t open_files() const;

private:
  explicit MemoryFileSystem(std::shared_ptr<MemoryDisk> disk);

  std::shared_ptr<MemoryDisk> disk_; // Shared with the open files, which may outlive us.
};

} // namespace weir::io
