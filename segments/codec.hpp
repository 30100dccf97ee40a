// Bytes of a block, encoded and decoded.
//
// Threading: an encoder is for one thread, decoding a pure function and safe on any bytes.
#pragma once

#include <weir/result.hpp>

#include "segments/format.hpp"
#include "segments/text_code.hpp"

#include <array>
#include <cstddef>
#include <memory>
#include <span>
#include <string>
#include <string_view>

namespace weir::segments {

/// Encodes the blocks of one file. One thread.
class BlockEncoder {
public:
  BlockEncoder();
  ~BlockEncoder();
  BlockEncoder(const BlockEncoder&) = delete;
  BlockEncoder& operator=(const BlockEncoder&) = delete;

  /// Appends `raw` to `out`, encoded in the shortest way tried, and says which. A block of strings may hold hex digits
  /// worth packing; where they were not, only some of the column's blocks that follow are tried. Precondition:
  /// raw.size() <= block_raw_bytes_max.
  [[nodiscard]] Codec encode(std::string_view raw, BlockKind kind, std::string& out) {
    return encode(raw, nullptr, kind, out);
  }
  /// The same of strings that are where they can be encoded without a copy.
  [[nodiscard]] Codec encode(TextRoom& strings, BlockKind kind, std::string& out) {
    return encode(strings.text(), &strings, kind, out);
  }

  /// What blocks of strings encoded from now on may copy from; their readers need it, too.
  void set_dictionary(std::string_view text) { text_.set_dictionary(text); }
  [[nodiscard]] std::string_view dictionary() const noexcept { return text_.dictionary(); }

private:
  Codec encode(std::string_view raw, TextRoom* room, BlockKind kind, std::string& out);
  std::string_view compressed(std::string_view raw);

  TextEncoder text_;
  std::string packed_;
  std::unique_ptr<char[]> buffer_;
  std::size_t buffer_bytes_ = 0;
  std::array<unsigned, 3> unpacked_blocks_{}; ///< By column of strings: blocks yet to be taken as they are.
};

/// Whether `stored_bytes` bytes can decode to `raw_bytes`: checked before a buffer of that size is allocated.
[[nodiscard]] bool plausible_sizes(std::uint8_t codec, std::uint64_t stored_bytes, std::uint64_t raw_bytes) noexcept;

/// Decodes `stored` into exactly `out.size()` bytes. `dictionary`: what strings were encoded with, if anything. Errors
/// (without a place): `unsupported` for an unknown codec, `corruption` if the bytes do not decode to that size.
[[nodiscard]] Status decode_block(std::uint8_t codec, std::span<const std::byte> stored, std::span<std::byte> out,
                                  const TextDictionary* dictionary = nullptr);

} // namespace weir::segments
