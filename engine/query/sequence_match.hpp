// Finds the sequences among events that share a link value.
//
// Purpose: the rule of FOLLOWED BY, apart from where events come from and what conditions say.
// Threading: a SequenceMatcher has one owner.
//
// The rule, for the events of one link value in position order:
// - A match begins with the first event behind the last match that fits step 1. Each further step takes the first later
//   event that fits it: its type and the conditions on it alone hold, with WITHIN its time is at most that much later
//   than the time of the match's first event (earlier is no harm; an event without a time fits no step then), and
//   every condition over several steps, of which it binds the last, is true.
// - A choice is never taken back: if a step finds nothing, this beginning is given up, and the next event behind it
//   that fits step 1 is tried.
// - After a match the search goes on behind its last event, so no two matches of a link value overlap.
//
// Cost: linear in the events where no step has a condition over several steps. Where one has, an event may be looked at
// once for each beginning that fails; stretches that are known to hold nothing for the same values are skipped, and the
// Pacer ends what still takes too long.
#pragma once

#include <weir/event.hpp>
#include <weir/result.hpp>

#include "engine/query/control.hpp"

#include <cstddef>
#include <cstdint>
#include <functional>
#include <limits>
#include <optional>
#include <span>
#include <string>
#include <unordered_map>
#include <vector>

namespace weir::query {

/// An event that may take part in a sequence: what every match needs of it. Sorting moves these, so they are small.
struct SequenceEvent {
  Position position = 0;
  std::uint32_t steps = 0;  ///< Bit s: it fits step s, conditions over several steps apart.
  std::uint32_t detail = 0; ///< Place of its SequenceDetail.
};

/// What only WITHIN, conditions over several steps and the answer need of an event.
struct SequenceDetail {
  /// Of an event whose time field holds no time.
  static constexpr std::int64_t no_time = std::numeric_limits<std::int64_t>::max();

  std::int64_t time_us; ///< Since 1970.
  std::uint64_t values; ///< Where the values begin that conditions and the answer read.
};

/// That of an event. `details`: of all of them, or empty where none has any.
[[nodiscard]] inline SequenceDetail detail_of(std::span<const SequenceDetail> details, const SequenceEvent& event) {
  return details.empty() ? SequenceDetail{SequenceDetail::no_time, 0} : details[event.detail];
}

/// Conditions over several steps, each judged at the last step it names.
class SequenceConditions {
public:
  virtual ~SequenceConditions() = default;
  /// Whether some condition is judged at this step.
  [[nodiscard]] virtual bool any_at(std::size_t step) const noexcept = 0;
  /// From now on `event` is the match's event at `step`.
  virtual void bind(std::size_t step, const SequenceEvent& event, const SequenceDetail& detail) = 0;
  /// Whether all conditions that are judged at `step` are true. Precondition: it and all before are bound.
  virtual bool hold_at(std::size_t step) = 0;
  /// Appends bytes for the values of earlier steps that the conditions judged at `step` read: equal bytes, equal
  /// outcome for any event at `step`. Precondition: the earlier steps are bound.
  virtual void append_inputs(std::size_t step, std::string& out) const = 0;
};

class SequenceMatcher {
public:
  /// Called with the places of a match's events, one for each step.
  using Found = std::function<Status(std::span<const std::uint32_t>)>;

  /// `conditions` and `pacer` must outlive this. Precondition: 2 to 32 steps; `within_us` is not negative.
  SequenceMatcher(std::size_t steps, std::optional<std::int64_t> within_us, SequenceConditions& conditions,
                  Pacer& pacer);

  /// Finds the matches among `events`: all of one link value, by position, ascending strictly. `details`: as
  /// detail_of() wants them. Errors: those of `found`, `deadline_exceeded`, `cancelled`.
  Status match(std::span<const SequenceEvent> events, std::span<const SequenceDetail> details, const Found& found);

private:
  /// Places in a step's list between which no event fits for the same inputs, times apart: [from, until).
  struct Barren {
    std::size_t from = 0;
    std::size_t until = 0;
  };
  /// The events that fit one step alone.
  struct Step {
    std::vector<std::uint32_t> places;     ///< Ascending.
    std::vector<std::int64_t> least_times; ///< With WITHIN: the least time from this place of the list on.
    std::unordered_map<std::string, Barren> barren;
  };

  /// Where the order alone decides.
  Status match_in_order(std::span<const SequenceEvent> events, const Found& found);
  Status list_steps(std::span<const SequenceEvent> events);
  /// Completes the match that begins at chosen_[0]. `failed`: the step that found nothing; none if all did.
  Status complete(std::optional<std::size_t>& failed);
  /// The first event behind `place` that fits `step`.
  Status find(std::size_t step, std::uint32_t place, std::int64_t latest_us, std::optional<std::uint32_t>& found);
  Status find_judged(std::size_t step, std::size_t from, std::int64_t latest_us, std::optional<std::uint32_t>& found);
  [[nodiscard]] std::size_t skip_barren(std::size_t step, std::size_t from);
  void remember_barren(std::size_t step, std::size_t from, std::size_t until);
  void forget();
  [[nodiscard]] std::int64_t time_of(const SequenceEvent& event) const { return detail_of(details_, event).time_us; }
  void bind(std::size_t step, const SequenceEvent& event) { conditions_.bind(step, event, detail_of(details_, event)); }
  /// No event from here on in the step's list can be early enough.
  [[nodiscard]] bool too_late(const Step& step, std::size_t at, std::int64_t latest_us) const {
    return within_us_ && step.least_times[at] > latest_us;
  }

  std::optional<std::int64_t> within_us_;
  SequenceConditions& conditions_;
  Pacer& pacer_;
  std::vector<Step> steps_;
  std::size_t first_judged_; ///< First step with conditions; the number of steps if there is none.
  std::span<const SequenceEvent> events_;
  std::span<const SequenceDetail> details_;
  std::vector<std::uint32_t> chosen_;
  std::string inputs_; ///< Scratch.
  std::uint64_t remembered_bytes_ = 0;
};

} // namespace weir::query
