// Small items in the order they came, in pieces.
//
// Purpose: one array of millions of items that makes room for more copies all of them at once, and no deadline is
// looked at meanwhile; a deque has pieces so small that they cost more than what is in them, and takes memory even
// without any.
// Threading: one owner.
#pragma once

#include <algorithm>
#include <cstddef>
#include <span>
#include <vector>

namespace weir::query {

template <class T> class PieceList {
public:
  void push_back(const T& item) {
    if (pieces_.empty() || pieces_.back().size() == pieces_.back().capacity())
      pieces_.emplace_back().reserve(std::clamp(size_, piece_min, piece_max));
    pieces_.back().push_back(item);
    ++size_;
  }
  [[nodiscard]] std::size_t size() const noexcept { return size_; }
  /// Where the items lie. Lists of as many items each have pieces of the same sizes. Whoever takes a piece out frees
  /// its memory, and nothing is added any more then.
  [[nodiscard]] std::span<std::vector<T>> pieces() noexcept { return pieces_; }

private:
  static constexpr std::size_t piece_min = 16;
  static constexpr std::size_t piece_max = 1'024;

  std::vector<std::vector<T>> pieces_;
  std::size_t size_ = 0;
};

} // namespace weir::query
