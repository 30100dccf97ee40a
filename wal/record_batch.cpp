#include "wal/record_batch.hpp"

#include <algorithm>
#include <cstring>
#include <utility>

namespace weir::wal {

Result<std::shared_ptr<char[]>> RecordBatch::begin_piece(std::size_t size) {
  if (bytes_ == piece_)
    WEIR_TRY(hand_out());
  // A piece of compressed groups has been decoded to another place: its buffer serves the next one.
  if (!piece_ || piece_given_ || piece_capacity_ < size) {
    piece_ = make_buffer(size);
    piece_capacity_ = size;
  }
  piece_size_ = size;
  piece_given_ = false;
  return piece_;
}

Status RecordBatch::add(std::string_view body) {
  if (bodies_.empty() && !piece_given_) {
    bytes_ = piece_;
    size_ = piece_size_;
    piece_given_ = true;
  }
  if (bytes_ != piece_) {
    const auto to = room(body.size());
    if (!to)
      return to.error();
    if (!body.empty())
      std::memcpy(*to, body.data(), body.size());
    body = {*to, body.size()};
  }
  bodies_.push_back(body);
  ++next_record_;
  return {};
}

Result<char*> RecordBatch::room(std::size_t size) {
  if (!bytes_ || bytes_ == piece_ || size_ - used_ < size) {
    WEIR_TRY(hand_out());
    if (!bytes_ || size_ < size) {
      size_ = std::max(size, buffers_.buffer_bytes());
      bytes_ = make_buffer(size_);
    }
    used_ = 0;
  }
  return bytes_.get() + std::exchange(used_, used_ + size);
}

void RecordBatch::add_decoded(std::span<const std::string_view> bodies) {
  bodies_.insert(bodies_.end(), bodies.begin(), bodies.end());
  next_record_ += bodies.size();
}

Status RecordBatch::hand_out() {
  if (visitor_ && !bodies_.empty()) {
    shrink();
    WEIR_TRY(visitor_(next_record_ - bodies_.size(), bodies_, std::exchange(bytes_, nullptr), size_));
  }
  if (bytes_ == piece_)
    bytes_.reset();
  bodies_.clear();
  return {};
}

std::shared_ptr<char[]> RecordBatch::make_buffer(std::size_t size) {
  const bool standard = size <= buffers_.buffer_bytes() && size > buffers_.buffer_bytes() / 2;
  return standard ? buffers_.take() : std::shared_ptr<char[]>(new char[size]);
}

/// Moves the bodies to a smaller buffer if most of this one would be kept for nothing.
void RecordBatch::shrink() {
  const char* const begin = bodies_.front().data();
  const auto used = static_cast<std::size_t>(bodies_.back().data() + bodies_.back().size() - begin);
  if (used >= size_ / 2)
    return;
  const std::shared_ptr<char[]> smaller(new char[used]);
  std::memcpy(smaller.get(), begin, used);
  for (std::string_view& body : bodies_)
    body = {smaller.get() + (body.data() - begin), body.size()};
  bytes_ = smaller;
  size_ = used;
}

} // namespace weir::wal
