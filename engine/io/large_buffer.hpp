// Memory for data that comes in megabytes.
//
// Why: the first touch of a page costs a fault, and reading 64 MiB of log into fresh 4 KiB pages spent a third of a
// restart on them. Large buffers ask the kernel for 2 MiB pages; where it has none, they are ordinary memory.
// Threading: any thread.
#pragma once

#include <cstddef>
#include <memory>

namespace weir::io {

inline constexpr std::size_t large_page_bytes = 2u << 20;

struct FreeLargeBuffer {
  void operator()(char* buffer) const noexcept;
};
using LargeBuffer = std::unique_ptr<char[], FreeLargeBuffer>;

/// `bytes` bytes, uninitialised, aligned for anything; on large pages if they fill at least one.
[[nodiscard]] LargeBuffer make_large_buffer(std::size_t bytes);

} // namespace weir::io
