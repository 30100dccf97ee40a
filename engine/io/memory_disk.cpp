#include "engine/io/memory_disk.hpp"

#include "engine/io/path.hpp"
#include "engine/text.hpp"

#include <algorithm>
#include <numeric>

namespace weir::io {

namespace {

Error missing(const std::string& path) {
  return fail(Errc::not_found, "no such file or directory", path);
}

std::string place_text(const std::string& path, std::uint64_t offset) {
  return format("{}:{}", path, offset);
}

} // namespace

std::uint64_t CallCounters::total() const {
  return std::accumulate(calls.begin(), calls.end(), std::uint64_t{0});
}

Status MemoryDisk::begin(Operation operation, std::string_view path, std::uint64_t offset, std::uint64_t size_bytes,
                         std::string_view rename_to, std::uint64_t* done_bytes) {
  Call call{operation, path, rename_to, offset, size_bytes, 0, done_bytes};
  std::shared_ptr<const CallHook> hook;
  {
    const std::lock_guard guard(calls_mutex_);
    ++counters_.calls[static_cast<std::size_t>(operation)];
    call.number = ++last_number_;
    hook = hook_;
  }
  if (!hook)
    return {};
  auto error = (*hook)(call);
  return error ? Status(std::move(*error)) : Status();
}

void MemoryDisk::set_hook(CallHook hook) {
  auto replaced = hook ? std::make_shared<const CallHook>(std::move(hook)) : nullptr;
  const std::lock_guard guard(calls_mutex_);
  hook_.swap(replaced);
}

CallCounters MemoryDisk::counters() const {
  const std::lock_guard guard(calls_mutex_);
  return counters_;
}

void MemoryDisk::count_bytes(std::uint64_t read_bytes, std::uint64_t written_bytes) {
  const std::lock_guard guard(calls_mutex_);
  counters_.read_bytes += read_bytes;
  counters_.written_bytes += written_bytes;
}

Status MemoryDisk::write(Node& node, std::span<const std::byte> data, std::uint64_t offset, const std::string& path) {
  auto& content = *node.file();
  const auto size_bytes = content.bytes().size();
  const auto end_max = size_bytes + (capacity_bytes - used_bytes);
  const auto fitting_bytes = offset >= end_max ? 0 : std::min<std::uint64_t>(data.size(), end_max - offset);
  if (fitting_bytes > 0)
    content.write(data.first(fitting_bytes), offset, ++operations);
  if (node.link_count > 0)
    used_bytes += content.bytes().size() - size_bytes;
  count_bytes(0, fitting_bytes);
  if (fitting_bytes < data.size())
    return fail(Errc::disk_full, "cannot write: no space left on device", place_text(path, offset + fitting_bytes));
  return {};
}

Status MemoryDisk::truncate(Node& node, std::uint64_t size_bytes, const std::string& path) {
  auto& content = *node.file();
  const auto before_bytes = content.bytes().size();
  if (size_bytes > before_bytes && size_bytes - before_bytes > capacity_bytes - used_bytes)
    return fail(Errc::disk_full, "cannot truncate: no space left on device", place_text(path, size_bytes));
  content.truncate(size_bytes, ++operations);
  if (node.link_count > 0)
    used_bytes = used_bytes - before_bytes + size_bytes;
  return {};
}

void MemoryDisk::drop_link(Node& node) {
  if (--node.link_count == 0 && node.file() != nullptr)
    used_bytes -= node.file()->bytes().size();
}

Result<NodePointer> MemoryDisk::walk(std::span<const std::string_view> names, const std::string& path) const {
  auto node = root;
  for (const auto name : names) {
    const auto* directory = node->directory();
    if (directory == nullptr)
      return fail(Errc::io_error, "not a directory", path);
    const auto found = directory->entries().find(std::string(name));
    if (found == directory->entries().end())
      return missing(path);
    // Not straight into `node`: it may be what keeps the entry alive.
    auto next = found->second;
    node = std::move(next);
  }
  return node;
}

Result<NodePointer> MemoryDisk::find(const std::string& path) const {
  const auto names = split_path(path);
  return names ? walk(*names, path) : names.error();
}

Result<NodePointer> MemoryDisk::find_directory(const std::string& path) const {
  auto node = find(path);
  if (node && (*node)->directory() == nullptr)
    return fail(Errc::io_error, "not a directory", path);
  return node;
}

Result<MemoryDisk::Place> MemoryDisk::find_place(const std::string& path) const {
  const auto names = split_path(path);
  if (!names)
    return names.error();
  if (names->empty())
    return fail(Errc::invalid_argument, "a name inside the data directory is needed", path);
  auto parent = walk(std::span(*names).first(names->size() - 1), path);
  if (!parent)
    return std::move(parent).error();
  auto* directory = (*parent)->directory();
  if (directory == nullptr)
    return fail(Errc::io_error, "not a directory", path);
  Place place{std::move(parent).value(), std::string(names->back()), nullptr};
  if (const auto found = directory->entries().find(place.name); found != directory->entries().end())
    place.node = found->second;
  return place;
}

} // namespace weir::io
