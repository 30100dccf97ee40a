#include "engine/io/memory_file_system.hpp"

#include "engine/io/memory_disk.hpp"
#include "engine/text.hpp"

#include <algorithm>
#include <mutex>
#include <unistd.h>
#include <utility>

namespace weir::io {

namespace {

class MemoryFile final : public File {
public:
  MemoryFile(std::shared_ptr<MemoryDisk> disk, NodePointer node, std::string path, bool writable)
      : disk_(std::move(disk)), node_(std::move(node)), path_(std::move(path)), writable_(writable) {
    ++disk_->open_files;
  }
  ~MemoryFile() override {
    const std::lock_guard guard(disk_->mutex);
    --disk_->open_files;
  }

  Result<std::size_t> pread(std::span<std::byte> out, std::uint64_t offset) const override {
    WEIR_TRY(disk_->begin(Operation::read, path_, offset, out.size()));
    const std::lock_guard guard(disk_->mutex);
    const auto bytes = content().bytes();
    if (offset >= bytes.size())
      return 0;
    const auto part = bytes.subspan(offset, std::min(out.size(), bytes.size() - offset));
    std::copy(part.begin(), part.end(), out.begin());
    disk_->count_bytes(part.size(), 0);
    return part.size();
  }

  Status pwrite(std::span<const std::byte> data, std::uint64_t offset) override {
    std::uint64_t done_bytes = 0;
    Status status = disk_->begin(Operation::write, path_, offset, data.size(), {}, &done_bytes);
    if (!status && done_bytes == 0)
      return status;
    WEIR_TRY(need_writable(offset));
    const std::lock_guard guard(disk_->mutex);
    if (status)
      return disk_->write(*node_, data, offset, path_);
    static_cast<void>(disk_->write(*node_, data.first(std::min<std::size_t>(done_bytes, data.size())), offset, path_));
    return status;
  }

  Status append(std::span<const std::byte> data) override { return pwrite(data, size_now()); }

  Status sync_data() override {
    auto status = disk_->begin(Operation::sync_data, path_);
    if (status && sync_failed_)
      status = fail(Errc::io_error, "cannot sync: an earlier sync of this file failed", path_);
    const std::lock_guard guard(disk_->mutex);
    if (status) {
      content().sync();
    } else {
      sync_failed_ = true;
      content().forget_unsynced(disk_->failed_sync_reverts);
    }
    return status;
  }

  Result<std::uint64_t> size() const override {
    WEIR_TRY(disk_->begin(Operation::size, path_));
    return size_now();
  }

  Status truncate(std::uint64_t size_bytes) override {
    WEIR_TRY(disk_->begin(Operation::truncate, path_, 0, size_bytes));
    WEIR_TRY(need_writable(size_bytes));
    const std::lock_guard guard(disk_->mutex);
    return disk_->truncate(*node_, size_bytes, path_);
  }

private:
  FileContent& content() const { return *node_->file(); }
  std::uint64_t size_now() const {
    const std::lock_guard guard(disk_->mutex);
    return content().bytes().size();
  }
  Status need_writable(std::uint64_t offset) const {
    if (!writable_)
      return fail(Errc::io_error, "the file is open for reading only", format("{}:{}", path_, offset));
    return {};
  }

