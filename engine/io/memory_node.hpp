// What a simulated disk holds: files and directories that know which part of them would survive a crash.
//
// Purpose: keeps, per file and per directory, the durable state apart from what readers see, with the operations in
// between, so that any legal outcome of a power cut can be built. Owner: the MemoryFileSystem. Threading: none of its
// own; the file system's mutex guards it. Invariants: without a failed sync, durable state plus unsynced operations in
// order is what readers see.
#pragma once

#include "engine/io/random.hpp"

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <variant>
#include <vector>

namespace weir::io {

/// Something done to a file or directory that no sync has made durable yet.
struct UnsyncedOperation {
  enum class Kind : std::uint8_t { write, truncate, name };
  Kind kind = Kind::write;
  std::uint64_t number = 0;     ///< Counts all operations of the disk in the order they were made.
  std::uint64_t offset = 0;     ///< Of a write.
  std::uint64_t size_bytes = 0; ///< Of a write; the new size of a truncation.
};

/// What a crash makes of one unsynced operation.
struct Fate {
  enum class Rest : std::uint8_t { old, zeros, garbage };
  std::uint64_t kept_bytes = 0; ///< Of a write its first bytes that reached the disk; of anything else, 0 is lost.
  Rest rest = Rest::old;        ///< What a write of which that is not all left in the place of the others.

  [[nodiscard]] static Fate lost() { return {}; }
  [[nodiscard]] static Fate kept() { return {UINT64_MAX, Rest::old}; }
};

/// Which unsynced operations a crash leaves behind.
struct CrashPolicy {
  enum class Unsynced : std::uint8_t { lost, kept, random, chosen };
  using Chooser = std::function<Fate(const UnsyncedOperation&)>;
  Unsynced unsynced = Unsynced::lost;
  std::uint64_t seed = 0; ///< Of `random` and of garbage; the same seed gives the same image.
  Chooser choose;         ///< Of `chosen`.

  /// A power cut before anything unsynced reached the disk.
  [[nodiscard]] static CrashPolicy lose_unsynced() { return {Unsynced::lost, 0, {}}; }
  /// A kill of the process: the system's cache survives, so readers find what they saw.
  [[nodiscard]] static CrashPolicy keep_everything() { return {Unsynced::kept, 0, {}}; }
  /// A power cut in the middle: every unsynced operation is kept or lost by itself, in no order; writes may also be
  /// torn at a byte, at a sector (512 bytes), or keep just some of their sectors.
  [[nodiscard]] static CrashPolicy random_subset(std::uint64_t seed) { return {Unsynced::random, seed, {}}; }
  /// A power cut of which `choose` says what becomes of each operation.
  [[nodiscard]] static CrashPolicy chosen(Chooser choose) { return {Unsynced::chosen, 0, std::move(choose)}; }
};

/// The bytes of one file, shared with the images that hold the same until either side writes.
class FileContent {
public:
  FileContent();

  [[nodiscard]] std::span<const std::byte> bytes() const { return current_->bytes; }
  /// `number`: see UnsyncedOperation.
  void write(std::span<const std::byte> data, std::uint64_t offset, std::uint64_t number);
  void truncate(std::uint64_t size_bytes, std::uint64_t number);
  /// What readers see is durable from now on, but for what a failed sync lost.
  void sync();
  /// A sync failed: the unsynced operations never reach the disk. Readers still see them, unless `revert`.
  void forget_unsynced(bool revert);
  /// The content after a crash, all of it durable. `random` decides where the policy does not.
  [[nodiscard]] FileContent survivor(const CrashPolicy& policy, Random& random) const;
  void list_unsynced(std::vector<UnsyncedOperation>& out) const;
  /// Of what readers see.
  [[nodiscard]] std::uint64_t hash() const;

private:
  struct Buffer {
    std::vector<std::byte> bytes;
    mutable std::atomic<std::uint64_t> hash{0}; // 0: not known yet
  };
  using BufferPointer = std::shared_ptr<Buffer>;
  struct Operation {
    UnsyncedOperation what;
    std::vector<std::byte> bytes; // Of a write.
  };

  static std::vector<std::byte>& own(BufferPointer& buffer);
  static void apply(const Operation& operation, std::vector<std::byte>& content);
  static void apply_at_random(const Operation& operation, std::vector<std::byte>& content, Random& random);
  static void apply_fate(const Operation& operation, const Fate& fate, std::uint64_t seed,
                         std::vector<std::byte>& content);

  BufferPointer current_;
  BufferPointer durable_;
  std::vector<Operation> unsynced_;
};

struct Node;
using NodePointer = std::shared_ptr<Node>;

/// The names in one directory.
class DirectoryContent {
public:
  using Entries = std::map<std::string, NodePointer>;

  [[nodiscard]] const Entries& entries() const { return current_; }
  /// `number`: see UnsyncedOperation.
  void add(const std::string& name, NodePointer node, std::uint64_t number) {
    change({number, std::nullopt, name, std::move(node)});
  }
  void remove(const std::string& name, std::uint64_t number) { change({number, name, std::nullopt, nullptr}); }
  /// One operation: a crash leaves one of the names.
  void rename(const std::string& from, const std::string& to, std::uint64_t number);
  void sync();
  /// The entries after a crash. The nodes are still those of before it.
  [[nodiscard]] Entries survivor(const CrashPolicy& policy, Random& random) const;
  /// The same for the copies of its nodes that `copy` gives, unsynced operations included.
  [[nodiscard]] DirectoryContent copied(const std::function<NodePointer(const NodePointer&)>& copy) const;
  void list_unsynced(std::vector<UnsyncedOperation>& out) const;
  /// Every node that a crash may leave in this directory, and some twice.
  [[nodiscard]] std::vector<NodePointer> possible_nodes() const;

private:
  struct Operation {
    std::uint64_t number = 0;
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

/// A copy of the tree below the directory `root`, with all that a later crash would still decide about it.
[[nodiscard]] NodePointer tree_copy(const NodePointer& root);

/// What a crash may leave or not below the directory `root`, in the order it was done.
[[nodiscard]] std::vector<UnsyncedOperation> unsynced_operations(const NodePointer& root);

/// Of every name and byte below the directory `root` that readers see.
[[nodiscard]] std::uint64_t tree_hash(const NodePointer& root);

/// The sizes of the files below `root`, each counted once.
[[nodiscard]] std::uint64_t tree_size_bytes(const NodePointer& root);

} // namespace weir::io
