// Decodes the rows of one zone that a run of positions wants.
//
// Purpose: the part of read_position_run that zones share out among threads. Owner: RunBuilder. Threading: a decoder is
// for one thread; several may work on different zones of one plan, whose rows do not overlap. Invariants: a row that is
// wanted is filled whole, or the zone is an error.
#pragma once

#include <weir/event.hpp>
#include <weir/limits.hpp>
#include <weir/result.hpp>

#include "engine/io/slab_pool.hpp"
#include "engine/ports.hpp"
#include "segments/block_source.hpp"
#include "segments/bytes.hpp"
#include "segments/footer.hpp"
#include "segments/run_columns.hpp"
#include "segments/run_memory.hpp"
#include "segments/zone_tail.hpp"

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <string_view>
#include <utility>
#include <vector>

namespace weir::segments {

/// Which rows a run has, and where they go.
struct RunPlan {
  static constexpr std::uint32_t nothing = UINT32_MAX;
  std::shared_ptr<const Footer> footer;
  std::vector<std::shared_ptr<const ZoneTail>> tails; ///< By zone; null: not looked at.
  std::vector<std::uint32_t> place_of_row;            ///< By row of the segment: its place in the run.
  std::vector<std::uint32_t> chosen_in_zone;
  std::vector<EventView*> chunks; ///< By place: PositionRun::chunk_events of them side by side, not made yet.
  bool large = false;             ///< Blocks go past the cache: there are many, and nobody else wants them.

  [[nodiscard]] EventView* at(std::uint32_t place) const noexcept {
    return chunks[place / PositionRun::chunk_events] + place % PositionRun::chunk_events;
  }

  /// By row of the zone.
  [[nodiscard]] std::span<const std::uint32_t> places(std::size_t zone) const noexcept {
    return std::span(place_of_row).subspan(footer->zones[zone].first_row, footer->zones[zone].rows);
  }
};

/// All values of a zone's column.
void decode(const IntegerColumn& column, std::size_t rows, std::vector<std::uint64_t>& out);

class RunZoneDecoder {
public:
  /// Both outlive the decoder.
  RunZoneDecoder(const BlockSource& source, RunPlan& plan)
      : source_(source), plan_(plan), memory_(std::make_shared<RunMemory>(plan.large ? &source.slabs() : nullptr)) {}

  /// Precondition: the plan has the zone's tail, with its numeric columns.
  Status read(std::size_t zone);
  /// Hands over what the rows point into; returns how much memory that is.
  std::uint64_t give(std::vector<std::shared_ptr<const void>>& owners);

private:
  /// A block of strings, some of whose rows are wanted.
  struct Strings {
    BlockRef ref;
    std::size_t column = 0;
    std::uint32_t first_row = 0, row_end = 0;
    std::uint64_t bytes = 0, wanted_bytes = 0; ///< As the lengths of the rows say.
    /// Most of it is wanted: its text as it is becomes the run's.
    [[nodiscard]] bool keep() const noexcept { return wanted_bytes >= bytes / 4 * 3; }
  };

  Status read_columns(const ZoneTail& columns, std::span<const std::uint32_t> wanted);
  Status read_contexts(std::size_t zone, std::span<const std::uint32_t> wanted);
  Status read_strings(const ZoneTail& columns, std::span<const std::uint32_t> wanted);
  void find_strings(const ZoneTail& columns, std::span<const std::uint32_t> wanted);
  Status read_some(std::span<const Strings> strings, std::span<const std::uint32_t> wanted);
  Status read_some_cached(std::span<const Strings> strings, std::span<const std::uint32_t> wanted);
  void slice(const Strings& strings, std::string_view text, bool keep, std::span<const std::uint32_t> wanted);
  void hand_over(std::span<const std::uint32_t> wanted);

  const BlockSource& source_;
  RunPlan& plan_;
  std::shared_ptr<RunMemory> memory_;
  std::vector<std::byte> frames_, scratch_;

  // Of the zone that is read:
  RunColumns columns_;
  std::array<std::vector<std::uint64_t>, run_string_kinds.size()> string_lengths_;
  std::vector<EventView> events_; ///< By row; only those that are wanted mean anything.
  std::vector<Strings> strings_;  ///< By offset.
};

} // namespace weir::segments
