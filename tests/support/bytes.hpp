// Text as bytes and back, for tests of files.
#pragma once

#include "engine/io/file_system.hpp"

#include <cstddef>
#include <span>
#include <string>
#include <string_view>

namespace weir::test {

/// The bytes of `text`, which it borrows.
[[nodiscard]] inline std::span<const std::byte> as_bytes(std::string_view text) {
  return std::as_bytes(std::span(text));
}

[[nodiscard]] inline std::string as_text(std::span<const std::byte> bytes) {
  return {reinterpret_cast<const char*>(bytes.data()), bytes.size()};
}

/// The whole file as text; the error as text in angle brackets, so that a failed comparison shows it.
[[nodiscard]] inline std::string read_text(io::FileSystem& fs, const std::string& path) {
  const auto content = io::read_whole_file(fs, path, 1U << 30U);
  return content ? as_text(*content) : '<' + to_string(content.error()) + '>';
}

} // namespace weir::test
