// Where the texts of a run are.
//
// Purpose: a run's events borrow their texts; these lie one behind the other in a few large pieces of memory, which all
// go at once. Owner: the run; filled by one thread. Invariants: what was given stays where it is.
#pragma once

#include "engine/io/slab_pool.hpp"
#include "segments/bytes.hpp"

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <string_view>
#include <vector>

namespace weir::segments {

class RunMemory {
public:
  /// Of slabs, where much is wanted, or (null) of smaller pieces.
  explicit RunMemory(io::SlabPool* slabs) : slabs_(slabs) {}

  std::span<std::byte> room(std::size_t size) {
    if (size > left_)
      grow(size);
    const std::span<std::byte> found(at_, size);
    at_ += size;
    left_ -= size;
    return found;
  }
  std::string_view keep(std::string_view text) {
    const std::span<std::byte> kept = room(text.size());
    std::copy(text.begin(), text.end(), reinterpret_cast<char*>(kept.data()));
    return as_text(kept);
  }
  [[nodiscard]] std::uint64_t bytes() const noexcept { return bytes_; }

private:
  void grow(std::size_t size);

  io::SlabPool* slabs_;
  std::vector<std::shared_ptr<char[]>> chunks_;
  std::byte* at_ = nullptr;
  std::size_t left_ = 0;
  std::uint64_t bytes_ = 0;
};

} // namespace weir::segments
