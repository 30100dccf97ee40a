// A hash table that grows in small steps.
//
// Purpose: a hash table of millions of entries that makes room for more touches all of them at once, and no deadline is
// looked at meanwhile. From some tens of thousands of entries on this one is many, each of which grows for itself.
// Threading: one owner.
#pragma once

#include <weir/result.hpp>

#include "engine/query/control.hpp"

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <utility>
#include <vector>

namespace weir::query {

/// `Table`: std::unordered_map or std::unordered_set. `Hash`: of its keys, all 64 bits of which are well mixed.
template <class Table, class Hash> class SplitTable {
public:
  /// The part that has the entry of `key`, if there is one. It stays the same until make_room().
  template <class Key> [[nodiscard]] Table& part_of(const Key& key) {
    return parts_ == nullptr ? whole_ : (*parts_)[place_of(key)];
  }
  /// To be called before an entry is added. Entries stay where they are.
  void make_room() {
    if (parts_ == nullptr && whole_.size() >= split_from)
      split();
  }
  [[nodiscard]] std::span<Table> parts() noexcept {
    return parts_ == nullptr ? std::span<Table>(&whole_, 1) : std::span<Table>(*parts_);
  }
  [[nodiscard]] std::span<const Table> parts() const noexcept {
    return parts_ == nullptr ? std::span<const Table>(&whole_, 1) : std::span<const Table>(*parts_);
  }
  [[nodiscard]] std::size_t size() const noexcept {
    std::size_t entries = 0;
    for (const Table& part : parts())
      entries += part.size();
    return entries;
  }
  void swap(SplitTable& other) noexcept {
    whole_.swap(other.whole_);
    parts_.swap(other.parts_);
  }
  /// Adds the entries of `other`, which has none afterwards. Where this has an entry already it stays, and `both` is
  /// called with it and the node of the other. Fails as `pacer` says.
  template <class Both> Status take(SplitTable& other, Pacer& pacer, const Both& both) {
    for (Table& from : other.parts()) {
      while (!from.empty()) {
        WEIR_TRY(pacer.spend(1));
        make_room();
        auto moved = part_of(key_of(*from.begin())).insert(from.extract(from.begin()));
        if (!moved.inserted)
          WEIR_TRY(both(*moved.position, moved.node));
      }
    }
    return {};
  }
  /// A copy of `other`. Fails as `pacer` says.
  Status copy(const SplitTable& other, Pacer& pacer) {
    for (const Table& from : other.parts()) {
      for (const auto& entry : from) {
        WEIR_TRY(pacer.spend(1));
        make_room();
        part_of(key_of(entry)).insert(entry);
      }
    }
    return {};
  }

  static constexpr std::size_t split_from = 32'768;

private:
  using Parts = std::vector<Table>;
  static constexpr unsigned place_bits = 8;

  template <class Key> static std::size_t place_of(const Key& key) {
    return static_cast<std::size_t>(static_cast<std::uint64_t>(Hash()(key)) >> (64 - place_bits));
  }
  template <class Entry> static const auto& key_of(const Entry& entry) {
    if constexpr (requires { entry.first; })
      return entry.first;
    else
      return entry;
  }
  void split() {
    auto parts = std::make_unique<Parts>(std::size_t{1} << place_bits);
    while (!whole_.empty()) {
      const std::size_t place = place_of(key_of(*whole_.begin()));
      (*parts)[place].insert(whole_.extract(whole_.begin()));
    }
    parts_ = std::move(parts);
  }

  Table whole_;
  std::unique_ptr<Parts> parts_; ///< Instead of `whole_`, once that was large.
};

} // namespace weir::query
