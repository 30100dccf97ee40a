#include "engine/word_window.hpp"

#include <doctest/doctest.h>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <random>
#include <span>
#include <vector>

using weir::window_of;
using weir::WordWindow;

TEST_CASE("word window: from the first word that is not 0 to the last, in sets of any length") {
  std::mt19937_64 random(11);
  for (std::size_t size = 0; size < 70; ++size)
    for (int round = 0; round < 40; ++round) {
      std::vector<std::uint64_t> words(size);
      std::size_t first = size, last = 0;
      for (std::uint64_t left = random() % 4; size != 0 && left > 0; --left) {
        const std::size_t at = random() % size;
        words[at] = std::uint64_t{1} << random() % 64;
        first = std::min(first, at);
        last = std::max(last, at);
      }
      const WordWindow window = window_of(words);
      if (first == size) {
        CHECK(window.count == 0);
        continue;
      }
      CHECK(window.first == first);
      CHECK(window.behind() == last + 1);
      CHECK(window.of(std::span(words)).data() == words.data() + first);
    }
}