  std::shared_ptr<MemoryDisk> disk_;
  NodePointer node_;
  std::string path_;
  bool writable_ = false;
  bool sync_failed_ = false;
};

class MemoryFileLock final : public FileLock {
public:
  MemoryFileLock(std::shared_ptr<MemoryDisk> disk, NodePointer node) : disk_(std::move(disk)), node_(std::move(node)) {}
  ~MemoryFileLock() override {
    const std::lock_guard guard(disk_->mutex);
    node_->locked = false;
  }

private:
  std::shared_ptr<MemoryDisk> disk_;
  NodePointer node_;
};

NodePointer new_node(std::variant<FileContent, DirectoryContent> content) {
  auto node = std::make_shared<Node>();
  node->content = std::move(content);
  return node;
}

/// Gives `node` the name of `place`, where nothing is.
void add_link(MemoryDisk& disk, const MemoryDisk::Place& place, const NodePointer& node) {
  ++node->link_count;
  place.parent->directory()->add(place.name, node, ++disk.operations);
}

} // namespace

MemoryFileSystem::MemoryFileSystem() : MemoryFileSystem(std::make_shared<MemoryDisk>(new_node(DirectoryContent()))) {
}

MemoryFileSystem::MemoryFileSystem(std::shared_ptr<MemoryDisk> disk) : disk_(std::move(disk)) {
}

MemoryFileSystem::~MemoryFileSystem() = default;

Result<std::unique_ptr<File>> MemoryFileSystem::open(const std::string& path, OpenMode mode) {
  WEIR_TRY(disk_->begin(Operation::open, path));
  const std::lock_guard guard(disk_->mutex);
  auto place = disk_->find_place(path);
  if (!place)
    return std::move(place).error();
  if (mode == OpenMode::create) {
    if (place->node)
      return fail(Errc::io_error, "cannot open: file exists", path);
    place->node = new_node(FileContent());
    add_link(*disk_, *place, place->node);
  }
  if (!place->node)
    return fail(Errc::not_found, "cannot open: no such file or directory", path);
  if (place->node->file() == nullptr)
    return fail(Errc::io_error, "cannot open: it is not a regular file", path);
  return std::unique_ptr<File>(std::make_unique<MemoryFile>(disk_, place->node, path, mode != OpenMode::read_only));
}

Status MemoryFileSystem::rename(const std::string& from, const std::string& to) {
  WEIR_TRY(disk_->begin(Operation::rename, from, 0, 0, to));
  const std::lock_guard guard(disk_->mutex);
  const auto source = disk_->find_place(from);
  if (!source)
    return source.error();
  const auto target = disk_->find_place(to);
  if (!target)
    return target.error();
  if (!source->node)
    return fail(Errc::not_found, format("cannot rename to {}: no such file or directory", to), from);
  if (source->node->file() == nullptr || (target->node && target->node->file() == nullptr))
    return fail(Errc::io_error, format("cannot rename to {}: only files are renamed", to), from);
  if (source->node == target->node) // POSIX: two names of one file stay as they are.
    return {};
  if (target->node)
    disk_->drop_link(*target->node);
  if (source->parent == target->parent) {
    source->parent->directory()->rename(source->name, target->name, ++disk_->operations);
  } else {
    target->parent->directory()->add(target->name, source->node, ++disk_->operations);
    source->parent->directory()->remove(source->name, ++disk_->operations);
  }
  return {};
}

Status MemoryFileSystem::unlink(const std::string& path) {
  WEIR_TRY(disk_->begin(Operation::unlink, path));
  const std::lock_guard guard(disk_->mutex);
  const auto place = disk_->find_place(path);
  if (!place)
    return place.error();
  if (!place->node)
    return fail(Errc::not_found, "cannot remove: no such file or directory", path);
  if (place->node->file() == nullptr)
    return fail(Errc::io_error, "cannot remove: it is a directory", path);
  place->parent->directory()->remove(place->name, ++disk_->operations);
  disk_->drop_link(*place->node);
  return {};
}

Status MemoryFileSystem::create_directory(const std::string& path) {
  WEIR_TRY(disk_->begin(Operation::create_directory, path));
  const std::lock_guard guard(disk_->mutex);
  const auto place = disk_->find_place(path);
  if (!place)
    return place.error();
  if (!place->node)
    add_link(*disk_, *place, new_node(DirectoryContent()));
  else if (place->node->directory() == nullptr)
    return fail(Errc::io_error, "cannot create the directory: something else has its name", path);
  return {};
}

Status MemoryFileSystem::sync_directory(const std::string& path) {
  WEIR_TRY(disk_->begin(Operation::sync_directory, path));
  const std::lock_guard guard(disk_->mutex);
  const auto node = disk_->find_directory(path);
  if (!node)
    return node.error();
  (*node)->directory()->sync();
  return {};
}

Result<std::vector<DirectoryEntry>> MemoryFileSystem::list(const std::string& path) {
  WEIR_TRY(disk_->begin(Operation::list, path));
  const std::lock_guard guard(disk_->mutex);
  const auto node = disk_->find_directory(path);
  if (!node)
    return node.error();
  std::vector<DirectoryEntry> entries;
  for (const auto& [name, entry] : (*node)->directory()->entries())
    entries.push_back({name, entry->file() != nullptr ? EntryKind::file : EntryKind::directory});
  return entries;
}

Result<FileInfo> MemoryFileSystem::stat(const std::string& path) {
  WEIR_TRY(disk_->begin(Operation::stat, path));
  const std::lock_guard guard(disk_->mutex);
  const auto node = disk_->find(path);
  if (!node)
    return node.error();
  if (const auto* file = (*node)->file())
    return FileInfo{EntryKind::file, file->bytes().size(), (*node)->link_count};
  return FileInfo{EntryKind::directory, 0, 1};
}

Result<std::unique_ptr<FileLock>> MemoryFileSystem::lock(const std::string& path) {
  WEIR_TRY(disk_->begin(Operation::lock, path));
  const std::lock_guard guard(disk_->mutex);
  auto place = disk_->find_place(path);
  if (!place)
    return std::move(place).error();
  if (!place->node) {
    place->node = new_node(FileContent());
    add_link(*disk_, *place, place->node);
  }
  auto& node = *place->node;
  if (node.file() == nullptr)
    return fail(Errc::io_error, "cannot open: it is not a regular file", path);
  if (node.locked)
    return fail(Errc::locked, format("directory is in use by process {}", ::getpid()), path);
  const auto text = format("{}\n", ::getpid());
  const Status written = disk_->write(node, std::as_bytes(std::span(text)), 0, path);
  WEIR_TRY(disk_->truncate(node, written.ok() ? text.size() : 0, path)); // as the real one: a full disk still locks
  node.locked = true;
  return std::unique_ptr<FileLock>(std::make_unique<MemoryFileLock>(disk_, place->node));
}

Result<std::uint64_t> MemoryFileSystem::free_bytes() {
  WEIR_TRY(disk_->begin(Operation::free_bytes));
  const std::lock_guard guard(disk_->mutex);
  return disk_->capacity_bytes - disk_->used_bytes;
}

std::optional<std::string> MemoryFileSystem::native_path(const std::string&) const {
  return std::nullopt;
}

std::unique_ptr<MemoryFileSystem> MemoryFileSystem::share() const {
  return std::unique_ptr<MemoryFileSystem>(new MemoryFileSystem(disk_));
}

std::unique_ptr<MemoryFileSystem> MemoryFileSystem::crash_image(const CrashPolicy& policy) const {
  const std::lock_guard guard(disk_->mutex);
  auto disk = std::make_shared<MemoryDisk>(tree_after_crash(disk_->root, policy));
  disk->used_bytes = tree_size_bytes(disk->root);
  disk->capacity_bytes = std::max(disk_->capacity_bytes, disk->used_bytes); // A lost removal takes its space again.
  return std::unique_ptr<MemoryFileSystem>(new MemoryFileSystem(std::move(disk)));
}

std::unique_ptr<MemoryFileSystem> MemoryFileSystem::after_kill() const {
  const std::lock_guard guard(disk_->mutex);
  auto disk = std::make_shared<MemoryDisk>(tree_copy(disk_->root));
  disk->used_bytes = disk_->used_bytes;
  disk->capacity_bytes = disk_->capacity_bytes;
  disk->operations = disk_->operations;
  disk->failed_sync_reverts = disk_->failed_sync_reverts;
  return std::unique_ptr<MemoryFileSystem>(new MemoryFileSystem(std::move(disk)));
}

void MemoryFileSystem::set_hook(CallHook hook) {
  disk_->set_hook(std::move(hook));
}

void MemoryFileSystem::set_free_bytes(std::uint64_t bytes) {
  const std::lock_guard guard(disk_->mutex);
  disk_->capacity_bytes = disk_->used_bytes + bytes;
}

void MemoryFileSystem::set_failed_sync_reverts(bool reverts) {
  const std::lock_guard guard(disk_->mutex);
  disk_->failed_sync_reverts = reverts;
}

Status MemoryFileSystem::add_hard_link(const std::string& path, const std::string& new_path) {
  const std::lock_guard guard(disk_->mutex);
  const auto node = disk_->find(path);
  if (!node)
    return node.error();
  const auto place = disk_->find_place(new_path);
  if (!place)
    return place.error();
  if (place->node || (*node)->file() == nullptr)
    return fail(Errc::io_error, "cannot link", new_path);
  add_link(*disk_, *place, *node);
  return {};
}

CallCounters MemoryFileSystem::counters() const {
  return disk_->counters();
}

std::vector<UnsyncedOperation> MemoryFileSystem::unsynced() const {
  const std::lock_guard guard(disk_->mutex);
  return unsynced_operations(disk_->root);
}

std::uint64_t MemoryFileSystem::content_hash(const std::string& path) const {
  const std::lock_guard guard(disk_->mutex);
  const auto node = disk_->find(path);
  return node ? tree_hash(*node) : 0;
}

std::uint64_t MemoryFileSystem::open_files() const {
  const std::lock_guard guard(disk_->mutex);
  return disk_->open_files;
}

} // namespace weir::io
