// The bytes of another source, decompressed if they begin as a gzip file does.
//
// Purpose: the one door to zlib. Files are recognised by content, never by name, so a pipe works as well.
// Threading: one thread at a time.
// Invariants: constant memory. A file that ends early or is damaged is an error, never a shorter file.
#pragma once

#include "api/cli/byte_source.hpp"

#include <memory>
#include <vector>
#include <zlib.h>

namespace weir::cli {

class GunzipSource : public ByteSource {
public:
  /// `source` must outlive this; `name` is for errors.
  GunzipSource(ByteSource& source, std::string name);
  ~GunzipSource() override;
  GunzipSource(const GunzipSource&) = delete;
  GunzipSource& operator=(const GunzipSource&) = delete;

  Result<std::size_t> read(std::span<char> out) override;

private:
  enum class Mode : std::uint8_t { unknown, plain, gzip };

  Status recognise();
  /// Adds what the source gives next to the unread input.
  Status fill();
  Result<std::size_t> inflate_into(std::span<char> out);
  [[nodiscard]] Error damaged(std::string message) const;

  ByteSource& source_;
  std::string name_;
  Mode mode_ = Mode::unknown;
  std::vector<char> input_;
  std::size_t begin_ = 0; ///< Unread input is [begin_, end_).
  std::size_t end_ = 0;
  std::uint64_t consumed_ = 0; ///< Compressed bytes before begin_, for errors.
  bool source_ended_ = false;
  bool between_members_ = true; ///< A gzip file may be several, one behind the other.
  z_stream stream_{};
};

} // namespace weir::cli
