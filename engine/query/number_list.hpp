// Numbers of a group, in pieces.
//
// Purpose: one array of millions of numbers that makes room for more copies all of them at once, and no deadline is
// looked at meanwhile. Threading: one owner.
#pragma once

#include <weir/result.hpp>

#include "engine/query/control.hpp"
#include "engine/query/order.hpp"

#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <span>
#include <utility>
#include <vector>

namespace weir::query {

template <class T> class NumberList {
public:
  /// Both return how many bytes of memory that took, and what sorted() will take for them beside.
  std::uint64_t push(T number) { return append(std::span<const T>(&number, 1)); }
  std::uint64_t append(std::span<const T> numbers) {
    const std::size_t before = last_.capacity();
    last_.insert(last_.end(), numbers.begin(), numbers.end());
    const std::size_t after = last_.capacity();
    std::uint64_t taken = (after - before) * sizeof(T);
    if (last_.size() >= piece) {
      taken += last_.size() * sizeof(T);
      put_away(std::exchange(last_, {}));
    }
    return taken;
  }
  [[nodiscard]] std::size_t size() const noexcept {
    std::size_t numbers = last_.size();
    for (const Piece& each : pieces())
      numbers += each.size();
    return numbers;
  }
  /// Takes over the numbers of `other`.
  Status take(NumberList&& other, Pacer& pacer) {
    for (Piece& each : other.pieces()) {
      WEIR_TRY(pacer.spend(1));
      put_away(std::move(each));
    }
    WEIR_TRY(pacer.spend(other.last_.size() / copied_per_work));
    append(other.last_);
    return {};
  }
  Status copy(const NumberList& other, Pacer& pacer) {
    for (const Piece& each : other.pieces()) {
      WEIR_TRY(pacer.spend(each.size() / copied_per_work));
      put_away(Piece(each));
    }
    last_ = other.last_;
    return pacer.spend(last_.size() / copied_per_work);
  }
  /// All of them in one array, in order.
  Result<std::vector<T>> sorted(Pacer& pacer) && {
    std::vector<T> all = std::move(last_);
    if (pieces_ != nullptr) {
      all.reserve(all.size() + size());
      for (Piece& each : pieces()) {
        WEIR_TRY(pacer.spend(each.size() / copied_per_work));
        all.insert(all.end(), each.begin(), each.end());
        Piece().swap(each);
      }
    }
    WEIR_TRY(sort_paced(all, std::less<>(), pacer));
    return all;
  }

private:
  using Piece = std::vector<T>;
  static constexpr std::size_t piece = 65'536; ///< Numbers of a piece at least.
  static constexpr std::size_t copied_per_work = 64;

  [[nodiscard]] std::span<Piece> pieces() noexcept {
    return pieces_ == nullptr ? std::span<Piece>() : std::span<Piece>(*pieces_);
  }
  [[nodiscard]] std::span<const Piece> pieces() const noexcept {
    return pieces_ == nullptr ? std::span<const Piece>() : std::span<const Piece>(*pieces_);
  }
  void put_away(Piece&& full) {
    if (pieces_ == nullptr)
      pieces_ = std::make_unique<std::vector<Piece>>();
    pieces_->push_back(std::move(full));
  }

  Piece last_; ///< That takes more.
  std::unique_ptr<std::vector<Piece>> pieces_;
};

} // namespace weir::query
