#include "engine/memtable.hpp"

#include "engine/check.hpp"
#include "engine/event_codec.hpp"
#include "engine/hash.hpp"
#include "engine/io/large_buffer.hpp"
#include <weir/limits.hpp>

#include <algorithm>
#include <array>
#include <bit>
#include <cstring>
#include <new>

namespace weir {

// Bump allocation in growing blocks; everything goes at once with the memtable.
class Memtable::Arena {
public:
  template <class T> T* make_array(std::size_t count) {
    static_assert(std::is_trivially_destructible_v<T>);
    auto* memory = static_cast<T*>(allocate(count * sizeof(T), alignof(T)));
    for (std::size_t i = 0; i < count; ++i)
      new (memory + i) T();
    return memory;
  }
  [[nodiscard]] std::uint64_t bytes() const noexcept { return bytes_; }

private:
  void* allocate(std::size_t size, std::size_t alignment) {
    std::size_t at = (used_ + alignment - 1) & ~(alignment - 1);
    if (blocks_.empty() || at + size > block_size_) {
      const std::size_t block_max = bytes_ < 2 * io::large_page_bytes ? 256 * KiB : io::large_page_bytes;
      block_size_ = std::max(size + alignment, std::clamp<std::size_t>(bytes_, 8 * KiB, block_max));
      blocks_.push_back(io::make_large_buffer(block_size_));
      bytes_ += block_size_;
      at = 0;
    }
    used_ = at + size;
    return blocks_.back().get() + at;
  }
  std::vector<io::LargeBuffer> blocks_;
  std::size_t block_size_ = 0, used_ = 0;
  std::uint64_t bytes_ = 0;
};

struct Memtable::Row {
  const Context* context = nullptr;
  std::uint64_t number = 0;
  Sequence sequence = 0;
  Position position = 0;
  Timestamp recorded_at{}, timestamp{};
  const char* bytes = nullptr; // type, id, metadata, payload follow one another
  std::uint32_t payload_bytes = 0, metadata_bytes = 0;
  std::uint16_t type_bytes = 0, id_bytes = 0;

