// A commit group whose records are written as one LZ4 block.
//
// Purpose: for groups that nobody waits for: less than half the bytes for a fifth of a microsecond an event. The group
// itself stays as it is, for the memtable. Owner: the writer; one serves all its groups, so that its buffer is
// allocated once. Threading: one thread at a time.
#pragma once

#include "wal/group.hpp"

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>

namespace weir::wal {

class CompressedGroup {
public:
  /// Compresses the records of `group`. False if that is not worth it: the group is small or large, or would not become
  /// shorter by an eighth.
  [[nodiscard]] bool assign(Group& group);

  /// Bytes on disk, headers included. Precondition for this and frame(): assign() said true.
  [[nodiscard]] std::size_t bytes() const noexcept { return size_; }
  /// As Group::frame.
  [[nodiscard]] std::span<const std::byte> frame(std::uint64_t identity, std::uint64_t offset,
                                                 std::uint64_t first_record, std::uint64_t synced_offset);

private:
  std::unique_ptr<char[]> buffer_;
  std::size_t capacity_ = 0;
  std::size_t size_ = 0;
  std::size_t records_ = 0;
  std::size_t raw_bytes_ = 0;
};

} // namespace weir::wal
