// Decodes the rows of one zone that a run of positions wants.
//
// Purpose: the part of read_position_run that zones share out among threads. Owner: RunBuilder. Threading: a decoder is
// for one thread; several may work on different zones of one plan, whose rows do not overlap. Invariants: a row that is
// wanted is filled whole, or the zone is an error.
#pragma once

#include <weir/event.hpp>
#include <weir/limits.hpp>
#include <weir/result.hpp>

#include "segments/block_source.hpp"
#include "segments/footer.hpp"
#include "segments/zone_tail.hpp"

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <new>
#include <span>
#include <string_view>
#include <vector>

namespace weir::segments {

/// Which rows a run has, and where they go.
struct RunPlan {
  static constexpr std::uint32_t nothing = UINT32_MAX;
  std::shared_ptr<const Footer> footer;
  std::vector<std::shared_ptr<const ZoneTail>> tails; ///< By zone; null: not looked at.
  std::vector<std::uint32_t> place_of_row;            ///< By row of the segment: its place in the run.
  std::vector<std::uint32_t> chosen_in_zone;
  std::vector<std::size_t> first_in_zone; ///< Of the run's rows, which lie in the order of the file.
  std::byte* rows = nullptr;              ///< Memory for the run's EventViews.
  std::vector<std::uint32_t> order;       ///< By place: the row.

  /// By row of the zone.
  [[nodiscard]] std::span<const std::uint32_t> places(std::size_t zone) const noexcept {
    return std::span(place_of_row).subspan(footer->zones[zone].first_row, footer->zones[zone].rows);
  }
  /// Rows of the run from `first` on, once they are there.
  [[nodiscard]] EventView* at(std::size_t first) const noexcept {
    return std::launder(reinterpret_cast<EventView*>(rows + first * sizeof(EventView)));
  }
};

/// Columns of strings that a run holds; the block of their lengths is the kind before.
inline constexpr std::array run_string_kinds = {BlockKind::event_ids, BlockKind::metadata, BlockKind::payloads};
constexpr BlockKind lengths_of(BlockKind strings) noexcept {
  return static_cast<BlockKind>(static_cast<std::uint8_t>(strings) - 1);
}

/// All values of a zone's column.
void decode(const IntegerColumn& column, std::size_t rows, std::vector<std::uint64_t>& out);

class RunZoneDecoder {
public:
  /// Both outlive the decoder.
  RunZoneDecoder(const BlockSource& source, RunPlan& plan)
      : source_(source), plan_(plan), texts_(std::make_shared<Texts>()) {}

  /// Precondition: the plan has the zone's tail, with its numeric columns.
  Status read(std::size_t zone);
  /// Hands over what the rows point into; returns how much memory that is.
  std::uint64_t give(std::vector<std::shared_ptr<const void>>& owners);

private:
  /// Texts side by side, for those whose block is not worth keeping.
  class Texts {
  public:
    std::string_view keep(std::string_view text) {
      if (text.size() > left_) {
        left_ = std::max(text.size(), chunk_bytes);
        chunks_.push_back(std::make_unique_for_overwrite<char[]>(left_));
        at_ = chunks_.back().get();
        bytes_ += left_;
      }
      std::copy(text.begin(), text.end(), at_);
      const std::string_view kept(at_, text.size());
      at_ += text.size();
      left_ -= text.size();
      return kept;
    }
    [[nodiscard]] std::uint64_t bytes() const noexcept { return bytes_; }

  private:
    static constexpr std::size_t chunk_bytes = 64 * KiB;
    std::vector<std::unique_ptr<char[]>> chunks_;
    char* at_ = nullptr;
    std::size_t left_ = 0;
    std::uint64_t bytes_ = 0;
  };

  Status read_contexts(std::size_t zone);
  Status read_strings(const ZoneTail& columns, std::span<const std::uint32_t> wanted);
  Status slice(std::size_t column, std::uint32_t first, std::uint32_t end, std::uint64_t offset, BlockPtr block);

  const BlockSource& source_;
  RunPlan& plan_;
  std::shared_ptr<Texts> texts_;
  std::vector<BlockPtr> kept_;
  std::uint64_t kept_bytes_ = 0;

  // Of the zone that is read:
  std::vector<std::uint64_t> positions_, recorded_, timestamps_, types_;
  std::array<std::vector<std::uint64_t>, run_string_kinds.size()> string_lengths_;
  std::vector<std::uint32_t> event_of_row_;
};

} // namespace weir::segments
