// The context index: contexts of a segment in order, and where their rows are.
//
// Purpose: finds a context with one block, and is at the same time the context and sequence column of every zone: rows
// are sorted, so both are run lengths. Format: docs/formats/segment.md, "Context index".
// Threading: the builder is for one thread; a cursor too, it borrows its source.
#pragma once

#include <weir/result.hpp>

#include "segments/block_source.hpp"
#include "segments/format.hpp"

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace weir::segments {

/// Collects entries until their block is full.
class IndexBlockBuilder {
public:
  /// Precondition: `context_id` is greater than the one before.
  void add(std::string_view context_id, std::uint32_t rows, std::uint64_t first_sequence);
  [[nodiscard]] bool empty() const noexcept { return entries_ == 0; }
  [[nodiscard]] bool full() const noexcept { return bytes_.size() >= block_bytes_target; }
  [[nodiscard]] const std::string& first_context() const noexcept { return first_context_; }
  /// The block's content; the builder is empty afterwards.
  std::string finish();

private:
  std::string bytes_;
  std::string restarts_;
  std::string first_context_;
  std::string last_context_;
  std::uint32_t entries_ = 0;
  std::uint32_t rows_ = 0;
};

/// The footer's entry for one index block.
struct IndexBlockRef {
  BlockRef ref;
  std::uint32_t first_row = 0;
  std::string first_context;
};

/// The rows of one context.
struct IndexEntry {
  std::string_view context_id; ///< Valid until the cursor moves.
  std::uint64_t first_row = 0; ///< In the segment.
  std::uint32_t rows = 0;
  std::uint64_t first_sequence = 0;
};

/// Walks the entries of one index block. Bytes are checked on the way: every step may answer `corruption`.
class IndexCursor {
public:
  /// Before the first entry.
  static Result<IndexCursor> open(const BlockSource& source, const IndexBlockRef& place);

  /// Moves to the next entry; false after the last.
  Result<bool> next();
  /// The entry moved to. Precondition: the last next() or seek returned true.
  [[nodiscard]] IndexEntry entry() const noexcept { return {context_, row_, entry_rows_, first_sequence_}; }
  /// Moves to the entry of `context_id`; false if it has none in this block.
  Result<bool> seek(std::string_view context_id);
  /// Moves to the entry that holds `row` of the segment; false if it is not in this block.
  Result<bool> seek_row(std::uint64_t row);
  /// Row after the last entry moved to.
  [[nodiscard]] std::uint64_t next_row() const noexcept { return next_row_; }

private:
  IndexCursor(const BlockSource& source, const IndexBlockRef& place) : source_(&source), place_(&place) {}
  Error contradiction() const;
  void go_to_restart(std::uint32_t restart) noexcept;
  /// The last restart for which `before_or_at` holds, the first if it holds for none.
  template <class Predicate> Result<std::uint32_t> last_restart(Predicate before_or_at);

  const BlockSource* source_;
  const IndexBlockRef* place_;
  BlockPtr block_;
  std::uint32_t entries_ = 0;
  std::uint32_t restarts_ = 0;
  std::string_view bytes_;   ///< Entries only.
  std::string_view trailer_; ///< Restarts.
  std::uint32_t at_ = 0;     ///< Offset of the next entry.
  std::uint32_t next_entry_ = 0;
  std::uint64_t next_row_ = 0;
  std::string context_;
  std::uint64_t row_ = 0;
  std::uint32_t entry_rows_ = 0;
  std::uint64_t first_sequence_ = 0;
};

} // namespace weir::segments
