#include "segments/segment_output.hpp"

#include "segments/bytes.hpp"

namespace weir::segments {
namespace {

// Large enough that the disk works in long runs, small enough not to count.
constexpr std::size_t write_bytes = 256 * KiB;

} // namespace

BlockRef SegmentOutput::append(BlockKind kind, std::string_view raw, bool encode) {
  const std::size_t begin = buffer_.size();
  const BlockRef ref = append_block(buffer_, offset(), identity_, kind, raw, encode ? &encoder_ : nullptr);
  appended(kind, raw, begin);
  return ref;
}

BlockRef SegmentOutput::append(BlockKind kind, TextRoom& strings) {
  const std::size_t begin = buffer_.size();
  const BlockRef ref = append_block(buffer_, offset(), identity_, kind, strings, encoder_);
  appended(kind, strings.text(), begin);
  return ref;
}

/// The block of `raw` is in the buffer, from `begin` on.
void SegmentOutput::appended(BlockKind kind, std::string_view raw, std::size_t begin) {
  last_checksum_ = load<std::uint64_t>(buffer_.data() + begin);
  // After the block it is taken from: should its own block be lost, this one tells what it was.
  if (kind == BlockKind::payloads && encoder_.dictionary().empty() && raw.size() >= dictionary_source_bytes_min)
    encoder_.set_dictionary(raw.substr(0, dictionary_bytes_max));
  if (buffer_.size() >= write_bytes)
    flush();
}

void SegmentOutput::flush() {
  if (status_ && !buffer_.empty())
    status_ = file_.append(as_bytes(buffer_));
  written_ += buffer_.size();
  buffer_.clear();
}

} // namespace weir::segments
