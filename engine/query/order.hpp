// Sorting that can be cancelled.
//
// Purpose: a sort of millions of rows must not outrun a deadline, and std::sort cannot be stopped.
// Threading: pure.
#pragma once

#include <weir/result.hpp>

#include "engine/query/control.hpp"
#include "engine/query/leftovers.hpp"

#include <algorithm>
#include <cstddef>
#include <iterator>
#include <utility>
#include <vector>

namespace weir::query {

/// Sorts `items` by `before`, stably. Fails as `pacer` says; `items` are of no use then.
template <class T, class Before> Status sort_paced(std::vector<T>& items, const Before& before, Pacer& pacer) {
  constexpr std::size_t run = 1'024;
  const std::size_t size = items.size();
  const auto at = [](std::vector<T>& in, std::size_t i) { return in.begin() + static_cast<std::ptrdiff_t>(i); };
  for (std::size_t begin = 0; begin < size; begin += run) {
    std::stable_sort(at(items, begin), at(items, std::min(begin + run, size)), before);
    WEIR_TRY(pacer.spend(run));
  }
  if (size <= run)
    return {};
  std::vector<T> merged;
  const HandOver rest(merged, pacer.leftovers());
  merged.reserve(size);
  for (std::size_t width = run; width < size; width *= 2) {
    merged.clear();
    for (std::size_t begin = 0; begin < size; begin += 2 * width) {
      std::size_t left = begin;
      std::size_t right = std::min(begin + width, size);
      const std::size_t middle = right;
      const std::size_t end = std::min(begin + 2 * width, size);
      while (left < middle || right < end) {
        const bool take_right = left == middle || (right < end && before(items[right], items[left]));
        merged.push_back(std::move(items[take_right ? right++ : left++]));
        WEIR_TRY(pacer.spend(1));
      }
    }
    items.swap(merged);
  }
  return {};
}

} // namespace weir::query
