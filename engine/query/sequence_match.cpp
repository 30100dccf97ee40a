#include "engine/query/sequence_match.hpp"

#include <algorithm>
#include <bit>

namespace weir::query {
namespace {

/// Below this a stretch is searched again sooner than looked up.
constexpr std::size_t barren_length_min = 8;
/// What is remembered only saves work, so beyond this it is all forgotten. One link value has as much.
constexpr std::uint64_t remembered_bytes_max = 8 * MiB;
constexpr std::uint64_t remembered_overhead_bytes = 96;
/// Judging conditions over several steps costs about as much as some plain rows.
constexpr std::uint64_t judging_work = 4;

} // namespace

SequenceMatcher::SequenceMatcher(std::size_t steps, std::optional<std::int64_t> within_us,
                                 SequenceConditions& conditions, Pacer& pacer)
    : within_us_(within_us), conditions_(conditions), pacer_(pacer), steps_(steps), first_judged_(0), chosen_(steps) {
  while (first_judged_ < steps && !conditions.any_at(first_judged_))
    ++first_judged_;
}

Status SequenceMatcher::match(std::span<const SequenceEvent> events, std::span<const SequenceDetail> details,
                              const Found& found) {
  WEIR_TRY(pacer_.spend(events.size()));
  if (!within_us_ && first_judged_ == steps_.size())
    return match_in_order(events, found);
  events_ = events;
  details_ = details;
  WEIR_TRY(list_steps(events));
  const std::vector<std::uint32_t>& beginnings = steps_.front().places;
  for (std::size_t i = 0; i < beginnings.size();) {
    chosen_[0] = beginnings[i];
    std::optional<std::size_t> failed;
    WEIR_TRY(complete(failed));
    if (!failed) {
      WEIR_TRY(found(chosen_));
      i = static_cast<std::size_t>(
          std::upper_bound(beginnings.begin() + static_cast<std::ptrdiff_t>(i), beginnings.end(), chosen_.back()) -
          beginnings.begin());
    } else if (!within_us_ && *failed < first_judged_) {
      return {}; // Up to there only the order decides, and later beginnings have fewer events behind them.
    } else {
      ++i;
    }
  }
  return {};
}

Status SequenceMatcher::match_in_order(std::span<const SequenceEvent> events, const Found& found) {
  std::size_t step = 0;
  for (std::size_t i = 0; i < events.size(); ++i) {
    chosen_[step] = static_cast<std::uint32_t>(i); // overwritten if it does not fit: whether it does cannot be foreseen
    step += events[i].steps >> step & 1U;
    if (step < chosen_.size())
      continue;
    WEIR_TRY(pacer_.spend(chosen_.size()));
    WEIR_TRY(found(chosen_));
    step = 0;
  }
  return {};
}

Status SequenceMatcher::list_steps(std::span<const SequenceEvent> events) {
  forget();
  for (Step& step : steps_)
    step.places.clear();
  for (std::size_t i = 0; i < events.size(); ++i) {
    WEIR_TRY(pacer_.spend(1));
    for (std::uint32_t left = events[i].steps; left != 0; left &= left - 1)
      steps_[static_cast<std::size_t>(std::countr_zero(left))].places.push_back(static_cast<std::uint32_t>(i));
  }
  if (!within_us_)
    return {};
  for (Step& step : steps_) {
    step.least_times.resize(step.places.size());
    std::int64_t least = SequenceDetail::no_time;
    for (std::size_t i = step.places.size(); i-- > 0;) {
      least = std::min(least, time_of(events[step.places[i]]));
      step.least_times[i] = least;
    }
    WEIR_TRY(pacer_.spend(step.places.size() / 8));
  }
  return {};
}

Status SequenceMatcher::complete(std::optional<std::size_t>& failed) {
  const SequenceEvent& first = events_[chosen_[0]];
  constexpr std::int64_t end_of_time = SequenceDetail::no_time - 1; // What has no time is never early enough.
  std::int64_t latest_us = end_of_time;
  if (within_us_) {
    const std::int64_t first_us = time_of(first);
    if (first_us == SequenceDetail::no_time)
      return failed = 0, Status{};
    latest_us = first_us > end_of_time - *within_us_ ? end_of_time : first_us + *within_us_;
  }
  if (first_judged_ < steps_.size())
    bind(0, first);
  for (std::size_t step = 1; step < steps_.size(); ++step) {
    std::optional<std::uint32_t> found;
    WEIR_TRY(find(step, chosen_[step - 1], latest_us, found));
    if (!found)
      return failed = step, Status{};
    chosen_[step] = *found;
    if (first_judged_ < steps_.size())
      bind(step, events_[*found]);
  }
  return {};
}

Status SequenceMatcher::find(std::size_t step, std::uint32_t place, std::int64_t latest_us,
                             std::optional<std::uint32_t>& found) {
  const Step& in = steps_[step];
  auto at = static_cast<std::size_t>(std::upper_bound(in.places.begin(), in.places.end(), place) - in.places.begin());
  if (conditions_.any_at(step))
    return find_judged(step, at, latest_us, found);
  for (; at < in.places.size() && !too_late(in, at, latest_us); ++at) {
    WEIR_TRY(pacer_.spend(1));
    if (!within_us_ || time_of(events_[in.places[at]]) <= latest_us)
      return found = in.places[at], Status{};
  }
  return {};
}

Status SequenceMatcher::find_judged(std::size_t step, std::size_t from, std::int64_t latest_us,
                                    std::optional<std::uint32_t>& found) {
  const Step& in = steps_[step];
  std::size_t at = skip_barren(step, from);
  std::optional<std::size_t> barren_until; // Where an event fits but for its time, what is known to be barren ends.
  for (; at < in.places.size() && !too_late(in, at, latest_us); ++at) {
    WEIR_TRY(pacer_.spend(judging_work));
    const SequenceEvent& event = events_[in.places[at]];
    bind(step, event);
    if (!conditions_.hold_at(step))
      continue;
    if (!barren_until)
      barren_until = at;
    if (!within_us_ || time_of(event) <= latest_us) {
      found = in.places[at];
      break;
    }
  }
  remember_barren(step, from, barren_until.value_or(at));
  return {};
}

std::size_t SequenceMatcher::skip_barren(std::size_t step, std::size_t from) {
  const auto& barren = steps_[step].barren;
  if (barren.empty())
    return from;
  inputs_.clear();
  conditions_.append_inputs(step, inputs_);
  const auto known = barren.find(inputs_);
  if (known == barren.end() || from < known->second.from || from > known->second.until)
    return from;
  return known->second.until;
}

void SequenceMatcher::remember_barren(std::size_t step, std::size_t from, std::size_t until) {
  if (until < from + barren_length_min)
    return;
  inputs_.clear();
  conditions_.append_inputs(step, inputs_);
  if (remembered_bytes_ > remembered_bytes_max)
    forget();
  const auto [entry, added] = steps_[step].barren.try_emplace(inputs_);
  Barren& known = entry->second;
  if (added)
    remembered_bytes_ += inputs_.size() + remembered_overhead_bytes;
  if (added || from < known.from || from > known.until)
    known = {from, until};
  else
    known.until = std::max(known.until, until);
}

void SequenceMatcher::forget() {
  for (Step& step : steps_) {
    if (!step.barren.empty())
      step.barren.clear();
  }
  remembered_bytes_ = 0;
}

} // namespace weir::query
