// Memory of one bit, or a few, for each row of a zone.
//
// Purpose: a scan needs some sets of rows for every zone; these of a zone of the usual size take no memory of the heap.
// Owner: whoever has the set. Threading: plain values.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>

namespace weir::query {

/// `inline_max` words and fewer lie in the object.
template <std::size_t inline_max> class WordArray {
public:
  WordArray() noexcept : size_(0) {}
  /// All 0.
  explicit WordArray(std::size_t size)
      : size_(size), heap_(size > inline_max ? std::make_unique<std::uint64_t[]>(size) : nullptr) {
    if (!heap_)
      std::fill_n(inline_, size_, 0);
  }
  struct Unset {};
  /// Of no value yet.
  WordArray(std::size_t size, Unset /*tag*/)
      : size_(size), heap_(size > inline_max ? std::make_unique_for_overwrite<std::uint64_t[]>(size) : nullptr) {}
  WordArray(const WordArray& other)
      : size_(other.size_), heap_(other.heap_ ? std::make_unique_for_overwrite<std::uint64_t[]>(size_) : nullptr) {
    std::copy_n(other.data(), size_, data());
  }
  WordArray& operator=(const WordArray& other) {
    if (this != &other) {
      if (other.size_ != size_)
        heap_ = other.heap_ ? std::make_unique_for_overwrite<std::uint64_t[]>(other.size_) : nullptr;
      size_ = other.size_;
      std::copy_n(other.data(), size_, data());
    }
    return *this;
  }
  ~WordArray() = default;

  [[nodiscard]] std::size_t size() const noexcept { return size_; }
  [[nodiscard]] std::span<std::uint64_t> words() noexcept { return {data(), size_}; }
  [[nodiscard]] std::span<const std::uint64_t> words() const noexcept { return {data(), size_}; }

private:
  [[nodiscard]] std::uint64_t* data() noexcept { return heap_ ? heap_.get() : inline_; }
  [[nodiscard]] const std::uint64_t* data() const noexcept { return heap_ ? heap_.get() : inline_; }

  std::size_t size_;
  std::unique_ptr<std::uint64_t[]> heap_;
  std::uint64_t inline_[inline_max]; ///< Of these the first size_, where heap_ is empty.
};

/// Words of a zone of a large segment, with the default size of others.
inline constexpr std::size_t usual_zone_words = 256;

} // namespace weir::query
