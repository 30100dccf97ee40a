// The state that a MemoryFileSystem shares with its open files.
//
// Threading: `mutex` guards the tree and the space; begin() is called without it. Owner: the file system and its files.
#pragma once

#include "engine/io/memory_file_system.hpp"
#include "engine/io/memory_node.hpp"

#include <memory>
#include <mutex>
#include <string>
#include <vector>

namespace weir::io {

class MemoryDisk {
public:
  explicit MemoryDisk(NodePointer root_directory) : root(std::move(root_directory)) {}

  /// Counts the call, then asks the hook.
  Status begin(Operation operation, std::string_view path = {}, std::uint64_t offset = 0, std::uint64_t size_bytes = 0,
               std::string_view rename_to = {}, std::uint64_t* done_bytes = nullptr);
  void set_hook(CallHook hook);
  [[nodiscard]] CallCounters counters() const;
  void count_bytes(std::uint64_t read_bytes, std::uint64_t written_bytes);

  // What follows needs `mutex`.

  /// Writes what fits; `disk_full` if that is not all. `path` is for messages.
  Status write(Node& node, std::span<const std::byte> data, std::uint64_t offset, const std::string& path);
  Status truncate(Node& node, std::uint64_t size_bytes, const std::string& path);
  /// The node at `path`. Errors: `not_found`, `io_error` where a file is used as a directory.
  Result<NodePointer> find(const std::string& path) const;
  Result<NodePointer> find_directory(const std::string& path) const;
  /// A name of `node` was taken away.
  void drop_link(Node& node);

  struct Place {
    NodePointer parent; ///< A directory.
    std::string name;
    NodePointer node; ///< Null where nothing has the name.
  };
  Result<Place> find_place(const std::string& path) const;

  std::mutex mutex;
  NodePointer root;
  std::uint64_t capacity_bytes = std::uint64_t{1} << 40U;
  std::uint64_t used_bytes = 0;
  std::uint64_t operations = 0; ///< Changes made so far: see UnsyncedOperation::number.
  std::uint64_t open_files = 0;
  bool failed_sync_reverts = false;

private:
  Result<NodePointer> walk(std::span<const std::string_view> names, const std::string& path) const;

  mutable std::mutex calls_mutex_; // Guards what follows.
  CallCounters counters_;
  std::uint64_t last_number_ = 0;
  std::shared_ptr<const CallHook> hook_;
};

} // namespace weir::io
