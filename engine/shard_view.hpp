// An immutable picture of one shard: what every read works on.
//
// Purpose: readers never pass through a shard's mailbox; they take a view, read, and drop it.
// Threading: immutable, copyable; any thread.
// Invariants: segments, then memtables, oldest first: sequences of a context increase from the first source to the
// last. The view is a prefix of the shard: it ends at a receipted call.
#pragma once

#include "engine/memtable.hpp"
#include "engine/ports.hpp"

#include <memory>
#include <optional>
#include <string_view>
#include <vector>

namespace weir {

using SegmentList = std::vector<std::shared_ptr<const SegmentReader>>;

struct ShardView {
  ShardId shard = 0;
  std::shared_ptr<const SegmentList> segments; ///< Never null.
  std::vector<MemtableView> memtables;         ///< Passive ones, oldest first, then the active one.
  /// Calls that removed events since the shard was opened: as long as it is the same, no event of an earlier view is
  /// gone.
  std::uint64_t removals = 0;
};

/// What the memtable knows of the context, if anything.
std::optional<ContextHead> context_head(const MemtableView& memtable, std::string_view context_id);
/// How far the context has come in this view. Exact but for `first_live` of a context with live events. May do I/O.
Result<ContextHead> context_head(const ShardView& view, std::string_view context_id);
/// The join of all marks of the context in this view; of one without, a mark that removes nothing. May do I/O.
Result<ContextMark> find_mark(const ShardView& view, std::string_view context_id);
/// Last sequence of the context in this view, 0 if it has none. May do I/O.
Result<Sequence> last_sequence(const ShardView& view, std::string_view context_id);

/// Appends the next events of the context to `out`, in the order of `range`, until a bound is met: what is stored,
/// removed or not. Returns true if there may be more. `corruption` if a sequence is missing between two events of the
/// range.
Result<bool> read_context(const ShardView& view, std::string_view context_id, const SequenceRange& range,
                          const ReadBounds& bounds, EventBatch& out);

} // namespace weir
