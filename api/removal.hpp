// Truncating and deleting contexts, as callers see it.
//
// Threading: plain values.
#pragma once

#include <weir/event.hpp>

#include <cstdint>

namespace weir {

enum class Deletion : std::uint8_t {
  soft, ///< All events so far are removed; later ones may be stored, and their sequences go on.
  hard, ///< The same, and nothing can ever be stored to the context again: `context_deleted`.
};

/// The answer to a truncation or deletion.
struct Removal {
  Sequence removed_before = 1; ///< Events of the context with lower sequences are removed.
  Position position = 0;       ///< Of the removal, among the events of its shard; 0 if nothing was left to do.
  Durability durability = Durability::synced; ///< What was reached.
  bool already = false; ///< All that was asked for held before, and nothing was done. False: something may have been.

  friend bool operator==(const Removal&, const Removal&) = default;
};

} // namespace weir
