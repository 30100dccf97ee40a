// Numbers for the link values of a sequence, and how many events have each.
//
// Purpose: an event has the number of its link value in place of the value. There may be as many values as events, so
// one takes little more than its bytes, and finding it touches two places in memory, which can be fetched beforehand.
// Events are counted there, too, while their link value is at hand: looking at all of them again would cost more.
// Threading: one owner.
#pragma once

#include "engine/hash.hpp"

#include <cstddef>
#include <cstdint>
#include <limits>
#include <string>
#include <string_view>
#include <vector>

namespace weir::query {

class LinkTable {
public:
  /// More different values than this have no numbers.
  static constexpr std::size_t size_max = std::numeric_limits<std::uint32_t>::max();

  [[nodiscard]] static std::uint64_t hash(std::string_view link) noexcept { return hash64(link, 0); }

  struct Entry {
    std::uint32_t number = 0;
    bool added = false;    ///< It had no number before.
    std::size_t place = 0; ///< For add_events(); it stays.
  };
  /// The number of `link`, packed and normalized: the first has 0, each new one the next. `hash` is that of `link`.
  /// Precondition: size() is below size_max.
  Entry number_of(std::string_view link, std::uint64_t hash);
  /// `count` more events have the link at `place`.
  void add_events(std::size_t place, std::uint32_t count) noexcept;
  // To be called before number_of(), each some values after the other: memory is slow, and can be asked for ahead.
  void fetch_slot(std::uint64_t hash) const noexcept {
    if (size_ != 0)
      __builtin_prefetch(&slots_[first_slot(hash)]);
  }
  void fetch_link(std::uint64_t hash) const noexcept {
    if (size_ != 0)
      __builtin_prefetch(links_.data() + slots_[first_slot(hash)].place);
  }

  [[nodiscard]] std::size_t size() const noexcept { return size_; }
  struct Link {
    std::string_view value;
    std::uint32_t events; ///< As many as were added.
  };
  /// The link that is at `place`, which moves on to the next: from 0 on they come by their numbers, size() of them.
  [[nodiscard]] Link next(std::size_t& place) const noexcept;
  /// What a value takes of memory, about.
  [[nodiscard]] static std::uint64_t bytes_of(std::string_view link) noexcept;

private:
  struct Slot {
    static constexpr std::uint32_t none = std::numeric_limits<std::uint32_t>::max();
    std::uint64_t place = 0; ///< In links_.
    std::uint32_t hash = 0;  ///< The lower half.
    std::uint32_t number = none;
  };
  [[nodiscard]] std::size_t first_slot(std::uint64_t hash) const noexcept {
    return static_cast<std::uint32_t>(hash) & (slots_.size() - 1);
  }
  /// What is before the bytes of a link.
  struct Head {
    std::uint32_t bytes = 0;
    std::uint32_t events = 0;
  };
  void grow();

  std::vector<Slot> slots_; ///< A power of two; a link is in the first that was free from first_slot() on.
  std::string links_;       ///< Of each its Head, then its bytes.
  std::size_t size_ = 0;
};

} // namespace weir::query
