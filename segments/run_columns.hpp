// The numbers of some rows of a zone, decoded for events that are handed out.
//
// Purpose: what all readers of positions do with the small columns. Owner: a decoder; one thread; its memory is used
// again.
#pragma once

#include <weir/event.hpp>
#include <weir/result.hpp>

#include "segments/block_source.hpp"
#include "segments/footer.hpp"
#include "segments/zone_tail.hpp"

#include <array>
#include <cstddef>
#include <cstdint>
#include <vector>

namespace weir::segments {

/// Columns of strings that events hold.
inline constexpr std::array run_string_kinds = {BlockKind::event_ids, BlockKind::metadata, BlockKind::payloads};

class RunColumns {
public:
  /// Of the zone's rows first ... first + rows - 1. Precondition: the zone has the columns that every zone has.
  /// Errors: `corruption` if a row has a type that there is not.
  Status decode(const BlockSource& source, const Footer& footer, const ZoneTail& tail, std::uint32_t first,
                std::size_t rows);
  /// Sets all of the event but context, sequence and strings, which become empty. `row` counts from `first`.
  void fill(std::size_t row, EventView& event) const;

private:
  const Footer* footer_ = nullptr;
  std::vector<std::uint64_t> positions_, recorded_, timestamps_, types_;
  bool has_timestamps_ = false;
};

} // namespace weir::segments