  // Rows are spread over memory as they came, so whoever walks over those of a context asks for them well before their
  // turn: first for the row, then for the bytes that it points to.
  static constexpr std::size_t rows_ahead = 16, bytes_ahead = 8;
  static void ask_for(const Row* row) noexcept { prefetch(row, sizeof(Row)); }
  void ask_for_bytes() const noexcept {
    constexpr std::size_t most = 512;
    prefetch(bytes, std::min<std::size_t>(type_bytes + id_bytes + metadata_bytes + payload_bytes, most));
  }

private:
  static void prefetch(const void* at, std::size_t size) noexcept {
    constexpr std::size_t line_bytes = 64;
    for (std::size_t i = 0; i < size; i += line_bytes)
      __builtin_prefetch(static_cast<const char*>(at) + i);
  }
};

// The rows of one context; replaced by a larger copy when full. Readers that hold the old one see the same rows.
struct Memtable::Rows {
  std::uint32_t capacity = 0;
  const Row** items = nullptr;
};

struct Memtable::Context {
  std::string_view id;
  Sequence first_sequence = 0;
  std::atomic<Rows*> rows{nullptr};
  std::atomic<std::uint32_t> count{0};
};

// Open addressing; replaced by a larger table when half full. Readers inside the old one find what was there.
struct Memtable::Table {
  struct Slot {
    std::uint64_t hash = 0; // written before `context`
    std::atomic<Context*> context{nullptr};
  };
  std::size_t mask = 0;
  Slot* slots = nullptr;
};

struct Memtable::Page {
  std::atomic<Row*> chunks[chunks_per_page]{};
};

namespace {
constexpr std::size_t pages_max = 64; // 64 * 1,024 * 1,024 rows: far beyond what the byte bound admits
}

Memtable::Memtable(std::uint64_t hash_seed)
    : hash_seed_(hash_seed), arena_(std::make_unique<Arena>()),
      pages_(std::make_unique<std::atomic<Page*>[]>(pages_max)) {
  auto* table = arena_->make_array<Table>(1);
  table->mask = 255;
  table->slots = arena_->make_array<Table::Slot>(256);
  table_.store(table, std::memory_order_release);
}

Memtable::~Memtable() = default;

const Memtable::Row* Memtable::row(std::uint64_t number) const noexcept {
  const std::uint64_t chunk = number / chunk_rows;
  const Page* page = pages_[chunk / chunks_per_page].load(std::memory_order_acquire);
  return page->chunks[chunk % chunks_per_page].load(std::memory_order_acquire) + number % chunk_rows;
}

const Memtable::Context* Memtable::find(std::string_view context_id) const noexcept {
  return find(context_id, hash64(context_id, hash_seed_));
}

const Memtable::Context* Memtable::find(std::string_view context_id, std::uint64_t hash) const noexcept {
  const Table* table = table_.load(std::memory_order_acquire);
  for (std::size_t at = hash & table->mask;; at = (at + 1) & table->mask) {
    const Context* const context = table->slots[at].context.load(std::memory_order_acquire);
    if (context == nullptr || (table->slots[at].hash == hash && context->id == context_id))
      return context;
  }
}

void Memtable::insert(Table& table, Context& context, std::uint64_t hash) noexcept {
  std::size_t at = hash & table.mask;
  while (table.slots[at].context.load(std::memory_order_relaxed) != nullptr)
    at = (at + 1) & table.mask;
  table.slots[at].hash = hash;
  table.slots[at].context.store(&context, std::memory_order_release);
}

void Memtable::grow_table() {
  const Table* old = table_.load(std::memory_order_relaxed);
  auto* table = arena_->make_array<Table>(1);
  const std::size_t size = (old->mask + 1) * 4;
  table->mask = size - 1;
  table->slots = arena_->make_array<Table::Slot>(size);
  for (std::size_t i = 0; i <= old->mask; ++i)
    if (Context* const context = old->slots[i].context.load(std::memory_order_relaxed))
      insert(*table, *context, old->slots[i].hash);
  table_.store(table, std::memory_order_release);
}

Memtable::Context* Memtable::find_or_add(std::string_view context_id, std::uint64_t hash) {
  if (const Context* known = find(context_id, hash))
    return const_cast<Context*>(known);
  if (2 * contexts_ > table_.load(std::memory_order_relaxed)->mask)
    grow_table();
  auto* context = arena_->make_array<Context>(1);
  // Beside the context rather than in the group's buffer: whoever compares ids has just touched this place.
  char* const id = arena_->make_array<char>(context_id.size());
  std::memcpy(id, context_id.data(), context_id.size());
  context->id = {id, context_id.size()};
  insert(*table_.load(std::memory_order_relaxed), *context, hash);
  ++contexts_;
  return context;
}

void Memtable::add_row(Context& context, const EventView& event) {
  const std::uint64_t chunk = rows_ / chunk_rows;
  WEIR_CHECK(chunk / chunks_per_page < pages_max);
  auto& page_slot = pages_[chunk / chunks_per_page];
  Page* page = page_slot.load(std::memory_order_relaxed);
  if (page == nullptr) {
    page = arena_->make_array<Page>(1);
    page_slot.store(page, std::memory_order_release);
  }
  Row* rows = page->chunks[chunk % chunks_per_page].load(std::memory_order_relaxed);
  if (rows == nullptr) {
    rows = arena_->make_array<Row>(chunk_rows);
    page->chunks[chunk % chunks_per_page].store(rows, std::memory_order_release);
  }
  Row& row = rows[rows_ % chunk_rows];
  row.context = &context;
  row.number = rows_++;
  row.sequence = event.sequence;
  row.position = event.position;
  row.recorded_at = event.recorded_at;
  row.timestamp = event.timestamp;
  row.bytes = event.event_type.data();
  row.type_bytes = static_cast<std::uint16_t>(event.event_type.size());
  row.id_bytes = static_cast<std::uint16_t>(event.event_id.size());
  row.metadata_bytes = static_cast<std::uint32_t>(event.metadata.size());
  row.payload_bytes = static_cast<std::uint32_t>(event.payload.size());

  const std::uint32_t count = context.count.load(std::memory_order_relaxed);
  if (count == 0)
    context.first_sequence = event.sequence;
  WEIR_CHECK(event.sequence == context.first_sequence + count);
  Rows* list = context.rows.load(std::memory_order_relaxed);
  if (list == nullptr || count == list->capacity) {
    auto* larger = arena_->make_array<Rows>(1);
    larger->capacity = list == nullptr ? 4 : list->capacity * 2;
    larger->items = arena_->make_array<const Row*>(larger->capacity);
    if (list != nullptr)
      std::memcpy(larger->items, list->items, count * sizeof(Row*));
    context.rows.store(larger, std::memory_order_release);
    list = larger;
  }
  list->items[count] = &row;
  context.count.store(count + 1, std::memory_order_release);
}

/// False if the call does not go on where its context ends.
bool Memtable::add_call(CallReader& call, std::uint64_t context_hash, const LastElsewhere& last) {
  const CallHeader& header = call.header();
  Context* const context = find_or_add(header.context_id, context_hash);
  if (const std::uint32_t count = context->count.load(std::memory_order_relaxed)) {
    if (header.first_sequence != context->first_sequence + count)
      return false;
  } else if (const auto elsewhere = last ? last(header.context_id) : std::nullopt) {
    if (header.first_sequence != *elsewhere + 1)
      return false;
  }
  EventView event;
  for (;;) {
    const auto more = call.next(event);
    WEIR_CHECK(more.ok());
    if (!*more)
      return true;
    if (!event.event_id.empty())
      ids_.add(event_id_hash(context_hash, event.event_id), rows_);
    add_row(*context, event);
  }
}

void Memtable::apply(std::shared_ptr<const void> owner, std::span<const std::string_view> calls,
                     std::uint64_t first_record, std::uint64_t owner_bytes) {
  WEIR_CHECK(apply_while_dense(std::move(owner), calls, first_record, owner_bytes, {}) == calls.size());
}

std::size_t Memtable::apply_while_dense(std::shared_ptr<const void> owner, std::span<const std::string_view> calls,
                                        std::uint64_t first_record, std::uint64_t owner_bytes,
                                        const LastElsewhere& last) {
  if (calls.empty())
    return 0;
  if (rows_ == 0)
    first_record_ = first_record;
  // Which context comes next is anybody's guess, so every look-up misses the cache: a few are fetched at once.
  constexpr std::size_t ahead = 16;
  std::array<CallReader, ahead> readers;
  std::array<std::uint64_t, ahead> hashes;
  std::size_t applied = 0;
  const auto fetch = [&](std::size_t from) { // the calls themselves: another thread wrote them, or the disk
    for (std::size_t i = from; i < std::min(from + ahead, calls.size()); ++i) {
      __builtin_prefetch(calls[i].data());
      __builtin_prefetch(calls[i].data() + 63);
    }
  };
  fetch(0);
  for (bool dense = true; dense && applied < calls.size();) {
    const auto some = calls.subspan(applied, std::min(ahead, calls.size() - applied));
    fetch(applied + ahead);
    const Table* const table = table_.load(std::memory_order_relaxed);
    for (std::size_t i = 0; i < some.size(); ++i) {
      auto reader = CallReader::open(some[i]);
      WEIR_CHECK(reader.ok());
      readers[i] = *reader;
      hashes[i] = hash64(readers[i].header().context_id, hash_seed_);
      __builtin_prefetch(&table->slots[hashes[i] & table->mask]);
    }
    for (std::size_t i = 0; i < some.size(); ++i)
      __builtin_prefetch(table->slots[hashes[i] & table->mask].context.load(std::memory_order_relaxed));
    for (std::size_t i = 0; dense && i < some.size(); ++i)
      if ((dense = add_call(readers[i], hashes[i], last)))
        ++applied;
  }
  last_record_ = first_record + applied - 1;
  owner_bytes_ += owner_bytes;
  owners_.push_back(std::move(owner));
  bytes_.store(owner_bytes_ + arena_->bytes() + ids_.bytes(), std::memory_order_relaxed);
  return applied;
}

void Memtable::publish() noexcept {
  rows_visible_.store(rows_, std::memory_order_release);
}

bool Memtable::may_hold_event_id(std::uint64_t hash, Position after) const noexcept {
  return ids_.find(hash, [&, rows = rows_visible()](std::uint64_t number) {
    return number < rows && row(number)->position > after;
  });
}

MemtableView::MemtableView(std::shared_ptr<const Memtable> memtable)
    : memtable_(std::move(memtable)), rows_(memtable_->rows_visible()) {
}

EventView MemtableView::view_of(const Memtable::Row& row) {
  EventView event;
  event.context_id = row.context->id;
  event.sequence = row.sequence;
  event.position = row.position;
  event.recorded_at = row.recorded_at;
  event.timestamp = row.timestamp;
  const char* at = row.bytes;
  event.event_type = {at, row.type_bytes};
  event.event_id = {at += row.type_bytes, row.id_bytes};
  event.metadata = {at += row.id_bytes, row.metadata_bytes};
  event.payload = {at + row.metadata_bytes, row.payload_bytes};
  return event;
}

EventView MemtableView::row(std::uint64_t number) const {
  WEIR_CHECK(number < rows_);
  return view_of(*memtable_->row(number));
}

std::span<const Memtable::Row* const> MemtableView::rows_of(const Memtable::Context& context) const {
  std::uint32_t count = context.count.load(std::memory_order_acquire);
  const Memtable::Rows* rows = context.rows.load(std::memory_order_acquire);
  if (rows == nullptr)
    return {};
  // Rows of a context come in row order, so what this view does not cover yet is at the end.
  const auto* end = std::partition_point(rows->items, rows->items + count,
                                         [this](const Memtable::Row* row) { return row->number < rows_; });
  return {rows->items, static_cast<std::size_t>(end - rows->items)};
}

std::optional<ContextRange> MemtableView::find_context(std::string_view context_id) const {
  const Memtable::Context* context = memtable_->find(context_id);
  if (context == nullptr)
    return std::nullopt;
  const auto rows = rows_of(*context);
  if (rows.empty())
    return std::nullopt;
  return ContextRange{rows.front()->sequence, rows.back()->sequence, 0, rows.size()};
}

Sequence MemtableView::find_event_id(std::string_view context_id, std::string_view event_id) const {
  EventView event;
  const auto is_it = [&](std::uint64_t number) {
    return number < rows_ && (event = row(number)).event_id == event_id && event.context_id == context_id;
  };
  const std::uint64_t hash = event_id_hash(hash64(context_id, memtable_->hash_seed_), event_id);
  return memtable_->ids_.find(hash, is_it) ? event.sequence : 0;
}

bool MemtableView::read_context(std::string_view context_id, const SequenceRange& range, const ReadBounds& bounds,
                                EventBatch& out) const {
  const Memtable::Context* context = memtable_->find(context_id);
  if (context == nullptr)
    return false;
  const auto rows = rows_of(*context);
  if (rows.empty() || range.from > rows.back()->sequence || range.to < rows.front()->sequence || range.from > range.to)
    return false;
  const Sequence first = rows.front()->sequence;
  const std::size_t low = range.from <= first ? 0 : range.from - first;
  const std::size_t high = std::min<std::size_t>(rows.size() - 1, range.to - first);
  const std::size_t count = std::min(high - low + 1, bounds.events_max);
  const auto nth = [&](std::size_t i) { return rows[range.backward ? high - i : low + i]; };
  out.pin(memtable_);
  out.reserve(count);
  for (std::size_t i = 0; i < std::min(count, Memtable::Row::rows_ahead); ++i)
    Memtable::Row::ask_for(nth(i));
  for (std::size_t i = 0; i < std::min(count, Memtable::Row::bytes_ahead); ++i)
    nth(i)->ask_for_bytes();
  for (std::size_t i = 0; i <= high - low; ++i) {
    if (out.size() >= bounds.events_max || (!out.empty() && out.bytes() >= bounds.bytes_max))
      return true;
    if (i + Memtable::Row::rows_ahead < count)
      Memtable::Row::ask_for(nth(i + Memtable::Row::rows_ahead));
    if (i + Memtable::Row::bytes_ahead < count)
      nth(i + Memtable::Row::bytes_ahead)->ask_for_bytes();
    out.add(view_of(*nth(i)));
  }
  return false;
}

class MemtableView::Sorted final : public SortedEvents {
public:
  explicit Sorted(const MemtableView& view) : memtable_(view.memtable_) {
    std::vector<Entry> contexts = contexts_of(view);
    std::sort(contexts.begin(), contexts.end(), [](const Entry& a, const Entry& b) {
      return a.prefix != b.prefix ? a.prefix < b.prefix : a.context->id < b.context->id;
    });
    rows_.reserve(view.rows());
    for (const Entry& entry : contexts) {
      const auto rows = view.rows_of(*entry.context);
      rows_.insert(rows_.end(), rows.begin(), rows.end());
    }
  }

