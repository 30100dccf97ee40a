#include "engine/io/memory_node.hpp"

#include "engine/check.hpp"
#include "engine/hash.hpp"

#include <algorithm>
#include <array>
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

FileContent::FileContent() : current_(std::make_shared<Buffer>()), durable_(current_) {
}

/// For writing: shared bytes are copied first.
std::vector<std::byte>& FileContent::own(BufferPointer& buffer) {
  if (buffer.use_count() > 1) {
    auto copy = std::make_shared<Buffer>();
    copy->bytes = buffer->bytes;
    buffer = std::move(copy);
  }
  std::atomic_thread_fence(std::memory_order_acquire); // who shared it last has done its reading
  buffer->hash.store(0, std::memory_order_relaxed);
  return buffer->bytes;
}

void FileContent::apply(const Operation& operation, std::vector<std::byte>& content) {
  if (operation.what.kind == UnsyncedOperation::Kind::write)
    put(operation.bytes, operation.what.offset, content);
  else
    content.resize(operation.what.size_bytes);
}

void FileContent::apply_fate(const Operation& operation, const Fate& fate, std::uint64_t seed,
                             std::vector<std::byte>& content) {
  const auto& what = operation.what;
  if (what.kind != UnsyncedOperation::Kind::write || fate.kept_bytes >= what.size_bytes) {
    if (fate.kept_bytes > 0)
      apply(operation, content);
    return;
  }
  const auto kept = static_cast<std::size_t>(fate.kept_bytes);
  put(std::span(operation.bytes).first(kept), what.offset, content);
  if (fate.rest == Fate::Rest::old)
    return;
  std::vector<std::byte> rest(operation.bytes.size() - kept);
  if (fate.rest == Fate::Rest::garbage) {
    const auto random = make_seeded_random(seed ^ (what.number * 0x9e3779b97f4a7c15U));
    for (std::byte& byte : rest)
      byte = static_cast<std::byte>(random->next());
  }
  put(rest, what.offset + kept, content);
}

void FileContent::apply_at_random(const Operation& operation, std::vector<std::byte>& content, Random& random) {
  const auto& what = operation.what;
  if (what.kind != UnsyncedOperation::Kind::write) {
    if (coin(random))
      apply(operation, content);
    return;
  }
  const std::span<const std::byte> data = operation.bytes;
  const auto end = what.offset + data.size();
  enum class Outcome : std::uint8_t { lost, kept, torn_at_byte, torn_at_sector, scattered };
  const auto outcome = static_cast<Outcome>(random.next() % 5);
  if (outcome == Outcome::kept) {
    apply(operation, content);
  } else if (outcome == Outcome::torn_at_byte) {
    put(data.first(random.next() % (data.size() + 1)), what.offset, content);
  } else if (outcome == Outcome::torn_at_sector) {
    const auto tear = (what.offset + random.next() % (data.size() + 1)) / sector_bytes * sector_bytes;
    put(data.first(std::max(tear, what.offset) - what.offset), what.offset, content);
  } else if (outcome == Outcome::scattered) {
    // The size may reach the disk before the data: then what is missing reads as zeros.
    if (coin(random) && content.size() < end)
      content.resize(end);
    for (auto start = what.offset; start < end;) {
      const auto stop = std::min(end, (start / sector_bytes + 1) * sector_bytes);
      if (coin(random))
        put(data.subspan(start - what.offset, stop - start), start, content);
      start = stop;
    }
  }
}

void FileContent::write(std::span<const std::byte> data, std::uint64_t offset, std::uint64_t number) {
  unsynced_.push_back({{UnsyncedOperation::Kind::write, number, offset, data.size()}, {data.begin(), data.end()}});
  apply(unsynced_.back(), own(current_));
}

void FileContent::truncate(std::uint64_t size_bytes, std::uint64_t number) {
  unsynced_.push_back({{UnsyncedOperation::Kind::truncate, number, 0, size_bytes}, {}});
  apply(unsynced_.back(), own(current_));
}

void FileContent::sync() {
  if (unsynced_.empty())
    return;
  auto& durable = own(durable_);
  for (const auto& operation : unsynced_)
    apply(operation, durable);
  unsynced_.clear();
}

void FileContent::forget_unsynced(bool revert) {
  unsynced_.clear();
  if (revert)
    current_ = durable_;
}

FileContent FileContent::survivor(const CrashPolicy& policy, Random& random) const {
  FileContent after;
  after.durable_ = policy.unsynced == CrashPolicy::Unsynced::kept ? current_ : durable_;
  for (const auto& operation : unsynced_) {
    if (policy.unsynced == CrashPolicy::Unsynced::random) {
      apply_at_random(operation, own(after.durable_), random);
    } else if (policy.unsynced == CrashPolicy::Unsynced::chosen) {
      const Fate fate = policy.choose(operation.what);
      if (fate.kept_bytes > 0 || fate.rest != Fate::Rest::old)
        apply_fate(operation, fate, policy.seed, own(after.durable_));
    }
  }
  after.current_ = after.durable_;
  return after;
}

void FileContent::list_unsynced(std::vector<UnsyncedOperation>& out) const {
  for (const auto& operation : unsynced_)
    out.push_back(operation.what);
}

