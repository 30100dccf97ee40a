#include "segments/block_source.hpp"

#include "engine/hash.hpp"
#include "engine/sabotage.hpp"
#include "engine/text.hpp"
#include "segments/bytes.hpp"
#include "segments/scoped_bytes.hpp"

#include <algorithm>
#include <memory>

namespace weir::segments {
namespace {

constexpr std::size_t checksum_bytes = sizeof(std::uint64_t);

// One read of this much costs a disk hardly more than a read of one block; beyond it nothing is gained.
constexpr std::uint64_t joined_read_bytes_max = 1 * MiB;
constexpr std::uint64_t joined_read_gap_max = 8 * KiB;

/// Whether the read of blocks from `first` to `last` should go on to `next`.
bool joins(const BlockRef& first, const BlockRef& last, const BlockRef& next) noexcept {
  return next.offset >= last.end() && next.offset - last.end() <= joined_read_gap_max &&
         next.end() - first.offset <= joined_read_bytes_max;
}

/// What a frame says of its block.
struct Frame {
  std::uint64_t offset, identity;
  BlockKind kind;
  std::size_t raw_bytes;
};

/// Whether every read may want such a block, whatever rows it is for.
bool finds_contexts(BlockKind kind) noexcept {
  return kind == BlockKind::context_index || kind == BlockKind::context_filter || kind == BlockKind::event_id_filter;
}

/// Appends a frame and what `append_content` appends, which says how that is encoded.
template <class AppendContent>
BlockRef append_framed(std::string& out, const Frame& frame, const AppendContent& append_content) {
  const std::size_t begin = out.size();
  out.resize(begin + block_header_bytes);
  const Codec codec = append_content();
  const auto raw_bytes = static_cast<std::uint32_t>(frame.raw_bytes);
  const auto stored_bytes = static_cast<std::uint32_t>(out.size() - begin - block_header_bytes);
  char* const header = out.data() + begin;
  header[8] = static_cast<char>(codec);
  header[9] = static_cast<char>(frame.kind);
  header[10] = header[11] = 0;
  std::memcpy(header + 12, &raw_bytes, sizeof raw_bytes);
  std::memcpy(header + 16, &stored_bytes, sizeof stored_bytes);
  const std::uint64_t checksum = hash64(header + checksum_bytes, block_header_bytes - checksum_bytes + stored_bytes,
                                        checksum_seed(frame.identity, frame.offset));
  std::memcpy(header, &checksum, sizeof checksum);
  return {frame.offset, stored_bytes, frame.kind};
}

} // namespace

BlockRef append_block(std::string& out, std::uint64_t offset, std::uint64_t identity, BlockKind kind,
                      std::string_view raw, BlockEncoder* encoder) {
  return append_framed(out, {offset, identity, kind, raw.size()}, [&] {
    if (encoder != nullptr)
      return encoder->encode(raw, kind, out);
    out.append(raw);
    return Codec::raw;
  });
}

BlockRef append_block(std::string& out, std::uint64_t offset, std::uint64_t identity, BlockKind kind, TextRoom& strings,
                      BlockEncoder& encoder) {
  return append_framed(out, {offset, identity, kind, strings.size()},
                       [&] { return encoder.encode(strings, kind, out); });
}

BlockSource::BlockSource(const io::File& file, std::string path, std::uint64_t identity, std::uint64_t generation,
                         std::uint64_t end, BlockCache& cache)
    : file_(file), path_(std::move(path)), identity_(identity), cache_key_(checksum_seed(identity, generation)),
      end_(end), cache_(cache) {
}

Error BlockSource::damaged(std::string_view what, std::uint64_t offset) const {
  return fail(Errc::corruption, std::string(what), format("{}:{}", path_, offset));
}

Error BlockSource::wrong_size(const BlockRef& ref, bool less) const {
  return damaged(less ? "a block holds less than the lengths of its rows"
                      : "a block holds more than the lengths of its rows",
                 ref.offset);
}

bool BlockSource::contains(const BlockRef& ref) const noexcept {
  return ref.offset >= segment_header_bytes && ref.offset <= end_ &&
         end_ - ref.offset >= block_header_bytes + std::uint64_t{ref.stored_bytes};
}

Status BlockSource::read_bytes(std::uint64_t offset, std::span<std::byte> out) const {
  auto got = file_.pread(out, offset);
  if (!got)
    return std::move(got).error();
  if (*got != out.size())
    return damaged("the file ends inside a block", offset);
  return {};
}

/// Whether it is the block that `ref` names, and whole; then how long its content is.
Result<std::uint32_t> BlockSource::check_frame(const BlockRef& ref, std::span<const std::byte> frame) const {
  const std::byte* const header = frame.data();
  const std::uint64_t checksum =
      hash64(header + checksum_bytes, frame.size() - checksum_bytes, checksum_seed(identity_, ref.offset));
  if (load<std::uint64_t>(header) != checksum && !sabotaged(Sabotage::ignore_block_checksum))
    return damaged("block checksum differs", ref.offset);
  const auto codec = load<std::uint8_t>(header + 8);
  const auto raw_bytes = load<std::uint32_t>(header + 12);
  if (load<std::uint8_t>(header + 9) != static_cast<std::uint8_t>(ref.kind) || load<std::uint16_t>(header + 10) != 0 ||
      load<std::uint32_t>(header + 16) != ref.stored_bytes)
    return damaged("the block is not the one its place is listed for", ref.offset);
  if (!plausible_sizes(codec, ref.stored_bytes, raw_bytes))
    return damaged("a block's sizes contradict each other", ref.offset);
  return raw_bytes;
}

/// Precondition: check_frame() found it good, and out.size() long.
Status BlockSource::decode_frame(const BlockRef& ref, std::span<const std::byte> frame,
                                 const TextDictionary* dictionary, std::span<std::byte> out) const {
  const auto codec = load<std::uint8_t>(frame.data() + 8);
  if (Status decoded = decode_block(codec, frame.subspan(block_header_bytes), out, dictionary); !decoded)
    return fail(decoded.code(), decoded.error().message, format("{}:{}", path_, ref.offset));
  return {};
}

Result<BlockPtr> BlockSource::decode(const BlockRef& ref, std::span<const std::byte> frame,
                                     const TextDictionary* dictionary) const {
  const auto raw_bytes = check_frame(ref, frame);
  if (!raw_bytes)
    return raw_bytes.error();
  auto block = cache_.make_block(*raw_bytes);
  WEIR_TRY(decode_frame(ref, frame, dictionary, block->writable()));
  return BlockPtr(std::move(block));
}

Result<BlockPtr> BlockSource::read(const BlockRef& ref, const TextDictionary* dictionary) const {
  BlockPtr block;
  WEIR_TRY(read_all({&ref, 1}, {&block, 1}, dictionary));
  return block;
}

Status BlockSource::read_into(std::span<const BlockRef> refs, std::span<const std::span<std::byte>> outs,
                              const TextDictionary* dictionary, std::vector<std::byte>& buffer) const {
  for (const BlockRef& ref : refs)
    if (!contains(ref))
      return damaged("a block is listed outside of the file", ref.offset);
  for (std::size_t first = 0, end = 0; first < refs.size(); first = end) {
    for (end = first + 1; end < refs.size() && joins(refs[first], refs[end - 1], refs[end]);)
      ++end;
    const std::uint64_t begin = refs[first].offset;
    const auto size = static_cast<std::size_t>(refs[end - 1].end() - begin);
    buffer.resize(std::max(buffer.size(), size));
    WEIR_TRY(read_bytes(begin, {buffer.data(), size}));
    for (std::size_t i = first; i < end; ++i) {
      const std::span<const std::byte> frame(buffer.data() + (refs[i].offset - begin),
                                             block_header_bytes + refs[i].stored_bytes);
      const auto raw_bytes = check_frame(refs[i], frame);
      if (!raw_bytes)
        return raw_bytes.error();
      if (*raw_bytes != outs[i].size())
        return wrong_size(refs[i], *raw_bytes < outs[i].size());
      WEIR_TRY(decode_frame(refs[i], frame, dictionary, outs[i]));
    }
  }
  return {};
}

Status BlockSource::read_all(std::span<const BlockRef> refs, std::span<BlockPtr> out,
                             const TextDictionary* dictionary) const {
  for (std::size_t i = 0; i < refs.size(); ++i) {
    if (!contains(refs[i]))
      return damaged("a block is listed outside of the file", refs[i].offset);
    out[i] = cache_.find(cache_key_, refs[i].offset);
  }
  const std::uint64_t stretch = refs.empty() ? 0 : refs.back().end() - std::min(refs.front().offset, refs.back().end());
  for (std::size_t first = 0; first < refs.size(); ++first) {
    if (out[first])
      continue;
    std::size_t last = first;
    for (std::size_t i = first + 1; i < refs.size(); ++i) {
      if (!joins(refs[first], refs[last], refs[i]))
        break;
      if (!out[i])
        last = i;
    }
    const std::uint64_t begin = refs[first].offset;
    const auto size = static_cast<std::size_t>(refs[last].end() - begin);
    thread_local ScopedBytes::Kept kept;
    const ScopedBytes buffer(kept, size);
    WEIR_TRY(read_bytes(begin, {buffer.data(), size}));
    for (std::size_t i = first; i <= last; ++i) {
      if (out[i])
        continue;
      auto block = decode(
          refs[i], {buffer.data() + (refs[i].offset - begin), block_header_bytes + refs[i].stored_bytes}, dictionary);
      if (!block)
        return std::move(block).error();
      const bool for_all = finds_contexts(refs[i].kind);
      out[i] = cache_.insert(cache_key_, refs[i].offset, *std::move(block),
                             for_all ? BlockCache::worth_max : BlockCache::worth_of_read(stretch));
    }
    first = last;
  }
  return {};
}

Result<BlockSource::Piece> BlockSource::read_piece(std::uint64_t offset, const BlockRef& last) const {
  if (!contains(last) || offset < segment_header_bytes || offset > last.offset)
    return damaged("a block is listed outside of the file", last.offset);
  const auto size = static_cast<std::size_t>(last.end() - offset);
  Piece piece{offset, last.end(), std::make_unique_for_overwrite<std::byte[]>(size)};
  WEIR_TRY(read_bytes(offset, {piece.bytes.get(), size}));
  return piece;
}

Result<BlockPtr> BlockSource::decode(const BlockRef& ref, const Piece& piece) const {
  return decode(ref, {piece.bytes.get() + (ref.offset - piece.offset), block_header_bytes + ref.stored_bytes}, nullptr);
}

} // namespace weir::segments
