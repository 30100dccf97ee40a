// Small items in the order they came, in pieces.
//
// Purpose: one array of millions of items that makes room for more copies all of them at once, and no deadline is
// looked at meanwhile; a deque has pieces so small that they cost more than what is in them, and takes memory even
// without any.
// Threading: one owner.
#pragma once

#include <algorithm>
#include <cstddef>
#include <memory>
#include <span>
#include <type_traits>
#include <vector>

namespace weir::query {

template <class T> class PieceList {
  static_assert(std::is_trivially_copyable_v<T> && std::is_trivially_default_constructible_v<T>);

public:
  PieceList() = default;
  PieceList(const PieceList&) = delete;
  PieceList& operator=(const PieceList&) = delete;

  void push_back(const T& item) {
    if (next_ == end_)
      add_piece();
    *next_++ = item;
  }
  [[nodiscard]] std::size_t size() const noexcept { return room_ - static_cast<std::size_t>(end_ - next_); }
  [[nodiscard]] std::size_t pieces() const noexcept { return pieces_.size(); }
  /// Precondition: below pieces(), and not freed. Lists of as many items each have pieces of the same sizes.
  [[nodiscard]] std::span<const T> piece(std::size_t number) const noexcept {
    const Piece& piece = pieces_[number];
    const bool last = number + 1 == pieces_.size();
    return {piece.items.get(), last ? static_cast<std::size_t>(next_ - piece.items.get()) : piece.size};
  }
  /// Frees the memory of a piece; from the first such call on nothing is added.
  void free_piece(std::size_t number) noexcept { pieces_[number].items.reset(); }

private:
  static constexpr std::size_t piece_min = 16;
  static constexpr std::size_t piece_max = 1'024;

  struct Piece {
    std::unique_ptr<T[]> items;
    std::size_t size = 0;
  };
  void add_piece() {
    const std::size_t size = std::clamp(room_, piece_min, piece_max);
    pieces_.push_back({std::make_unique_for_overwrite<T[]>(size), size});
    next_ = pieces_.back().items.get();
    end_ = next_ + size;
    room_ += size;
  }

  T* next_ = nullptr; ///< Of the last piece: where there is room, and where that ends.
  T* end_ = nullptr;
  std::vector<Piece> pieces_;
  std::size_t room_ = 0; ///< Of all pieces.
};

} // namespace weir::query