std::uint64_t FileContent::hash() const {
  auto hash = current_->hash.load(std::memory_order_relaxed);
  if (hash == 0) {
    hash = std::max<std::uint64_t>(1, hash64(current_->bytes.data(), current_->bytes.size(), 0));
    current_->hash.store(hash, std::memory_order_relaxed);
  }
  return hash;
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

void DirectoryContent::rename(const std::string& from, const std::string& to, std::uint64_t number) {
  const auto found = current_.find(from);
  WEIR_CHECK(found != current_.end());
  change({number, from, to, found->second});
}

void DirectoryContent::sync() {
  for (const auto& operation : unsynced_)
    apply(operation, durable_);
  unsynced_.clear();
}

DirectoryContent::Entries DirectoryContent::survivor(const CrashPolicy& policy, Random& random) const {
  if (policy.unsynced == CrashPolicy::Unsynced::kept)
    return current_;
  auto after = durable_;
  for (const auto& operation : unsynced_) {
    const bool kept = policy.unsynced == CrashPolicy::Unsynced::random
                          ? coin(random)
                          : policy.unsynced == CrashPolicy::Unsynced::chosen &&
                                policy.choose({UnsyncedOperation::Kind::name, operation.number, 0, 0}).kept_bytes > 0;
    if (kept)
      apply(operation, after);
  }
  return after;
}

DirectoryContent DirectoryContent::copied(const std::function<NodePointer(const NodePointer&)>& copy) const {
  DirectoryContent result = *this;
  for (Entries* entries : {&result.current_, &result.durable_})
    for (auto& [name, node] : *entries)
      node = copy(node);
  for (auto& operation : result.unsynced_)
    if (operation.node)
      operation.node = copy(operation.node);
  return result;
}

void DirectoryContent::list_unsynced(std::vector<UnsyncedOperation>& out) const {
  for (const auto& operation : unsynced_)
    out.push_back({UnsyncedOperation::Kind::name, operation.number, 0, 0});
}

std::vector<NodePointer> DirectoryContent::possible_nodes() const {
  std::vector<NodePointer> nodes;
  for (const auto& [name, node] : durable_)
    nodes.push_back(node);
  for (const auto& operation : unsynced_)
    if (operation.node)
      nodes.push_back(operation.node);
  return nodes;
}

namespace {

/// Copies each node once, so that the names of one file still share it.
class CrashCopy {
public:
  explicit CrashCopy(const CrashPolicy& policy) : policy_(policy), random_(make_seeded_random(policy.seed)) {}

  NodePointer copy(const NodePointer& node) {
    auto& after = copies_[node.get()];
    if (after)
      return after;
    after = std::make_shared<Node>();
    const auto result = after;
    if (const auto* file = node->file()) {
      result->content = file->survivor(policy_, *random_);
      return result;
    }
    DirectoryContent directory;
    for (const auto& [name, entry] : node->directory()->survivor(policy_, *random_)) {
      auto child = copy(entry);
      ++child->link_count;
      directory.add(name, std::move(child), 0);
    }
    directory.sync();
    result->content = std::move(directory);
    return result;
  }

private:
  const CrashPolicy& policy_;
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

NodePointer tree_copy(const NodePointer& root) {
  std::map<const Node*, NodePointer> copies;
  const std::function<NodePointer(const NodePointer&)> copy = [&](const NodePointer& node) {
    auto& known = copies[node.get()];
    if (known)
      return known;
    const auto made = known = std::make_shared<Node>();
    made->link_count = node->link_count;
    if (const auto* file = node->file())
      made->content = *file;
    else
      made->content = node->directory()->copied(copy);
    return made;
  };
  return copy(root);
}

std::vector<UnsyncedOperation> unsynced_operations(const NodePointer& root) {
  std::vector<UnsyncedOperation> operations;
  std::set<const Node*> seen;
  std::vector<NodePointer> left{root};
  while (!left.empty()) {
    const auto node = std::move(left.back());
    left.pop_back();
    if (!seen.insert(node.get()).second)
      continue;
    if (const auto* file = node->file()) {
      file->list_unsynced(operations);
    } else {
      const auto& directory = *node->directory();
      directory.list_unsynced(operations);
      for (auto& child : directory.possible_nodes())
        left.push_back(std::move(child));
    }
  }
  std::sort(operations.begin(), operations.end(), [](const auto& a, const auto& b) { return a.number < b.number; });
  return operations;
}

std::uint64_t tree_hash(const NodePointer& root) {
  if (const auto* file = root->file()) {
    const std::array<std::uint64_t, 2> parts{file->hash(), root->link_count};
    return hash64(parts.data(), sizeof parts, 1);
  }
  std::uint64_t hash = 2;
  for (const auto& [name, node] : root->directory()->entries()) {
    const std::array<std::uint64_t, 2> parts{hash64(name, 0), tree_hash(node)};
    hash = hash64(parts.data(), sizeof parts, hash);
  }
  return hash;
}

std::uint64_t tree_size_bytes(const NodePointer& root) {
  std::set<const Node*> counted;
  return size_once(*root, counted);
}

} // namespace weir::io
