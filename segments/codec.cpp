#include "segments/codec.hpp"

#include "segments/bytes.hpp"
#include "segments/hex_text.hpp"

#include <lz4.h>

#include <cstring>
#include <memory>

namespace weir::segments {
namespace {

// An LZ4 sequence of n bytes yields at most 255 n bytes; hex packing at most doubles that.
constexpr std::uint64_t lz4_ratio_max = 255;
constexpr std::uint64_t hex_ratio_max = 2;

// Decoding costs time on every read, so a code must save at least this much of the block: 1/16.
bool worth_it(std::size_t encoded, std::size_t raw) noexcept {
  return encoded + raw / 16 < raw;
}

/// Appends LZ4 of `raw`; returns the number of bytes appended.
std::size_t append_lz4(std::string_view raw, std::string& out) {
  const std::size_t before = out.size();
  const int bound = LZ4_compressBound(static_cast<int>(raw.size()));
  out.resize(before + static_cast<std::size_t>(bound));
  const int size = LZ4_compress_default(raw.data(), out.data() + before, static_cast<int>(raw.size()), bound);
  out.resize(before + static_cast<std::size_t>(size));
  return static_cast<std::size_t>(size);
}

bool lz4_decode(std::string_view stored, char* out, std::size_t out_bytes) noexcept {
  return LZ4_decompress_safe(stored.data(), out, static_cast<int>(stored.size()), static_cast<int>(out_bytes)) ==
         static_cast<int>(out_bytes);
}

} // namespace

Codec encode_block(std::string_view raw, bool text, std::string& out) {
  const std::size_t before = out.size();
  std::string packed;
  if (text && pack_hex_text(raw, packed) && worth_it(packed.size(), raw.size())) {
    append_integer(out, static_cast<std::uint32_t>(packed.size()));
    if (append_lz4(packed, out); worth_it(out.size() - before, raw.size()))
      return Codec::hex_lz4;
    out.resize(before);
  }
  if (const std::size_t size = append_lz4(raw, out); size != 0 && worth_it(size, raw.size()))
    return Codec::lz4;
  out.resize(before);
  out.append(raw);
  return Codec::raw;
}

bool plausible_sizes(std::uint8_t codec, std::uint64_t stored_bytes, std::uint64_t raw_bytes) noexcept {
  if (raw_bytes > block_raw_bytes_max || stored_bytes > block_raw_bytes_max)
    return false;
  if (codec == static_cast<std::uint8_t>(Codec::raw))
    return stored_bytes == raw_bytes;
  return raw_bytes <= stored_bytes * lz4_ratio_max * hex_ratio_max;
}

Status decode_block(std::uint8_t codec, std::span<const std::byte> stored, std::span<std::byte> out) {
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
    if (lz4_decode(from, to, out.size()))
      return {};
    return fail(Errc::corruption, "a block does not decompress");
  case Codec::hex_lz4: {
    ByteSource source(from);
    const auto packed_bytes = source.take<std::uint32_t>();
    if (!source.ok() || packed_bytes > out.size())
      return fail(Errc::corruption, "a block does not decompress");
    const auto packed = std::make_unique_for_overwrite<char[]>(packed_bytes);
    if (lz4_decode(from.substr(sizeof packed_bytes), packed.get(), packed_bytes) &&
        unpack_hex_text({packed.get(), packed_bytes}, {to, out.size()}))
      return {};
    return fail(Errc::corruption, "a block does not decompress");
  }
  }
  return fail(Errc::unsupported, "a block uses a codec this version does not know");
}

} // namespace weir::segments
