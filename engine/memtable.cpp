#include "engine/memtable.hpp"

#include "engine/check.hpp"
#include "engine/event_codec.hpp"
#include "engine/hash.hpp"
#include "engine/memtable_arena.hpp"
#include "engine/memtable_rows.hpp"

#include <algorithm>
#include <array>
#include <cstring>
#include <utility>

namespace weir {

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
  row.schema_version = event.schema_version;

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

std::optional<Sequence> Memtable::last_of(const Context* context, std::string_view context_id, std::uint64_t hash,
                                          const LastElsewhere& elsewhere) const {
  if (context != nullptr)
    if (const std::uint32_t count = context->count.load(std::memory_order_relaxed))
      return context->first_sequence + count - 1;
  if (marks_.count() != 0)
    if (const auto mark = marks_.find(context_id, marks_.count()))
      return mark->last;
  return elsewhere ? elsewhere(context_id, hash) : std::nullopt;
}

std::optional<Sequence> Memtable::last_sequence(std::string_view context_id, std::uint64_t hash) const {
  return last_of(find(context_id, hash), context_id, hash, {});
}

bool Memtable::add_removal(const CallHeader& removal, std::uint64_t hash, const LastElsewhere& last) {
  if (const auto known = last_of(find(removal.context_id, hash), removal.context_id, hash, last))
    if (removal.first_sequence != *known + 1)
      return false;
  marks_.add(removal.context_id, {removal.first_live, removal.first_sequence - 1, removal.closes,
                                  removal.first_position, removal.recorded_at});
  return true;
}

bool Memtable::continues(const Context& context, const CallHeader& header, std::uint64_t hash,
                         const LastElsewhere& last) const {
  const auto known = last_of(&context, header.context_id, hash, last);
  return !known || header.first_sequence == *known + 1;
}

void Memtable::add_event(Context& context, const EventView& event, std::uint64_t hash) {
  if (!event.event_id.empty())
    ids_.add(event_id_hash(hash, event.event_id), rows_);
  add_row(context, event);
}

void Memtable::apply(std::shared_ptr<const void> owner, std::span<const std::string_view> records,
                     std::uint64_t first_record, std::uint64_t owner_bytes) {
  WEIR_CHECK(recover(std::move(owner), records, first_record, owner_bytes, {}).records == records.size());
}

Memtable::Recovered Memtable::recover(std::shared_ptr<const void> owner, std::span<const std::string_view> records,
                                      std::uint64_t first_record, std::uint64_t owner_bytes,
                                      const LastElsewhere& last) {
  Recovered done;
  if (records.empty())
    return done;
  if (rows_ == 0 && marks_.count() == 0)
    first_record_ = first_record;
  const std::uint64_t rows_before = rows_;
  while (done.records < records.size()) {
    const std::size_t before = done.records;
    if (has_several_calls(records[before]))
      done.records += add_several(records[before], last, done) ? 1 : 0;
    else
      add_calls(records.subspan(before), last, done);
    if (done.records == before)
      break;
  }
  done.events = rows_ - rows_before;
  last_record_ = first_record + done.records - 1;
  owner_bytes_ += owner_bytes;
  owners_.push_back(std::move(owner));
  bytes_.store(owner_bytes_ + arena_->bytes() + ids_.bytes() + marks_.bytes(), std::memory_order_relaxed);
  return done;
}

namespace {

/// Walks over what is left of a call; null if it is as it should be.
CallReader::Fault fault_in(CallReader call) noexcept {
  EventView event;
  for (std::uint32_t left = call.header().events; left != 0; --left)
    if (const CallReader::Fault fault = call.take(event))
      return fault;
  return call.end();
}

/// A record of one call, looked at before its turn.
struct Incoming {
  CallReader call;
  EventView event; ///< If it has just one: that.
  std::uint64_t hash = 0;

