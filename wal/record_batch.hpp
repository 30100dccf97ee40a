// Good records on their way from a log file to the visitor, and the memory they lie in.
//
// Purpose: records that are stored as they are stay in the piece of the file they were read with; those of compressed
// groups, and records between them, lie in a buffer of the batch's own. Owner: one FileReader::read. Threading: one
// thread at a time. Invariants: bodies lie in one buffer, in order; whoever gets a batch keeps less than twice its
// bytes.
#pragma once

#include <weir/result.hpp>

#include "engine/io/buffers_ahead.hpp"

#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <span>
#include <string_view>
#include <vector>

namespace weir::wal {

/// Takes record bodies in order: the number of the first one, the bodies (without a gap in the numbers), and what keeps
/// their bytes alive, with the memory it takes. An error ends the reading and is passed on.
using RecordVisitor = std::function<Status(std::uint64_t first_record, std::span<const std::string_view> bodies,
                                           std::shared_ptr<const void> owner, std::uint64_t owner_bytes)>;

class RecordBatch {
public:
  /// `visitor` may be empty; it and `buffers` must outlive the batch. The first body added is record `next_record`.
  RecordBatch(const RecordVisitor& visitor, io::BuffersAhead& buffers, std::uint64_t next_record)
      : visitor_(visitor), buffers_(buffers), next_record_(next_record) {}

  [[nodiscard]] std::uint64_t next_record() const noexcept { return next_record_; }

  /// A buffer of `size` bytes, into which the caller reads the next piece; what is added from now on lies there.
  /// Errors: the visitor's, here and below, for what had to be handed out first.
  Result<std::shared_ptr<char[]>> begin_piece(std::size_t size);
  /// Adds a body that lies in the piece.
  Status add(std::string_view body);
  /// `size` bytes of the batch's own buffer for the caller to fill.
  Result<char*> room(std::size_t size);
  /// Adds bodies that lie in room().
  void add_decoded(std::span<const std::string_view> bodies);
  /// Gives what was added to the visitor.
  Status hand_out();

private:
  [[nodiscard]] std::shared_ptr<char[]> make_buffer(std::size_t size);
  void shrink();

  const RecordVisitor& visitor_;
  io::BuffersAhead& buffers_;
  std::uint64_t next_record_;
  std::vector<std::string_view> bodies_;
  std::shared_ptr<char[]> bytes_; ///< Where the bodies lie: the piece, or the batch's own buffer.
  std::size_t size_ = 0;
  std::size_t used_ = 0; ///< Of its own buffer.
  std::shared_ptr<char[]> piece_;
  std::size_t piece_size_ = 0;
  std::size_t piece_capacity_ = 0;
  bool piece_given_ = false; ///< The visitor may keep the piece: nobody gets it twice.
};

} // namespace weir::wal
