#include "engine/io/buffers_ahead.hpp"

#include <doctest/doctest.h>

#include <cstring>
#include <set>
#include <vector>

using namespace weir;

TEST_CASE("buffers ahead: every buffer is another one, whole, and outlives its maker") {
  for (const std::size_t taken : {0U, 1U, 2U, 3U, 40U}) {
    std::vector<std::shared_ptr<char[]>> buffers;
    {
      io::BuffersAhead ahead(100'000);
      for (std::size_t i = 0; i < taken; ++i) {
        buffers.push_back(ahead.take());
        std::memset(buffers.back().get(), static_cast<int>(i), ahead.buffer_bytes());
      }
    }
    std::set<const char*> places;
    for (std::size_t i = 0; i < taken; ++i) {
      places.insert(buffers[i].get());
      CHECK(buffers[i][0] == static_cast<char>(i));
      CHECK(buffers[i][99'999] == static_cast<char>(i));
    }
    CHECK(places.size() == taken);
  }
}
