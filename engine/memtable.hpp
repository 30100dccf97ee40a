// A shard's recent events in memory, by context and sequence.
//
// Purpose: what is stored but not yet in a segment is read from here.
// Owner: ShardTable; one thread at a time applies (the shard's log lane), any number of threads read.
// Threading: insert-only. The writer publishes with release stores, readers load with acquire: no lock on either side.
// Nothing is ever moved or freed before the memtable itself.
// Invariants: rows are in position order; rows of one context have dense sequences; a row is visible to a reader only
// if its number is below the reader's `rows_visible`, which grows by whole calls, and so are marks. Memory: rows and
// index live in an arena, the events' bytes in the group buffers they were logged from, which the memtable keeps alive.
#pragma once

#include <weir/event.hpp>

#include "engine/memtable_ids.hpp"
#include "engine/memtable_marks.hpp"
#include "engine/ports.hpp"

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <string_view>
#include <vector>

namespace weir {

struct CallHeader;

class Memtable {
public:
  explicit Memtable(std::uint64_t hash_seed);
  ~Memtable();
  Memtable(const Memtable&) = delete;
  Memtable& operator=(const Memtable&) = delete;

  /// Adds the events of the calls in `records`, whose bytes (`owner_bytes` in all) `owner` keeps alive.
  /// Precondition: numbered, valid, and continuing the sequences of their contexts. `first_record` is the number of the
  /// first record.
  void apply(std::shared_ptr<const void> owner, std::span<const std::string_view> records, std::uint64_t first_record,
             std::uint64_t owner_bytes);
  /// The last sequence of a context outside this memtable, if it is known. `hash` is hash_of(context_id).
  using LastElsewhere = std::function<std::optional<Sequence>(std::string_view context_id, std::uint64_t hash)>;
  /// What became of the records of a log.
  struct Recovered {
    std::size_t records = 0;         ///< So many are applied: all, or those before the first that cannot be.
    const char* malformed = nullptr; ///< What is wrong with that one; null: it does not continue its contexts.
    std::uint64_t events = 0;
    Timestamp recorded_at_max{};
  };
  /// As apply, for records of which nothing is known but that their bytes are those once written. `last` is asked for
  /// contexts that are new here.
  Recovered recover(std::shared_ptr<const void> owner, std::span<const std::string_view> records,
                    std::uint64_t first_record, std::uint64_t owner_bytes, const LastElsewhere& last);
  /// The last sequence of a context here, if it is here. For the thread that applies.
  [[nodiscard]] std::optional<Sequence> last_sequence(std::string_view context_id, std::uint64_t hash) const;
  /// What is applied is logged up to `record`. For a group that was shown before it was written, and so was applied
  /// under a number it may not have got. Precondition: not frozen.
  void set_last_record(std::uint64_t record) noexcept { last_record_ = record; }
  /// Makes everything applied so far visible to readers.
  void publish() noexcept;

  /// Whether a visible event with a position above `after` may have an id with this event_id_hash(); false is certain.
  /// Any thread.
  [[nodiscard]] bool may_hold_event_id(std::uint64_t hash, Position after) const noexcept;

  /// How much of the memtable a reader may see: a prefix of what was applied.
  struct Visible {
    std::uint64_t rows = 0;
    std::uint64_t marks = 0;
    [[nodiscard]] bool nothing() const noexcept { return rows == 0 && marks == 0; }
  };
  [[nodiscard]] Visible visible() const noexcept {
    const std::uint64_t both = visible_.load(std::memory_order_acquire);
    return {both & UINT32_MAX, both >> 32U};
  }
  [[nodiscard]] std::uint64_t rows_visible() const noexcept { return visible().rows; }
  /// Bytes of event data and index held. Any thread.
  [[nodiscard]] std::uint64_t bytes() const noexcept { return bytes_.load(std::memory_order_relaxed); }
  /// WAL records covered. Meaningful for the writer and once frozen.
  [[nodiscard]] std::uint64_t first_record() const noexcept { return first_record_; }
  [[nodiscard]] std::uint64_t last_record() const noexcept { return last_record_; }

private:
  friend class MemtableView;
  struct Row;
  struct Context;
  struct Rows;
  struct Table;
  class Arena;