  bool next(EventView& event) override {
    if (at_ == rows_.size())
      return false;
    if (at_ + Memtable::Row::rows_ahead < rows_.size())
      Memtable::Row::ask_for(rows_[at_ + Memtable::Row::rows_ahead]);
    if (at_ + Memtable::Row::bytes_ahead < rows_.size())
      rows_[at_ + Memtable::Row::bytes_ahead]->ask_for_bytes();
    event = view_of(*rows_[at_++]);
    return true;
  }

private:
  struct Entry {
    std::uint64_t prefix = 0; ///< The first bytes in which ids may differ, first byte highest.
    const Memtable::Context* context = nullptr;
  };
  /// The contexts with rows in the view. Ids often begin alike ("order-"), so what is the same in all of them is left
  /// out of the prefix: then it decides nearly every comparison.
  static std::vector<Entry> contexts_of(const MemtableView& view) {
    const Memtable::Table& table = *view.memtable_->table_.load(std::memory_order_acquire);
    std::vector<Entry> contexts;
    std::string_view shared;
    for (std::size_t i = 0; i <= table.mask; ++i) {
      const Memtable::Context* const context = table.slots[i].context.load(std::memory_order_acquire);
      if (context == nullptr || view.rows_of(*context).empty())
        continue;
      const std::string_view id = context->id;
      if (contexts.empty())
        shared = id;
      else
        shared = shared.substr(
            0, static_cast<std::size_t>(std::mismatch(shared.begin(), shared.end(), id.begin(), id.end()).first -
                                        shared.begin()));
      contexts.push_back({0, context});
    }
    for (Entry& entry : contexts)
      for (std::size_t i = 0; i < sizeof entry.prefix; ++i) {
        const std::string_view id = entry.context->id;
        const std::size_t at = shared.size() + i;
        entry.prefix = entry.prefix << 8 | (at < id.size() ? static_cast<unsigned char>(id[at]) : 0u);
      }
    return contexts;
  }

  std::shared_ptr<const Memtable> memtable_;
  std::vector<const Memtable::Row*> rows_;
  std::size_t at_ = 0;
};

std::unique_ptr<SortedEvents> MemtableView::sorted() const {
  return std::make_unique<Sorted>(*this);
}

} // namespace weir
