#include "segments/codec.hpp"

#include "segments/bytes.hpp"
#include "segments/hex_text.hpp"
#include "segments/scoped_bytes.hpp"

#include "engine/lz4.hpp"

#include <cstring>
#include <memory>

namespace weir::segments {
namespace {

// Hex packing at most doubles what LZ4 yields.
constexpr std::uint64_t hex_ratio_max = 2;

// Decoding costs time on every read, so a code must save at least this much of the block: 1/16.
bool worth_it(std::size_t encoded, std::size_t raw) noexcept {
  return encoded + raw / 16 < raw;
}

// Unpacking takes a replay as long as LZ4 itself: shorter by 1/8, or not at all.
bool worth_packing(std::size_t packed, std::size_t raw) noexcept {
  return packed + raw / 8 < raw;
}

// LZ4 looks for matches at every second place where it finds none: a third less time, 2 % more bytes.
constexpr int lz4_acceleration = 2;

// Whether ids are worth packing is a matter of the payloads, and those of a file are alike.
constexpr unsigned blocks_between_tries = 15;

/// The counter of a column of strings; null for blocks of numbers.
unsigned* strings_of(std::array<unsigned, 3>& counters, BlockKind kind) noexcept {
  switch (kind) {
  case BlockKind::event_ids: return &counters[0];
  case BlockKind::metadata: return &counters[1];
  case BlockKind::payloads: return &counters[2];
  default: return nullptr;
  }
}

} // namespace

BlockEncoder::BlockEncoder() = default;
BlockEncoder::~BlockEncoder() = default;

/// LZ4 of `raw`, valid until the next call.
std::string_view BlockEncoder::compressed(std::string_view raw) {
  const std::size_t bound = lz4::block_bytes_max(raw.size());
  if (buffer_bytes_ < bound) {
    buffer_ = std::make_unique_for_overwrite<char[]>(bound);
    buffer_bytes_ = bound;
  }
  return {buffer_.get(), lz4::compress(raw, {buffer_.get(), bound}, lz4_acceleration)};
}

/// `room`: where `raw` is, if it is in one.
Codec BlockEncoder::encode(std::string_view raw, TextRoom* room, BlockKind kind, std::string& out) {
  unsigned* const unpacked_blocks = strings_of(unpacked_blocks_, kind);
  if (unpacked_blocks != nullptr && *unpacked_blocks != 0) {
    --*unpacked_blocks;
  } else if (unpacked_blocks != nullptr) {
    if (pack_hex_text(raw, packed_) && worth_packing(packed_.size(), raw.size())) {
      const std::string_view stored = compressed(packed_);
      if (worth_it(stored.size() + sizeof(std::uint32_t), raw.size())) {
        append_integer(out, static_cast<std::uint32_t>(packed_.size()));
        out += stored;
        return Codec::hex_lz4;
      }
    } else {
      *unpacked_blocks = blocks_between_tries;
    }
  }
  const bool strings = unpacked_blocks != nullptr;
  if (const std::string_view stored = !strings          ? compressed(raw)
                                      : room != nullptr ? text_.encode(*room)
                                                        : text_.encode(raw);
      !stored.empty() && worth_it(stored.size(), raw.size())) {
    out += stored;
    return strings ? Codec::text : Codec::lz4;
  }
  out += room != nullptr ? room->text() : raw; // it may have moved
  return Codec::raw;
}

bool plausible_sizes(std::uint8_t codec, std::uint64_t stored_bytes, std::uint64_t raw_bytes) noexcept {
  if (raw_bytes > block_raw_bytes_max || stored_bytes > block_raw_bytes_max)
    return false;
  if (codec == static_cast<std::uint8_t>(Codec::raw))
    return stored_bytes == raw_bytes;
  if (codec == static_cast<std::uint8_t>(Codec::text))
    return raw_bytes <= stored_bytes * text_code_ratio_max;
  return raw_bytes <= stored_bytes * lz4::ratio_max * hex_ratio_max;
}

Status decode_block(std::uint8_t codec, std::span<const std::byte> stored, std::span<std::byte> out,
                    const TextDictionary* dictionary) {
  if (!plausible_sizes(codec, stored.size(), out.size()))
    return fail(Errc::corruption, "a block's sizes contradict each other");
  const std::string_view from = as_text(stored);
  char* const to = reinterpret_cast<char*>(out.data());
  switch (static_cast<Codec>(codec)) {
  case Codec::raw:
    if (!out.empty())
      std::memcpy(to, from.data(), out.size());
    return {};
  case Codec::lz4:
    if (lz4::decompress(from, {to, out.size()}))
      return {};
    return fail(Errc::corruption, "a block does not decompress");
  case Codec::hex_lz4: {
    ByteSource source(from);
    const auto packed_bytes = source.take<std::uint32_t>();
    if (!source.ok() || packed_bytes > out.size())
      return fail(Errc::corruption, "a block does not decompress");
    thread_local ScopedBytes::Kept kept;
    const ScopedBytes bytes(kept, packed_bytes);
    char* const packed = reinterpret_cast<char*>(bytes.data());
    if (lz4::decompress(from.substr(sizeof packed_bytes), {packed, packed_bytes}) &&
        unpack_hex_text({packed, packed_bytes}, {to, out.size()}))
      return {};
    return fail(Errc::corruption, "a block does not decompress");
  }
  case Codec::text: {
    static const TextDictionary none;
    if (decode_text(from, dictionary == nullptr ? none : *dictionary, {to, out.size()}))
      return {};
    return fail(Errc::corruption, "a block does not decompress");
  }
  }
  return fail(Errc::unsupported, "a block uses a codec this version does not know");
}

} // namespace weir::segments
