// Blocks of one segment file: framed for the writer, read through the cache and checked for the reader.
//
// Threading: BlockSource is immutable and thread-safe; what it borrows (file, cache) must outlive it.
// Invariants: no byte leaves read() or read_all() whose checksum was not verified when it came from the disk.
#pragma once

#include <weir/result.hpp>

#include "engine/io/file_system.hpp"
#include "segments/block_cache.hpp"
#include "segments/codec.hpp"
#include "segments/format.hpp"

#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace weir::segments {

/// Appends the framed block `raw` to `out`, to be written at `offset` of the file. Without an encoder it is kept as it
/// is, as blocks are whose place must follow from their number.
BlockRef append_block(std::string& out, std::uint64_t offset, std::uint64_t identity, BlockKind kind,
                      std::string_view raw, BlockEncoder* encoder);
/// The same of strings, which are encoded where they are.
BlockRef append_block(std::string& out, std::uint64_t offset, std::uint64_t identity, BlockKind kind, TextRoom& strings,
                      BlockEncoder& encoder);

class BlockSource {
public:
  /// Blocks end at `end` at the latest: where the footer begins, or the file ends.
  /// `generation` keeps blocks of this very file apart in the cache from those of an earlier one of the same identity,
  /// which was never live.
  BlockSource(const io::File& file, std::string path, std::uint64_t identity, std::uint64_t generation,
              std::uint64_t end, BlockCache& cache);

  /// The decoded block; strings need the segment's dictionary. Errors: `corruption`, `unsupported` (codec), `io_error`.
  Result<BlockPtr> read(const BlockRef& ref, const TextDictionary* dictionary = nullptr) const;
  /// The block if it is in the cache, otherwise null.
  [[nodiscard]] BlockPtr find_cached(const BlockRef& ref) const { return cache_.find(cache_key_, ref.offset); }
  /// All of `refs` (ascending by offset) into `out`; neighbours that are not cached come with one read.
  Status read_all(std::span<const BlockRef> refs, std::span<BlockPtr> out,
                  const TextDictionary* dictionary = nullptr) const;
  /// Decodes all of `refs` (ascending by offset) to `outs`, past the cache and without a block for each: for readers of
  /// whole stretches, who know how long the texts are. Another length is `corruption`. `buffer` is room that the caller
  /// keeps between calls.
  Status read_into(std::span<const BlockRef> refs, std::span<const std::span<std::byte>> outs,
                   const TextDictionary* dictionary, std::vector<std::byte>& buffer) const;

  /// For what is read past the cache.
  [[nodiscard]] io::SlabPool& slabs() const noexcept { return cache_.slabs(); }

  /// A stretch of the file as it is there.
  struct Piece {
    std::uint64_t offset = 0;
    std::uint64_t end = 0;
    std::unique_ptr<std::byte[]> bytes;
    [[nodiscard]] bool covers(const BlockRef& ref) const noexcept { return ref.offset >= offset && ref.end() <= end; }
  };
  /// Reads from `offset` to the end of `last` at once, past the cache.
  Result<Piece> read_piece(std::uint64_t offset, const BlockRef& last) const;
  /// A block of `piece`, checked and decoded, past the cache. Precondition: the piece covers it.
  Result<BlockPtr> decode(const BlockRef& ref, const Piece& piece) const;
  /// What a reader derived from the blocks at `offset` and wants cached beside them.
  [[nodiscard]] BlockPtr find_derived(std::uint64_t offset) const { return cache_.find(~cache_key_, offset); }
  [[nodiscard]] BlockPtr keep_derived(std::uint64_t offset, BlockPtr derived) const {
    return cache_.insert(~cache_key_, offset, std::move(derived));
  }

  /// `corruption`, placed at `offset` of this file.
  [[nodiscard]] Error damaged(std::string_view what, std::uint64_t offset) const;
  /// The same of a block of strings whose size is not the sum of its rows' lengths.
  [[nodiscard]] Error wrong_size(const BlockRef& ref, bool less) const;
  /// The same file with another end.
  [[nodiscard]] BlockSource ending_at(std::uint64_t end) const {
    BlockSource copy(*this);
    copy.end_ = end;
    return copy;
  }
  /// Whether `ref` lies between the header and the end.
  [[nodiscard]] bool contains(const BlockRef& ref) const noexcept;

  [[nodiscard]] std::uint64_t identity() const noexcept { return identity_; }
  [[nodiscard]] std::uint64_t end() const noexcept { return end_; }
  [[nodiscard]] const std::string& path() const noexcept { return path_; }
  [[nodiscard]] const io::File& file() const noexcept { return file_; }

private:
  Status read_bytes(std::uint64_t offset, std::span<std::byte> out) const;
  Result<std::uint32_t> check_frame(const BlockRef& ref, std::span<const std::byte> frame) const;
  Status decode_frame(const BlockRef& ref, std::span<const std::byte> frame, const TextDictionary* dictionary,
                      std::span<std::byte> out) const;
  Result<BlockPtr> decode(const BlockRef& ref, std::span<const std::byte> frame,
                          const TextDictionary* dictionary) const;

  const io::File& file_;
  std::string path_;
  std::uint64_t identity_;
  std::uint64_t cache_key_;
  std::uint64_t end_;
  BlockCache& cache_;
};

} // namespace weir::segments