  const Row* row(std::uint64_t number) const noexcept;
  const Context* find(std::string_view context_id) const noexcept;
  const Context* find(std::string_view context_id, std::uint64_t hash) const noexcept;
  static void insert(Table& table, Context& context, std::uint64_t hash) noexcept;
  Context* find_or_add(std::string_view context_id, std::uint64_t hash);
  /// Whether a call goes on where its context ends.
  [[nodiscard]] bool continues(const Context& context, const CallHeader& header, std::uint64_t hash,
                               const LastElsewhere& last) const;
  // Each applies what it can, as recover() says.
  void add_calls(std::span<const std::string_view> calls, const LastElsewhere& last, Recovered& done);
  bool add_several(std::string_view record, const LastElsewhere& last, Recovered& done);
  bool add_removal(const CallHeader& removal, std::uint64_t hash, const LastElsewhere& last);
  [[nodiscard]] std::optional<Sequence> last_of(const Context* context, std::string_view context_id, std::uint64_t hash,
                                                const LastElsewhere& elsewhere) const;
  void add_event(Context& context, const EventView& event, std::uint64_t hash);
  void grow_table();
  void add_row(Context& context, const EventView& event);

  std::uint64_t hash_seed_;
  std::unique_ptr<Arena> arena_;
  std::atomic<Table*> table_{nullptr};
  std::uint64_t contexts_ = 0;
  MemtableIds ids_;
  MemtableMarks marks_;
  std::vector<std::shared_ptr<const void>> owners_;
  static constexpr std::size_t chunk_rows = 1024;
  static constexpr std::size_t chunks_per_page = 1024;
  struct Page;
  std::unique_ptr<std::atomic<Page*>[]> pages_;
  std::uint64_t rows_ = 0;
  std::uint64_t owner_bytes_ = 0;
  std::uint64_t first_record_ = 0;
  std::uint64_t last_record_ = 0;
  std::atomic<std::uint64_t> visible_{0}; // rows, and above them 32 bits of marks: both grow at once
  std::atomic<std::uint64_t> bytes_{0};
};

/// An immutable picture of a memtable: its first `rows()` rows, and the marks of as many calls. Keeps the memtable
/// alive.
class MemtableView {
public:
  explicit MemtableView(std::shared_ptr<const Memtable> memtable);

  [[nodiscard]] std::uint64_t rows() const noexcept { return rows_; }
  /// Row `number` (0 ... rows()-1) in position order. Views live as long as the memtable.
  [[nodiscard]] EventView row(std::uint64_t number) const;
  /// The first row with a position above `after`; rows() if there is none.
  [[nodiscard]] std::uint64_t first_row_behind(Position after) const;
  /// First and last visible sequence of the context (`first_row` is meaningless here), or nothing.
  [[nodiscard]] std::optional<ContextRange> find_context(std::string_view context_id) const;
  /// The join of the context's visible marks, if it has one here.
  [[nodiscard]] std::optional<ContextMark> find_mark(std::string_view context_id) const {
    return memtable_->marks_.find(context_id, marks_);
  }
  [[nodiscard]] bool has_marks() const noexcept { return marks_ != 0; }
  /// How many calls removed events.
  [[nodiscard]] std::uint64_t removals() const noexcept { return marks_; }
  /// Sequence of the context's event with this id, 0 if it has none here.
  [[nodiscard]] Sequence find_event_id(std::string_view context_id, std::string_view event_id) const;
  /// As SegmentReader::read_context.
  bool read_context(std::string_view context_id, const SequenceRange& range, const ReadBounds& bounds,
                    EventBatch& out) const;
  /// The rows and marks sorted for a segment.
  [[nodiscard]] std::unique_ptr<SortedEvents> sorted() const;
  [[nodiscard]] const std::shared_ptr<const Memtable>& memtable() const noexcept { return memtable_; }

private:
  class Sorted;
  static void show(const Memtable::Row& row, EventView& event);
  std::span<const Memtable::Row* const> rows_of(const Memtable::Context& context) const;

  std::shared_ptr<const Memtable> memtable_;
  std::uint64_t rows_;
  std::uint64_t marks_;
};

} // namespace weir
