// Text with its runs of hex digits packed to half their size.
//
// Purpose: ids, hashes and long numbers make up much of a JSON payload. LZ4 has no entropy coder, so to it a digit
// stays a byte; packing first makes such payloads a third smaller. Format: docs/formats/segment.md, "Block".
// Threading: pure functions.
#pragma once

#include <cstddef>
#include <span>
#include <string>
#include <string_view>

namespace weir::segments {

/// Replaces `out` with `text` packed. False (and `out` unspecified) if `text` holds a byte that packing uses as a mark.
[[nodiscard]] bool pack_hex_text(std::string_view text, std::string& out);

/// Unpacks `packed` into `out`. False if it does not unpack to exactly `out.size()` bytes.
[[nodiscard]] bool unpack_hex_text(std::string_view packed, std::span<char> out) noexcept;

} // namespace weir::segments
