#include "engine/io/large_buffer.hpp"

#include <doctest/doctest.h>

#include <cstdint>
#include <cstring>

using namespace weir;

TEST_CASE("large buffer: any size can be had and used to its last byte") {
  for (const std::size_t bytes : {std::size_t{0}, std::size_t{1}, io::large_page_bytes - 1, io::large_page_bytes,
                                  io::large_page_bytes + 1, 3 * io::large_page_bytes - 1}) {
    const io::LargeBuffer buffer = io::make_large_buffer(bytes);
    REQUIRE(buffer != nullptr);
    std::memset(buffer.get(), 7, bytes);
    if (bytes > 0)
      CHECK(buffer[bytes - 1] == 7);
    CHECK(reinterpret_cast<std::uintptr_t>(buffer.get()) % alignof(std::max_align_t) == 0);
    if (bytes >= io::large_page_bytes)
      CHECK(reinterpret_cast<std::uintptr_t>(buffer.get()) % io::large_page_bytes == 0);
  }
}
