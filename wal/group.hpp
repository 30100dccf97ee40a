// One commit group: the records that are written with one write and synced together.
//
// Purpose: the shard adds encoded calls, the writer numbers them and fills in headers and checksums, the memtable keeps
// the very same bytes. Owner: whoever builds it, then shared with the memtable. Threading: one thread at a time until
// it is written; afterwards anybody may read. Invariants: one contiguous buffer {group header, (length, check,
// body)...}, so that a group is one write; once the last record is added, no body moves or changes.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <string_view>
#include <vector>

namespace weir::wal {

class Group {
public:
  /// `reserve_bytes` of bodies fit without another allocation.
  explicit Group(std::size_t reserve_bytes);

  /// Copies one record body, an encoded and numbered store call. Bodies added earlier may move.
  void add(std::string_view body);
  /// Adds a record and returns its body for the caller to fill; valid until the next record is added.
  [[nodiscard]] char* add_uninitialized(std::size_t body_bytes);

  [[nodiscard]] std::size_t records() const noexcept { return bodies_.size(); }
  /// Bytes on disk, headers included.
  [[nodiscard]] std::size_t bytes() const noexcept { return size_; }
  /// Body `i`; valid until another record is added, then as long as the group lives.
  [[nodiscard]] std::string_view body(std::size_t i) const;
  /// All bodies in order, as Memtable::apply wants them.
  [[nodiscard]] std::vector<std::string_view> bodies() const;

  /// For the writer: fills in all headers for a group at `offset` of the file with `identity` and returns the bytes to
  /// write. Bodies are read, not touched, so readers of a group that is written again see nothing of it.
  [[nodiscard]] std::span<const std::byte> frame(std::uint64_t identity, std::uint64_t offset,
                                                 std::uint64_t first_record, std::uint64_t synced_offset);

  /// For CompressedGroup: the records without their checks, 0 in the place of each. Bodies are not touched.
  [[nodiscard]] std::string_view unchecked_records();

private:
  struct Body {
    std::size_t offset;
    std::size_t size;
  };

  void grow(std::size_t size_min);

  std::unique_ptr<char[]> buffer_;
  std::size_t capacity_;
  std::size_t size_;
  std::vector<Body> bodies_;
};

} // namespace weir::wal
