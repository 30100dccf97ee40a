// Lines of a source, one at a time, in constant memory.
//
// Threading: one thread at a time.
// Invariants: a line is never longer than the limit in memory, however long it is in the file. A last line without line
// feed is a line.
#pragma once

#include "api/cli/byte_source.hpp"
#include <weir/limits.hpp>

#include <optional>
#include <string>
#include <string_view>

namespace weir::cli {

struct Line {
  std::uint64_t number = 0; ///< From 1.
  std::string_view text;    ///< Without its line feed (or CR and line feed); empty if too long.
  bool too_long = false;    ///< Longer than the limit; it was passed over.
};

class LineReader {
public:
  static constexpr std::size_t line_bytes_default_max = 32 * MiB;

  /// `source` must outlive this.
  explicit LineReader(ByteSource& source, std::size_t line_bytes_max = line_bytes_default_max);

  /// The next line, whose text lives until the next call; nothing at the end. Errors: those of the source.
  Result<std::optional<Line>> next();

private:
  Status fill();
  Line take(std::size_t end, std::size_t next_begin);

  ByteSource& source_;
  std::size_t line_bytes_max_;
  std::string buffer_;
  std::size_t begin_ = 0;   ///< Where the line starts.
  std::size_t scanned_ = 0; ///< No line feed in [begin_, scanned_).
  std::uint64_t number_ = 0;
  bool passing_over_ = false; ///< Inside a line that is too long.
  bool ended_ = false;
};

} // namespace weir::cli
