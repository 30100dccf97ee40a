// Makes a failing list short: delta debugging.
//
// Threading: one thread.
#pragma once

#include <algorithm>
#include <cstddef>
#include <functional>
#include <vector>

namespace weir::trust {

/// A part of `items`, in their order, for which `fails` still holds and from which no single one can be left out,
/// unless `tries` ran out before. Precondition: fails(items).
template <class T> [[nodiscard]] std::vector<T>
shrink(std::vector<T> items, const std::function<bool(const std::vector<T>&)>& fails, std::size_t tries) {
  for (std::size_t chunk = std::max<std::size_t>(items.size() / 2, 1); tries != 0;) {
    bool shorter = false;
    for (std::size_t at = 0; at < items.size() && tries != 0;) {
      std::vector<T> rest(items.begin(), items.begin() + static_cast<std::ptrdiff_t>(at));
      const std::size_t end = std::min(items.size(), at + chunk);
      rest.insert(rest.end(), items.begin() + static_cast<std::ptrdiff_t>(end), items.end());
      --tries;
      if (fails(rest)) {
        items = std::move(rest);
        shorter = true;
      } else {
        at = end;
      }
    }
    if (chunk == 1 && !shorter)
      break;
    chunk = shorter && chunk == 1 ? 1 : std::max<std::size_t>(chunk / 2, 1);
  }
  return items;
}

} // namespace weir::trust
