// The growing file of a new segment: blocks in, large writes out.
//
// Owner: one SegmentWriter; one thread.
// Invariants: nothing is written twice; after an error nothing is written any more, and the file is good for nothing
// but to be removed. Blocks are buffered, so which of them meets the error is chance: status() has it.
#pragma once

#include <weir/result.hpp>

#include "engine/io/file_system.hpp"
#include "segments/block_source.hpp"

#include <cstdint>
#include <string>
#include <string_view>

namespace weir::segments {

class SegmentOutput {
public:
  SegmentOutput(io::File& file, std::uint64_t identity) : file_(file), identity_(identity) {}

  /// Appends bytes that are no block: the header.
  void append_raw(std::string_view bytes) { buffer_ += bytes; }
  /// Appends a block and says where it is. The first large block of payloads becomes the dictionary of the strings
  /// after it.
  BlockRef append(BlockKind kind, std::string_view raw, bool encode = true);
  /// The same of strings, which are encoded where they are.
  BlockRef append(BlockKind kind, TextRoom& strings);
  /// Writes what is buffered.
  void flush();
  /// The first error of writing, as of File::append.
  [[nodiscard]] const Status& status() const noexcept { return status_; }

  /// Empty: there is none.
  [[nodiscard]] std::string_view dictionary() const noexcept { return encoder_.dictionary(); }
  /// Where the next block begins.
  [[nodiscard]] std::uint64_t offset() const noexcept { return written_ + buffer_.size(); }
  [[nodiscard]] std::uint64_t identity() const noexcept { return identity_; }
  /// The checksum of the block appended last.
  [[nodiscard]] std::uint64_t last_checksum() const noexcept { return last_checksum_; }

private:
  void appended(BlockKind kind, std::string_view raw, std::size_t begin);

  io::File& file_;
  std::uint64_t identity_;
  std::uint64_t written_ = 0;
  std::uint64_t last_checksum_ = 0;
  std::string buffer_;
  Status status_;
  BlockEncoder encoder_;
};

} // namespace weir::segments
