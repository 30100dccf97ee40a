// Room for bytes that are needed while a function runs.
//
// Purpose: a replay reads, checks and unpacks a block for every few events; taking such buffers from the heap each time
// costs more than it should. Threading: plain values; what is kept belongs to the thread.
#pragma once

#include "segments/format.hpp"

#include <cstddef>
#include <memory>

namespace weir::segments {

class ScopedBytes {
public:
  /// What a place in the code keeps between its calls: declare it `thread_local`.
  using Kept = std::unique_ptr<std::byte[]>;

  /// `size` bytes, out of `kept` unless that would be much. Precondition: `kept` is not in use.
  ScopedBytes(Kept& kept, std::size_t size) {
    constexpr std::size_t kept_bytes = 64 * KiB;
    if (size > kept_bytes) {
      own_ = std::make_unique_for_overwrite<std::byte[]>(size);
      data_ = own_.get();
      return;
    }
    if (!kept)
      kept = std::make_unique_for_overwrite<std::byte[]>(kept_bytes);
    data_ = kept.get();
  }
  [[nodiscard]] std::byte* data() const noexcept { return data_; }

private:
  std::unique_ptr<std::byte[]> own_;
  std::byte* data_;
};

} // namespace weir::segments
