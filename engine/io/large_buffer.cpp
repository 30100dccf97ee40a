#include "engine/io/large_buffer.hpp"

#include <cstdlib>
#include <new>
#include <sys/mman.h>

namespace weir::io {

void FreeLargeBuffer::operator()(char* buffer) const noexcept {
  std::free(buffer);
}

LargeBuffer make_large_buffer(std::size_t bytes) {
  const bool large = bytes >= large_page_bytes;
  void* const buffer =
      large ? std::aligned_alloc(large_page_bytes, (bytes + large_page_bytes - 1) / large_page_bytes * large_page_bytes)
            : std::malloc(bytes == 0 ? 1 : bytes);
  if (buffer == nullptr)
    throw std::bad_alloc();
  if (large) // advice only: whole pages that are filled, so that no memory is held beyond what was asked for
    static_cast<void>(::madvise(buffer, bytes / large_page_bytes * large_page_bytes, MADV_HUGEPAGE));
  return LargeBuffer(static_cast<char*>(buffer));
}

} // namespace weir::io
