#include "segments/mark_blocks.hpp"

#include "engine/hash.hpp"
#include "segments/bytes.hpp"

#include <algorithm>

namespace weir::segments {
void MarkBlockBuilder::add(std::string_view context_id, const ContextMark& mark) {
  if (empty())
    first_context_ = context_id;
  const auto differ = std::mismatch(context_id.begin(), context_id.end(), last_context_.begin(), last_context_.end());
  const auto shared = static_cast<std::size_t>(differ.first - context_id.begin());
  append_varint(bytes_, shared);
  append_text(bytes_, context_id.substr(shared));
  append_varint(bytes_, mark.first_live);
  append_varint(bytes_, mark.last);
  append_varint(bytes_, mark.closed ? 1 : 0);
  append_varint(bytes_, mark.position);
  append_integer(bytes_, micros_of(mark.recorded_at));
  last_context_ = context_id;
}

std::string MarkBlockBuilder::finish() {
  std::string block = std::move(bytes_);
  *this = {};
  return block;
}

Result<MarkCursor> MarkCursor::open(const BlockSource& source, const MarkBlockRef& place) {
  auto block = source.read(place.ref);
  if (!block)
    return std::move(block).error();
  MarkCursor cursor;
  cursor.block_ = *std::move(block);
  cursor.rest_ = cursor.block_->text();
  cursor.contradiction_ = source.damaged("a block of marks contradicts itself", place.ref.offset);
  return cursor;
}

Result<bool> MarkCursor::next() {
  if (rest_.empty())
    return false;
  ByteSource source(rest_);
  const std::uint64_t shared = source.take_varint();
  const std::string_view more = source.take_text();
  mark_.first_live = source.take_varint();
  mark_.last = source.take_varint();
  const std::uint64_t closed = source.take_varint();
  mark_.position = source.take_varint();
  mark_.recorded_at = Timestamp(std::chrono::microseconds(static_cast<std::int64_t>(source.take<std::uint64_t>())));
  if (!source.ok() || shared > context_.size() || shared + more.size() > limits::context_id_bytes_max ||
      mark_.last == sequence_max || mark_.first_live == 0 || mark_.first_live > mark_.last + 1 || closed > 1 ||
      mark_.position == 0)
    return contradiction_;
  context_.resize(static_cast<std::size_t>(shared));
  context_.append(more);
  mark_.closed = closed == 1;
  rest_.remove_prefix(rest_.size() - source.left());
  return true;
}

Result<bool> MarkWalk::next() {
  while (true) {
    if (cursor_) {
      auto moved = cursor_->next();
      if (!moved)
        return moved;
      if (*moved)
        break;
      cursor_.reset();
    }
    if (next_block_ == blocks_->size())
      return false;
    auto cursor = MarkCursor::open(*source_, (*blocks_)[next_block_++]);
    if (!cursor)
      return std::move(cursor).error();
    cursor_ = *std::move(cursor);
    auto first = cursor_->next();
    if (!first)
      return first;
    const MarkBlockRef& place = (*blocks_)[next_block_ - 1];
    if (!*first || cursor_->context_id() != place.first_context)
      return source_->damaged("a block of marks does not begin as the footer says", place.ref.offset);
    break;
  }
  if (cursor_->context_id() <= context_)
    return source_->damaged("marks are out of order", (*blocks_)[next_block_ - 1].ref.offset);
  context_ = cursor_->context_id();
  return true;
}

std::uint64_t hash_of(std::string_view context_id, const ContextMark& mark) noexcept {
  const std::uint64_t words[] = {hash64(context_id, 0), mark.first_live, mark.last,
                                 mark.closed ? 1u : 0u, mark.position,   micros_of(mark.recorded_at)};
  return hash64(words, sizeof words, 0);
}

} // namespace weir::segments
