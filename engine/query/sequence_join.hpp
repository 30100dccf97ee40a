// The events of one bin of all parts, those of a link value side by side and in position order.
//
// Purpose: what SequenceMatcher wants, made of what the threads of a scan gathered, bin by bin: one is in the
// processor's caches from its first step to its matches, and nothing else is there twice meanwhile.
// Owner: whoever matches. Threading: one thread; bins of the same parts may be joined by different threads.
#pragma once

#include <weir/result.hpp>

#include "engine/query/control.hpp"
#include "engine/query/sequence_match.hpp"
#include "engine/query/sequence_part.hpp"

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

namespace weir::query {

class SequenceJoin {
public:
  /// Takes memory of `budget`, whose bound is `bytes_max`. Both must outlive this.
  SequenceJoin(ResultBudget& budget, std::uint64_t bytes_max, Pacer& pacer)
      : budget_(budget), bytes_max_(bytes_max), pacer_(pacer) {}
  SequenceJoin(const SequenceJoin&) = delete;
  SequenceJoin& operator=(const SequenceJoin&) = delete;

  /// Moves the events of bin `bin` out of `parts`, in the place of what was joined before; their packed values stay
  /// there. Precondition: some part. Errors: `too_large`, and as the pacer says; then nothing is joined.
  Status join(std::span<SequencePart> parts, std::size_t bin);
  [[nodiscard]] std::size_t links() const noexcept { return ends_.size(); }
  /// The events of a link value, in any order. Precondition: below links().
  [[nodiscard]] std::span<SequenceEvent> of_link(std::size_t link) noexcept {
    const std::uint64_t begin = link == 0 ? 0 : ends_[link - 1];
    return std::span(events_).subspan(begin, ends_[link] - begin);
  }
  /// Brings them into position order; `events` is where they are then, until the next call. Those of a context come
  /// from each segment in order, and segments have positions of their own: such runs are merged by large pieces. Others
  /// are sorted by digits, not by comparing positions: where links meet in no order a comparison is foreseen wrong
  /// every other time, and costs more than moving an event. Errors: as join(); then some may be missing.
  Status sort(std::span<SequenceEvent>& events);

  /// Taken of the budget, and not given back.
  [[nodiscard]] std::uint64_t bytes() const noexcept { return bytes_; }

  /// Of the events of all links; empty if the parts have none.
  [[nodiscard]] std::span<const SequenceDetail> details() const noexcept { return details_; }

  // SequenceDetail::values of a joined event: the part above, the place in its values below.
  static constexpr unsigned place_bits = 40;
  [[nodiscard]] static constexpr std::size_t part_of(std::uint64_t values) noexcept { return values >> place_bits; }
  [[nodiscard]] static constexpr std::uint64_t place_of(std::uint64_t values) noexcept {
    return values & ((std::uint64_t{1} << place_bits) - 1);
  }

private:
  /// Events of a part that were not moved yet: of a piece those from `next` on, and later pieces.
  struct Stream {
    std::size_t part = 0;
    std::size_t piece = 0;
    std::size_t next = 0;
    std::span<const SequencePart::Candidate> candidates = {}; ///< All of the piece.

    [[nodiscard]] Position position() const noexcept { return candidates[next].position; }
  };
  /// Numbers the link values of all parts like those of the first, which gets them all.
  Status number_links(std::span<SequencePart> parts, std::size_t bin);
  /// Says where the events of each link value begin, in `places`, and where all end.
  Status place_links(const LinkTable& links, std::vector<std::uint64_t>& places);
  /// Moves events to `places`, which move on to where those of each link value end. The parts are merged: where threads
  /// took turns with zones in position order, all of a link value are in order at once, and need not be sorted.
  Status move_events(std::span<SequencePart> parts, std::size_t bin, std::vector<std::uint64_t>& places);
  /// Those of the piece before the first at or behind `end`, but one at least.
  void move_some(Stream& stream, const SequencePart::Bin& from, Position end, std::vector<std::uint64_t>& places);
  /// Some bits of a position.
  struct Digit {
    Position first = 0; ///< What positions are counted from.
    unsigned shift = 0, bits = 0;
    [[nodiscard]] std::size_t of(Position position) const noexcept {
      return (position - first) >> shift & ((Position{1} << bits) - 1);
    }
  };
  /// Events that ascend.
  struct Run {
    std::size_t begin = 0, end = 0;
  };
  /// Merges `runs_`, which must be all of `events`, into sorted_, which must have room. False: that takes more than
  /// `pieces_max` pieces of runs; `events` are as they were.
  Result<bool> merge_runs(std::span<SequenceEvent>& events, std::size_t pieces_max);
  /// Those of the same digit stay as they are in `from`.
  Status sort_by_digit(std::span<const SequenceEvent> from, std::span<SequenceEvent> to, const Digit& digit);
  template <class Visit> Status each(std::span<const SequenceEvent> events, const Visit& visit);
  template <class T> Status make_room(std::vector<T>& of, std::size_t size);

  ResultBudget& budget_;
  std::uint64_t bytes_max_;
  Pacer& pacer_;
  std::uint64_t bytes_ = 0;
  std::vector<std::vector<std::uint32_t>> numbers_; ///< By part but the first, then by the part's number of the link.
  std::vector<std::uint64_t> ends_;                 ///< By link.
  std::vector<SequenceEvent> events_;
  std::vector<SequenceDetail> details_;
  std::vector<SequenceEvent> sorted_; ///< What sorting moves events to and from.
  std::vector<std::uint32_t> places_; ///< Of sorting.
  std::vector<Run> runs_;             ///< The same.
};

} // namespace weir::query
