// Whether an event is one that a query counts: for stores that look at every event, and for what the answer has to be.
#pragma once

#include "bench/adapter.hpp"

#include <charconv>
#include <string_view>

namespace weir::bench {

[[nodiscard]] inline bool matches(const CountQuery& query, const Row& row) {
  if (row.event_type != query.event_type || row.timestamp_us < query.from_us || row.timestamp_us >= query.until_us)
    return false;
  constexpr std::string_view key = "\"amount\":";
  const auto at = row.payload.find(key);
  if (at == std::string_view::npos)
    return false;
  // The smallest amounts are whole numbers, so the part before the point decides.
  int amount = 0;
  std::from_chars(row.payload.data() + at + key.size(), row.payload.data() + row.payload.size(), amount);
  return amount >= query.amount_min;
}

} // namespace weir::bench