  CallReader::Fault read(std::string_view record, std::uint64_t hash_seed) noexcept {
    if (const CallReader::Fault fault = call.begin(record))
      return fault;
    hash = hash64(call.header().context_id, hash_seed);
    if (call.header().events != 1)
      return fault_in(call);
    const CallReader::Fault fault = call.take(event);
    return fault != nullptr ? fault : call.end();
  }
};

} // namespace

/// All calls of a record or, if one of them does not continue its context, none.
bool Memtable::add_several(std::string_view record, const LastElsewhere& last, Recovered& done) {
  std::vector<std::string_view> calls;
  if (!split_record(record, calls)) {
    done.malformed = "a stored record of several calls is not as one is written";
    return false;
  }
  std::vector<CallReader> readers;
  std::vector<std::pair<Context*, std::uint64_t>> contexts; // with their hashes
  for (const std::string_view call : calls) {
    CallReader& reader = readers.emplace_back();
    if ((done.malformed = reader.begin(call)) != nullptr || (done.malformed = fault_in(reader)) != nullptr)
      return false;
    const CallHeader& header = reader.header();
    if (header.events == 0) // a removal is a record of its own
      return false;
    const std::uint64_t hash = hash64(header.context_id, hash_seed_);
    contexts.emplace_back(find_or_add(header.context_id, hash), hash);
    if (!continues(*contexts.back().first, header, hash, last))
      return false;
  }
  EventView event;
  for (std::size_t i = 0; i < readers.size(); ++i) {
    for (std::uint32_t left = readers[i].header().events; left != 0; --left) {
      WEIR_CHECK(readers[i].take(event) == nullptr);
      add_event(*contexts[i].first, event, contexts[i].second);
    }
    done.recorded_at_max = std::max(done.recorded_at_max, readers[i].header().recorded_at);
  }
  return true;
}

/// Adds records of one call each, up to the first that has several or cannot be added.
void Memtable::add_calls(std::span<const std::string_view> calls, const LastElsewhere& last, Recovered& done) {
  // Which context comes next is anybody's guess, so every look-up misses the cache: a few are fetched at once.
  constexpr std::size_t ahead = 16;
  std::array<Incoming, ahead> incoming;
  const auto fetch = [&](std::size_t from) { // the calls themselves: another thread wrote them, or the disk
    for (std::size_t i = from; i < std::min(from + ahead, calls.size()); ++i) {
      __builtin_prefetch(calls[i].data());
      __builtin_prefetch(calls[i].data() + 63);
    }
  };
  fetch(0);
  for (std::size_t at = 0; at < calls.size();) {
    const auto some = calls.subspan(at, std::min(ahead, calls.size() - at));
    fetch(at + ahead);
    const Table* const table = table_.load(std::memory_order_relaxed);
    std::size_t read = 0;
    CallReader::Fault fault = nullptr;
    for (; read < some.size() && !has_several_calls(some[read]); ++read) {
      if ((fault = incoming[read].read(some[read], hash_seed_)) != nullptr)
        break;
      __builtin_prefetch(&table->slots[incoming[read].hash & table->mask]);
    }
    for (std::size_t i = 0; i < read; ++i) {
      if (const Context* const likely =
              table->slots[incoming[i].hash & table->mask].context.load(std::memory_order_relaxed)) {
        __builtin_prefetch(likely);
        __builtin_prefetch(reinterpret_cast<const char*>(likely) + 63); // its id lies behind it
      }
    }
    std::array<Context*, ahead> contexts;
    for (std::size_t i = 0; i < read; ++i) {
      contexts[i] = const_cast<Context*>(find(incoming[i].call.header().context_id, incoming[i].hash));
      if (contexts[i] != nullptr)
        __builtin_prefetch(contexts[i]->rows.load(std::memory_order_relaxed));
    }
    for (std::size_t i = 0; i < read; ++i) {
      auto& [call, event, hash] = incoming[i];
      const CallHeader& header = call.header();
      if (header.events == 0) {
        if (!add_removal(header, hash, last))
          return;
      } else {
        Context* const context = contexts[i] != nullptr ? contexts[i] : find_or_add(header.context_id, hash);
        if (!continues(*context, header, hash, last))
          return;
        if (header.events == 1)
          add_event(*context, event, hash);
        else
          for (std::uint32_t left = header.events; left != 0; --left) {
            WEIR_CHECK(call.take(event) == nullptr);
            add_event(*context, event, hash);
          }
      }
      ++done.records;
      done.recorded_at_max = std::max(done.recorded_at_max, header.recorded_at);
    }
    done.malformed = fault;
    if (read != some.size())
      return;
    at += read;
  }
}

void Memtable::publish() noexcept {
  visible_.store(marks_.count() << 32U | rows_, std::memory_order_release);
}

bool Memtable::may_hold_event_id(std::uint64_t hash, Position after) const noexcept {
  return ids_.find(hash, [&, rows = rows_visible()](std::uint64_t number) {
    return number < rows && row(number)->position > after;
  });
}

} // namespace weir
