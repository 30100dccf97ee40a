// What a simulated disk holds: files and directories that know which part of them would survive a crash.
//
// Purpose: keeps, per file and per directory, the durable state apart from what readers see, with the operations in
// between, so that any legal outcome of a power cut can be built. Owner: the MemoryFileSystem. Threading: none of its
// own; the file system's mutex guards it. Invariants: without a failed sync, durable state plus unsynced operations in
// order is what readers see.
#pragma once

#include "engine/io/random.hpp"

#include <cstddef>
#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <variant>
#include <vector>

namespace weir::io {

/// Which unsynced operations a crash leaves behind.
struct CrashPolicy {
  enum class Unsynced : std::uint8_t { lost, kept, random };
  Unsynced unsynced = Unsynced::lost;
  std::uint64_t seed = 0; ///< Of `random`; the same seed gives the same image.

  /// A power cut before anything unsynced reached the disk.
  [[nodiscard]] static CrashPolicy lose_unsynced() { return {Unsynced::lost, 0}; }
  /// A kill of the process: the system's cache survives, so readers find what they saw.
  [[nodiscard]] static CrashPolicy keep_everything() { return {Unsynced::kept, 0}; }
  /// A power cut in the middle: every unsynced operation is kept or lost by itself, in no order; writes may also be
  /// torn at a byte, at a sector (512 bytes), or keep just some of their sectors.
  [[nodiscard]] static CrashPolicy random_subset(std::uint64_t seed) { return {Unsynced::random, seed}; }
};

/// The bytes of one file.
class FileContent {
public:
  [[nodiscard]] std::span<const std::byte> bytes() const { return current_; }
  void write(std::span<const std::byte> data, std::uint64_t offset);
  void truncate(std::uint64_t size_bytes);
  /// What readers see is durable from now on, but for what a failed sync lost.
  void sync();
  /// A sync failed: the unsynced operations never reach the disk, though readers still see them.
  void forget_unsynced();
  /// The content after a crash, all of it durable. `random` decides where the policy does not.
  [[nodiscard]] FileContent survivor(CrashPolicy::Unsynced unsynced, Random& random) const;

private:
  struct Write {
    std::uint64_t offset = 0;
    std::vector<std::byte> bytes;
  };
  struct Truncate {
    std::uint64_t size_bytes = 0;
  };
  using Operation = std::variant<Write, Truncate>;

  static void apply(const Operation& operation, std::vector<std::byte>& content);
  static void apply_in_part(const Operation& operation, std::vector<std::byte>& content, Random& random);

  std::vector<std::byte> current_;
  std::vector<std::byte> durable_;
  std::vector<Operation> unsynced_;
};

struct Node;
using NodePointer = std::shared_ptr<Node>;

/// The names in one directory.
class DirectoryContent {
public:
  using Entries = std::map<std::string, NodePointer>;

  [[nodiscard]] const Entries& entries() const { return current_; }
  void add(const std::string& name, NodePointer node) { change({std::nullopt, name, std::move(node)}); }
  void remove(const std::string& name) { change({name, std::nullopt, nullptr}); }
  /// One operation: a crash leaves one of the names.
  void rename(const std::string& from, const std::string& to);
  void sync();
  /// The entries after a crash. The nodes are still those of before it.
  [[nodiscard]] Entries survivor(CrashPolicy::Unsynced unsynced, Random& random) const;

private:
  struct Operation {
    std::optional<std::string> removed;
    std::optional<std::string> added;
    NodePointer node;
  };

  static void apply(const Operation& operation, Entries& entries);
  void change(Operation operation);

  Entries current_;
  Entries durable_;
  std::vector<Operation> unsynced_;
};

/// A file or a directory; an inode.
struct Node {
  std::variant<FileContent, DirectoryContent> content;
  std::uint64_t link_count = 0; ///< Names readers see.
  bool locked = false;

  [[nodiscard]] FileContent* file() { return std::get_if<FileContent>(&content); }
  [[nodiscard]] DirectoryContent* directory() { return std::get_if<DirectoryContent>(&content); }
};

/// A copy of the tree below the directory `root` as a crash would leave it; its nodes are new.
[[nodiscard]] NodePointer tree_after_crash(const NodePointer& root, const CrashPolicy& policy);

/// The sizes of the files below `root`, each counted once.
[[nodiscard]] std::uint64_t tree_size_bytes(const NodePointer& root);

} // namespace weir::io
