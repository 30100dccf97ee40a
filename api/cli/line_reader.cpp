#include "api/cli/line_reader.hpp"

namespace weir::cli {
namespace {

constexpr std::size_t read_bytes = 64 * 1024;

} // namespace

LineReader::LineReader(ByteSource& source, std::size_t line_bytes_max)
    : source_(source), line_bytes_max_(line_bytes_max) {
}

Result<std::optional<Line>> LineReader::next() {
  for (;;) {
    const std::size_t feed = buffer_.find('\n', scanned_);
    if (feed != std::string::npos)
      return std::optional(take(feed, feed + 1));
    scanned_ = buffer_.size();
    // One more than the limit, for the CR that does not count.
    if (buffer_.size() - begin_ > line_bytes_max_ + 1) {
      passing_over_ = true;
      begin_ = scanned_;
    }
    if (ended_) {
      if (begin_ == buffer_.size() && !passing_over_)
        return std::optional<Line>();
      return std::optional(take(buffer_.size(), buffer_.size()));
    }
    WEIR_TRY(fill());
  }
}

Status LineReader::fill() {
  buffer_.erase(0, begin_);
  scanned_ -= begin_;
  begin_ = 0;
  const std::size_t kept = buffer_.size();
  buffer_.resize(kept + read_bytes);
  const auto bytes = source_.read(std::span(buffer_).subspan(kept));
  buffer_.resize(kept + (bytes ? *bytes : 0));
  if (!bytes)
    return bytes.error();
  ended_ = *bytes == 0;
  return {};
}

Line LineReader::take(std::size_t end, std::size_t next_begin) {
  std::string_view text = std::string_view(buffer_).substr(begin_, end - begin_);
  if (text.ends_with('\r'))
    text.remove_suffix(1);
  const bool too_long = passing_over_ || text.size() > line_bytes_max_;
  passing_over_ = false;
  begin_ = scanned_ = next_begin;
  return {++number_, too_long ? std::string_view() : text, too_long};
}

} // namespace weir::cli
