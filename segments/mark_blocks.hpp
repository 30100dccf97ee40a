// The marks of a segment's contexts, in blocks of their own.
//
// Purpose: which contexts were truncated or deleted, found with one block. Format: docs/formats/segment.md, "Marks".
// Threading: the builder is for one thread; a cursor too, it borrows its source.
#pragma once

#include <weir/result.hpp>

#include "engine/context_mark.hpp"
#include "segments/block_source.hpp"
#include "segments/format.hpp"

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace weir::segments {

/// The footer's entry for one block of marks.
struct MarkBlockRef {
  BlockRef ref;
  std::string first_context;
};

/// Collects marks until their block is full.
class MarkBlockBuilder {
public:
  /// Precondition: `context_id` is greater than the one before.
  void add(std::string_view context_id, const ContextMark& mark);
  [[nodiscard]] bool empty() const noexcept { return bytes_.empty(); }
  [[nodiscard]] bool full() const noexcept { return bytes_.size() >= block_bytes_target; }
  [[nodiscard]] const std::string& first_context() const noexcept { return first_context_; }
  /// The block's content; the builder is empty afterwards.
  std::string finish();

private:
  std::string bytes_;
  std::string first_context_;
  std::string last_context_;
};

/// Walks the marks of one block, in the order of their contexts. Bytes are checked on the way.
class MarkCursor {
public:
  /// Before the first mark.
  static Result<MarkCursor> open(const BlockSource& source, const MarkBlockRef& place);

  /// Moves to the next mark; false after the last. Errors: `corruption`.
  Result<bool> next();
  /// Of the mark moved to; valid until the next one.
  [[nodiscard]] const std::string& context_id() const noexcept { return context_; }
  [[nodiscard]] const ContextMark& mark() const noexcept { return mark_; }

private:
  BlockPtr block_;
  std::string_view rest_;
  Error contradiction_;
  std::string context_;
  ContextMark mark_;
};

/// Walks all marks of a segment.
class MarkWalk {
public:
  /// Both must outlive the walk.
  MarkWalk(const BlockSource& source, const std::vector<MarkBlockRef>& blocks) : source_(&source), blocks_(&blocks) {}

  /// As MarkCursor. `corruption` also where contexts do not ascend, or a block does not begin as the footer says.
  Result<bool> next();
  [[nodiscard]] const std::string& context_id() const noexcept { return context_; }
  [[nodiscard]] const ContextMark& mark() const noexcept { return cursor_->mark(); }

private:
  const BlockSource* source_;
  const std::vector<MarkBlockRef>* blocks_;
  std::size_t next_block_ = 0;
  std::optional<MarkCursor> cursor_;
  std::string context_;
};

/// Order-free hash of one mark, to be summed: equal sums, equal marks.
[[nodiscard]] std::uint64_t hash_of(std::string_view context_id, const ContextMark& mark) noexcept;

} // namespace weir::segments
