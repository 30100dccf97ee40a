// Sorting that can be cancelled.
//
// Purpose: a sort of millions of rows must not outrun a deadline, and std::sort cannot be stopped; nor may it take more
// memory than what is sorted.
// Threading: pure.
#pragma once

#include <weir/result.hpp>

#include "engine/query/control.hpp"

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <random>
#include <utility>
#include <vector>

namespace weir::query {

/// Divides `items` from `begin` to before `end` in two by one of them, whose place it returns: none before that place
/// belongs behind it by `before`, and the other way round. Precondition: at least two. Fails as `pacer` says.
template <class Items, class Before> Result<std::size_t> divide_paced(Items& items, std::size_t begin, std::size_t end,
                                                                      std::minstd_rand& random, const Before& before,
                                                                      Pacer& pacer) {
  const auto any = [&] { return begin + random() % (end - begin); }; // so that no order of the events is slow
  std::size_t low = any(), middle = any();
  const std::size_t high = any();
  if (before(items[middle], items[low]))
    std::swap(low, middle);
  if (before(items[high], items[middle]))
    middle = before(items[high], items[low]) ? low : high;
  std::swap(items[begin], items[middle]);
  const auto& pivot = items[begin];
  std::size_t left = begin;
  std::size_t right = end;
  while (true) { // both stop at what is equal to it, so that many equal ones are divided evenly, too
    do
      WEIR_TRY(pacer.spend(1));
    while (++left < end && before(items[left], pivot));
    do
      WEIR_TRY(pacer.spend(1));
    while (before(pivot, items[--right]));
    if (left >= right)
      break;
    std::swap(items[left], items[right]);
  }
  std::swap(items[begin], items[right]);
  return right;
}

/// So many are dealt with in one step.
inline constexpr std::size_t sorted_in_one_step = 1'024;

/// Sorts `items` by `before`, in place. Fails as `pacer` says; then all are there, in any order.
template <class Items, class Before> Status sort_paced(Items& items, const Before& before, Pacer& pacer) {
  const auto at = [&items](std::size_t i) { return items.begin() + static_cast<std::ptrdiff_t>(i); };
  std::minstd_rand random;
  std::vector<std::pair<std::size_t, std::size_t>> unsorted{{0, items.size()}};
  while (!unsorted.empty()) {
    auto [begin, end] = unsorted.back();
    unsorted.pop_back();
    while (end - begin > sorted_in_one_step) {
      const auto place = divide_paced(items, begin, end, random, before, pacer);
      if (!place)
        return place.error();
      if (*place - begin < end - *place) { // the larger part waits, so that few ever do
        unsorted.emplace_back(*place + 1, end);
        end = *place;
      } else {
        unsorted.emplace_back(begin, *place);
        begin = *place + 1;
      }
    }
    std::sort(at(begin), at(end), before);
    WEIR_TRY(pacer.spend(end - begin));
  }
  return {};
}

/// Brings the first `count` of `items` by `before` to the front, in any order. Otherwise as sort_paced().
template <class Items, class Before>
Status select_paced(Items& items, std::size_t count, const Before& before, Pacer& pacer) {
  const auto at = [&items](std::size_t i) { return items.begin() + static_cast<std::ptrdiff_t>(i); };
  std::minstd_rand random;
  std::size_t begin = 0;
  std::size_t end = items.size();
  while (end - begin > sorted_in_one_step) {
    const auto place = divide_paced(items, begin, end, random, before, pacer);
    if (!place)
      return place.error();
    if (*place < count)
      begin = *place + 1;
    else
      end = *place;
  }
  if (begin < count && count < end)
    std::nth_element(at(begin), at(count), at(end), before);
  return {};
}

} // namespace weir::query
