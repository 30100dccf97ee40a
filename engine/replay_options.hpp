// What a replay should give.
#pragma once

#include <weir/event.hpp>
#include <weir/result.hpp>

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

namespace weir {

struct ReplayOptions {
  Sequence from = 1;                ///< First sequence wanted, inclusive; 0 counts as 1.
  Sequence to = sequence_max;       ///< Last sequence wanted, inclusive.
  bool backward = false;            ///< Highest sequence first.
  std::uint64_t limit = 0;          ///< At most this many events; 0: no limit.
  std::vector<std::string> types{}; ///< Only events of these types; empty: all.
  /// Payloads as they were stored, not as the newest version of their type's schema has them.
  bool as_stored = false;
  /// Bounds of one batch. A batch holds at least one event, however large.
  std::size_t batch_events_max = 1'024;
  std::size_t batch_bytes_max = 1u << 20;

  /// `invalid_argument` naming the field.
  [[nodiscard]] Status validate() const;
};

} // namespace weir
