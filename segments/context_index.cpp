#include "segments/context_index.hpp"

#include "segments/bytes.hpp"

#include <algorithm>
#include <limits>

namespace weir::segments {
namespace {

constexpr std::size_t restart_bytes = 4 + 4;
constexpr std::size_t counts_bytes = 4 + 4;

std::uint32_t restarts_of(std::uint32_t entries) {
  return static_cast<std::uint32_t>((entries + index_restart_interval - 1) / index_restart_interval);
}

} // namespace

void IndexBlockBuilder::add(std::string_view context_id, std::uint32_t rows, std::uint64_t first_sequence) {
  std::size_t shared = 0;
  if (entries_ % index_restart_interval == 0) {
    append_integer(restarts_, static_cast<std::uint32_t>(bytes_.size()));
    append_integer(restarts_, rows_);
  } else {
    const std::size_t limit = std::min(context_id.size(), last_context_.size());
    while (shared < limit && context_id[shared] == last_context_[shared])
      ++shared;
  }
  if (entries_ == 0)
    first_context_ = context_id;
  append_varint(bytes_, shared);
  append_text(bytes_, context_id.substr(shared));
  append_varint(bytes_, rows);
  append_varint(bytes_, first_sequence);
  last_context_ = context_id;
  ++entries_;
  rows_ += rows;
}

std::string IndexBlockBuilder::finish() {
  std::string block = std::move(bytes_) + restarts_;
  append_integer(block, entries_);
  append_integer(block, restarts_of(entries_));
  *this = {};
  return block;
}

Error IndexCursor::contradiction() const {
  return source_->damaged("a block of the context index contradicts itself", place_->ref.offset);
}

Result<IndexCursor> IndexCursor::open(const BlockSource& source, const IndexBlockRef& place) {
  IndexCursor cursor(source, place);
  auto block = source.read(place.ref);
  if (!block)
    return std::move(block).error();
  cursor.block_ = *std::move(block);
  const std::string_view bytes = cursor.block_->text();
  if (bytes.size() < counts_bytes)
    return cursor.contradiction();
  cursor.entries_ = load<std::uint32_t>(bytes.data() + bytes.size() - 8);
  cursor.restarts_ = load<std::uint32_t>(bytes.data() + bytes.size() - 4);
  const std::uint64_t trailer = std::uint64_t{cursor.restarts_} * restart_bytes + counts_bytes;
  if (cursor.entries_ == 0 || cursor.restarts_ != restarts_of(cursor.entries_) || trailer > bytes.size())
    return cursor.contradiction();
  cursor.bytes_ = bytes.substr(0, bytes.size() - static_cast<std::size_t>(trailer));
  cursor.trailer_ = bytes.substr(cursor.bytes_.size());
  cursor.go_to_restart(0);
  return cursor;
}

void IndexCursor::go_to_restart(std::uint32_t restart) noexcept {
  const char* const at = trailer_.data() + restart * restart_bytes;
  at_ = load<std::uint32_t>(at);
  next_row_ = std::uint64_t{place_->first_row} + load<std::uint32_t>(at + 4);
  next_entry_ = static_cast<std::uint32_t>(restart * index_restart_interval);
  context_.clear();
}

Result<bool> IndexCursor::next() {
  if (next_entry_ == entries_)
    return false;
  if (at_ > bytes_.size())
    return contradiction();
  if (next_entry_ % index_restart_interval == 0) {
    // A walk that comes along here must arrive at what a jump would have found.
    const char* const restart = trailer_.data() + next_entry_ / index_restart_interval * restart_bytes;
    if (load<std::uint32_t>(restart) != at_ ||
        place_->first_row + std::uint64_t{load<std::uint32_t>(restart + 4)} != next_row_)
      return contradiction();
    context_.clear();
  }
  ByteSource source(bytes_.substr(at_));
  const std::uint64_t shared = source.take_varint();
  const std::string_view rest = source.take_text();
  const std::uint64_t rows = source.take_varint();
  first_sequence_ = source.take_varint();
  if (!source.ok() || shared > context_.size() || rows == 0 || rows > segment_rows_max - next_row_ ||
      first_sequence_ == 0 || first_sequence_ > std::numeric_limits<std::uint64_t>::max() - rows ||
      shared + rest.size() > limits::context_id_bytes_max)
    return contradiction();
  context_.resize(static_cast<std::size_t>(shared));
  context_.append(rest);
  row_ = next_row_;
  entry_rows_ = static_cast<std::uint32_t>(rows);
  next_row_ += rows;
  at_ = static_cast<std::uint32_t>(bytes_.size() - source.left());
  ++next_entry_;
  if (next_entry_ == entries_ && at_ != bytes_.size())
    return contradiction();
  return true;
}

template <class Predicate> Result<std::uint32_t> IndexCursor::last_restart(Predicate before_or_at) {
  std::uint32_t low = 0, high = restarts_;
  while (high - low > 1) {
    const std::uint32_t middle = low + (high - low) / 2;
    go_to_restart(middle);
    if (auto moved = next(); !moved)
      return std::move(moved).error();
    (before_or_at() ? low : high) = middle;
  }
  return low;
}

Result<bool> IndexCursor::seek(std::string_view context_id) {
  std::uint32_t low = 0, high = restarts_;
  while (high - low > 1) {
    const std::uint32_t middle = low + (high - low) / 2;
    go_to_restart(middle);
    if (at_ > bytes_.size())
      return contradiction();
    ByteSource source(bytes_.substr(at_));
    const std::uint64_t shared = source.take_varint();
    const std::string_view first = source.take_text();
    if (!source.ok() || shared != 0)
      return contradiction();
    (first <= context_id ? low : high) = middle;
  }
  go_to_restart(low);
  // Names are compared where they are, by what they do not share with the one before: `matched` bytes of that one are
  // as in `context_id`, and it is smaller.
  std::size_t matched = 0, length = 0;
  while (next_entry_ != entries_) {
    if (at_ > bytes_.size())
      return contradiction();
    ByteSource source(bytes_.substr(at_));
    const std::uint64_t shared = source.take_varint();
    const std::string_view rest = source.take_text();
    if (!source.ok() || shared > length || shared + rest.size() > limits::context_id_bytes_max)
      return contradiction();
    length = static_cast<std::size_t>(shared) + rest.size();
    if (shared <= matched) {
      matched = static_cast<std::size_t>(shared);
      const std::string_view wanted = context_id.substr(matched);
      const auto differ = std::mismatch(rest.begin(), rest.end(), wanted.begin(), wanted.end());
      matched += static_cast<std::size_t>(differ.first - rest.begin());
      const bool rest_ends = differ.first == rest.end(), wanted_ends = differ.second == wanted.end();
      if (rest_ends && wanted_ends) {
        context_ = context_id.substr(0, static_cast<std::size_t>(shared));
        return next(); // all of the entry is checked there
      }
      if (wanted_ends ||
          (!rest_ends && static_cast<unsigned char>(*differ.first) > static_cast<unsigned char>(*differ.second)))
        return false;
    }
    const std::uint64_t rows = source.take_varint();
    static_cast<void>(source.take_varint()); // first sequence
    if (!source.ok() || rows == 0 || rows > segment_rows_max - next_row_)
      return contradiction();
    next_row_ += rows;
    at_ = static_cast<std::uint32_t>(bytes_.size() - source.left());
    ++next_entry_;
  }
  return false;
}

Result<bool> IndexCursor::seek_row(std::uint64_t row) {
  const auto restart = last_restart([&] { return row_ <= row; });
  if (!restart)
    return restart.error();
  go_to_restart(*restart);
  while (true) {
    auto moved = next();
    if (!moved || !*moved || next_row_ > row)
      return moved && *moved ? Result<bool>(row_ <= row) : moved;
  }
}

} // namespace weir::segments
