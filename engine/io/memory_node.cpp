#include "engine/io/memory_node.hpp"

#include "engine/check.hpp"

#include <algorithm>
#include <set>

namespace weir::io {

namespace {

constexpr std::uint64_t sector_bytes = 512;

bool coin(Random& random) {
  return (random.next() & 1U) != 0;
}

void put(std::span<const std::byte> data, std::uint64_t offset, std::vector<std::byte>& content) {
  if (data.empty())
    return;
  if (content.size() < offset + data.size())
    content.resize(offset + data.size());
  std::copy(data.begin(), data.end(), content.begin() + static_cast<std::ptrdiff_t>(offset));
}

} // namespace

void FileContent::apply(const Operation& operation, std::vector<std::byte>& content) {
  if (const auto* write = std::get_if<Write>(&operation))
    put(write->bytes, write->offset, content);
  else
    content.resize(std::get<Truncate>(operation).size_bytes);
}

void FileContent::apply_in_part(const Operation& operation, std::vector<std::byte>& content, Random& random) {
  const auto* write = std::get_if<Write>(&operation);
  if (write == nullptr) {
    if (coin(random))
      apply(operation, content);
    return;
  }
  const std::span<const std::byte> data = write->bytes;
  const auto end = write->offset + data.size();
  enum class Fate : std::uint8_t { lost, kept, torn_at_byte, torn_at_sector, scattered };
  const auto fate = static_cast<Fate>(random.next() % 5);
  if (fate == Fate::kept) {
    apply(operation, content);
  } else if (fate == Fate::torn_at_byte) {
    put(data.first(random.next() % (data.size() + 1)), write->offset, content);
  } else if (fate == Fate::torn_at_sector) {
    const auto tear = (write->offset + random.next() % (data.size() + 1)) / sector_bytes * sector_bytes;
    put(data.first(std::max(tear, write->offset) - write->offset), write->offset, content);
  } else if (fate == Fate::scattered) {
    // The size may reach the disk before the data: then what is missing reads as zeros.
    if (coin(random) && content.size() < end)
      content.resize(end);
    for (auto start = write->offset; start < end;) {
      const auto stop = std::min(end, (start / sector_bytes + 1) * sector_bytes);
      if (coin(random))
        put(data.subspan(start - write->offset, stop - start), start, content);
      start = stop;
    }
  }
}

void FileContent::write(std::span<const std::byte> data, std::uint64_t offset) {
  unsynced_.push_back(Write{offset, {data.begin(), data.end()}});
  apply(unsynced_.back(), current_);
}

void FileContent::truncate(std::uint64_t size_bytes) {
  unsynced_.push_back(Truncate{size_bytes});
  apply(unsynced_.back(), current_);
}

void FileContent::sync() {
  for (const auto& operation : unsynced_)
    apply(operation, durable_);
  unsynced_.clear();
}

void FileContent::forget_unsynced() {
  unsynced_.clear();
}

FileContent FileContent::survivor(CrashPolicy::Unsynced unsynced, Random& random) const {
  FileContent after;
  after.durable_ = unsynced == CrashPolicy::Unsynced::kept ? current_ : durable_;
  if (unsynced == CrashPolicy::Unsynced::random)
    for (const auto& operation : unsynced_)
      apply_in_part(operation, after.durable_, random);
  after.current_ = after.durable_;
  return after;
}

void DirectoryContent::apply(const Operation& operation, Entries& entries) {
  if (operation.removed)
    entries.erase(*operation.removed);
  if (operation.added)
    entries[*operation.added] = operation.node;
}

void DirectoryContent::change(Operation operation) {
  apply(operation, current_);
  unsynced_.push_back(std::move(operation));
}

void DirectoryContent::rename(const std::string& from, const std::string& to) {
  const auto found = current_.find(from);
  WEIR_CHECK(found != current_.end());
  change({from, to, found->second});
}

void DirectoryContent::sync() {
  for (const auto& operation : unsynced_)
    apply(operation, durable_);
  unsynced_.clear();
}

DirectoryContent::Entries DirectoryContent::survivor(CrashPolicy::Unsynced unsynced, Random& random) const {
  if (unsynced == CrashPolicy::Unsynced::kept)
    return current_;
  auto after = durable_;
  if (unsynced == CrashPolicy::Unsynced::random)
    for (const auto& operation : unsynced_)
      if (coin(random))
        apply(operation, after);
  return after;
}

namespace {

/// Copies each node once, so that the names of one file still share it.
class CrashCopy {
public:
  explicit CrashCopy(const CrashPolicy& policy)
      : unsynced_(policy.unsynced), random_(make_seeded_random(policy.seed)) {}

  NodePointer copy(const NodePointer& node) {
    auto& after = copies_[node.get()];
    if (after)
      return after;
    after = std::make_shared<Node>();
    const auto result = after;
    if (const auto* file = node->file()) {
      result->content = file->survivor(unsynced_, *random_);
      return result;
    }
    DirectoryContent directory;
    for (const auto& [name, entry] : node->directory()->survivor(unsynced_, *random_)) {
      auto child = copy(entry);
      ++child->link_count;
      directory.add(name, std::move(child));
    }
    directory.sync();
    result->content = std::move(directory);
    return result;
  }

private:
  CrashPolicy::Unsynced unsynced_;
  std::unique_ptr<Random> random_;
  std::map<const Node*, NodePointer> copies_;
};

std::uint64_t size_once(Node& node, std::set<const Node*>& counted) {
  if (!counted.insert(&node).second)
    return 0;
  if (const auto* file = node.file())
    return file->bytes().size();
  std::uint64_t size_bytes = 0;
  for (const auto& [name, entry] : node.directory()->entries())
    size_bytes += size_once(*entry, counted);
  return size_bytes;
}

} // namespace

NodePointer tree_after_crash(const NodePointer& root, const CrashPolicy& policy) {
  return CrashCopy(policy).copy(root);
}

std::uint64_t tree_size_bytes(const NodePointer& root) {
  std::set<const Node*> counted;
  return size_once(*root, counted);
}

} // namespace weir::io
