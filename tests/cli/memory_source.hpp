// Bytes in memory as a source that gives them in small pieces, as a pipe would.
#pragma once

#include "api/cli/byte_source.hpp"

#include <algorithm>
#include <string>

namespace weir::test {

class MemorySource : public cli::ByteSource {
public:
  explicit MemorySource(std::string bytes, std::size_t piece_bytes = 7)
      : bytes_(std::move(bytes)), piece_bytes_(piece_bytes) {}

  Result<std::size_t> read(std::span<char> out) override {
    const std::size_t bytes = std::min({out.size(), piece_bytes_, bytes_.size() - read_});
    std::copy_n(bytes_.data() + read_, bytes, out.data());
    read_ += bytes;
    return bytes;
  }

private:
  std::string bytes_;
  std::size_t piece_bytes_;
  std::size_t read_ = 0;
};

} // namespace weir::test
