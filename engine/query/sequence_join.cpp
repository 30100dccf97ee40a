#include "engine/query/sequence_join.hpp"

#include "engine/check.hpp"
#include "engine/query/order.hpp"

#include <algorithm>
#include <bit>
#include <limits>
#include <numeric>
#include <utility>

namespace weir::query {
namespace {

/// So many events are dealt with between two looks at the deadline.
constexpr std::size_t events_at_once = 4'096;
/// Moving so many costs as much as a plain row.
constexpr std::size_t moves_per_work = 4;
/// Fewer are sorted sooner by comparing them than by their digits.
constexpr std::size_t compared_max = 64;
constexpr unsigned digit_bits_max = 8;

/// Merging shorter pieces of runs costs more than sorting by digits. More runs would be put into a heap without a look
/// at the deadline.
constexpr std::size_t piece_events_min = 16, runs_max = 4'096;

} // namespace

Status SequenceJoin::join(std::span<SequencePart> parts, std::size_t bin) {
  ends_.clear();
  WEIR_TRY(number_links(parts, bin));
  std::vector<std::uint64_t> places;
  WEIR_TRY(place_links(parts.front().bins[bin].links, places));
  std::size_t events = 0;
  std::size_t details = 0;
  for (const SequencePart& part : parts) {
    events += part.bins[bin].candidates.size();
    details += part.bins[bin].details.size();
  }
  WEIR_CHECK(events == places.back() && (details == 0 || details == events));
  WEIR_TRY(make_room(events_, events));
  WEIR_TRY(make_room(details_, details));
  WEIR_TRY(move_events(parts, bin, places));
  for (SequencePart& part : parts)
    part.bins[bin].links = {};
  places.pop_back();
  ends_ = std::move(places);
  return {};
}

Status SequenceJoin::number_links(std::span<SequencePart> parts, std::size_t bin) {
  LinkTable& all = parts.front().bins[bin].links;
  numbers_.resize(parts.size() - 1);
  for (std::size_t part = 1; part < parts.size(); ++part) {
    const LinkTable& links = parts[part].bins[bin].links;
    std::vector<std::uint32_t>& numbers = numbers_[part - 1];
    numbers.resize(links.size());
    std::size_t place = 0;
    for (std::uint32_t& number : numbers) {
      WEIR_TRY(pacer_.spend(1));
      const LinkTable::Link link = links.next(place);
      const LinkTable::Entry entry = all.number_of(link.value, LinkTable::hash(link.value));
      all.add_events(entry.place, link.events);
      number = entry.number;
    }
  }
  return {};
}

Status SequenceJoin::place_links(const LinkTable& links, std::vector<std::uint64_t>& places) {
  places.reserve(links.size() + 1);
  std::uint64_t events = 0;
  std::size_t place = 0;
  for (std::size_t link = 0; link < links.size(); ++link) {
    WEIR_TRY(pacer_.spend(1));
    places.push_back(events);
    events += links.next(place).events;
  }
  places.push_back(events);
  return {};
}

Status SequenceJoin::move_events(std::span<SequencePart> parts, std::size_t bin, std::vector<std::uint64_t>& places) {
  std::vector<Stream> streams;
  const auto open_piece = [&](Stream& stream) {
    stream.candidates = parts[stream.part].bins[bin].candidates.piece(stream.piece);
    stream.next = 0;
    return pacer_.spend(stream.candidates.size());
  };
  for (std::size_t part = 0; part < parts.size(); ++part) {
    if (parts[part].bins[bin].candidates.size() != 0)
      WEIR_TRY(open_piece(streams.emplace_back(Stream{part})));
  }
  while (!streams.empty()) {
    std::size_t first = 0;
    Position others = std::numeric_limits<Position>::max(); // where the next of any other part is
    for (std::size_t i = 1; i < streams.size(); ++i) {
      const bool earlier = streams[i].position() < streams[first].position();
      others = std::min(others, streams[earlier ? first : i].position());
      first = earlier ? i : first;
    }
    Stream& stream = streams[first];
    SequencePart::Bin& from = parts[stream.part].bins[bin];
    move_some(stream, from, others, places);
    if (stream.next < stream.candidates.size())
      continue;
    from.candidates.free_piece(stream.piece);
    if (from.details.size() != 0)
      from.details.free_piece(stream.piece);
    if (++stream.piece < from.candidates.pieces())
      WEIR_TRY(open_piece(stream));
    else
      streams.erase(streams.begin() + static_cast<std::ptrdiff_t>(first));
  }
  return {};
}

void SequenceJoin::move_some(Stream& stream, const SequencePart::Bin& from, Position end,
                             std::vector<std::uint64_t>& places) {
  const std::uint32_t* const numbers = stream.part == 0 ? nullptr : numbers_[stream.part - 1].data();
  const bool has_details = from.details.size() != 0;
  const auto details = has_details ? from.details.piece(stream.piece) : std::span<const SequenceDetail>();
  std::size_t i = stream.next;
  do {
    const SequencePart::Candidate& candidate = stream.candidates[i];
    const std::uint64_t place = places[numbers == nullptr ? candidate.link : numbers[candidate.link]]++;
    events_[place] = {candidate.position, candidate.steps, static_cast<std::uint32_t>(place)};
    if (has_details)
      details_[place] = {details[i].time_us, std::uint64_t{stream.part} << place_bits | details[i].values};
    ++i;
  } while (i < stream.candidates.size() && stream.candidates[i].position < end);
  stream.next = i;
}

template <class T> Status SequenceJoin::make_room(std::vector<T>& of, std::size_t size) {
  if (size <= of.size())
    return {};
  const std::uint64_t more_bytes = (size - of.size()) * sizeof(T);
  WEIR_TRY(take_for_sequence(budget_, more_bytes, bytes_max_));
  bytes_ += more_bytes;
  std::vector<T>().swap(of);
  of.reserve(size);
  while (of.size() < size) { // memory of this size is touched for the first time
    WEIR_TRY(pacer_.spend(events_at_once / moves_per_work));
    of.resize(std::min(size, of.size() + events_at_once));
  }
  return {};
}

Status SequenceJoin::sort(std::span<SequenceEvent>& events) {
  Position before = 0;
  bool ascend = true;
  WEIR_TRY(each(events, [&](const SequenceEvent& event) {
    ascend &= before <= event.position;
    before = event.position;
  }));
  if (ascend) // of one thread or of threads that took turns, as a rule
    return {};
  Position least = std::numeric_limits<Position>::max();
  Position most = 0;
  before = 0;
  std::size_t place = 0;
  const std::size_t pieces_max = std::min(1 + events.size() / piece_events_min, runs_max);
  runs_.assign(1, {});
  WEIR_TRY(each(events, [&](const SequenceEvent& event) {
    if (event.position < before && runs_.size() <= pieces_max) {
      runs_.back().end = place;
      runs_.push_back({place, 0});
    }
    ++place;
    before = event.position;
    most = std::max(most, before);
    least = std::min(least, before);
  }));
  runs_.back().end = place;
  const auto by_position = [](const SequenceEvent& a, const SequenceEvent& b) { return a.position < b.position; };
  if (events.size() <= compared_max) {
    std::sort(events.begin(), events.end(), by_position);
    return pacer_.spend(events.size());
  }
  const Status room = make_room(sorted_, events.size());
  if (room.code() == Errc::too_large) // It goes without, slower.
    return sort_paced(events, by_position, pacer_);
  WEIR_TRY(room);
  if (runs_.size() <= pieces_max) {
    const auto merged = merge_runs(events, pieces_max);
    if (!merged || *merged)
      return merged ? Status{} : Status(merged.error());
  }
  const unsigned bits = static_cast<unsigned>(std::bit_width(most - least));
  const unsigned passes = (bits + digit_bits_max - 1) / digit_bits_max;
  const unsigned digit_bits = (bits + passes - 1) / passes;
  std::span<SequenceEvent> to = std::span(sorted_).first(events.size());
  for (unsigned pass = 0; pass < passes; ++pass) {
    WEIR_TRY(sort_by_digit(events, to, {least, pass * digit_bits, digit_bits}));
    std::swap(events, to);
  }
  return {};
}

Result<bool> SequenceJoin::merge_runs(std::span<SequenceEvent>& events, std::size_t pieces_max) {
  const auto starts_later = [&](const Run& a, const Run& b) {
    return events[a.begin].position > events[b.begin].position;
  };
  std::make_heap(runs_.begin(), runs_.end(), starts_later);
  std::size_t place = 0;
  for (std::size_t pieces = 0; !runs_.empty(); ++pieces) {
    if (pieces == pieces_max)
      return false;
    std::pop_heap(runs_.begin(), runs_.end(), starts_later);
    Run& run = runs_.back();
    // All of it that comes before what any other run has left.
    auto piece = events.subspan(run.begin, run.end - run.begin);
    if (runs_.size() > 1) {
      const Position other = events[runs_.front().begin].position;
      const auto end = std::partition_point(piece.begin(), piece.end(),
                                            [other](const SequenceEvent& event) { return event.position < other; });
      piece = piece.first(static_cast<std::size_t>(end - piece.begin()));
    }
    WEIR_TRY(each(piece, [&](const SequenceEvent& event) { sorted_[place++] = event; }));
    run.begin += piece.size();
    if (run.begin == run.end)
      runs_.pop_back();
    else
      std::push_heap(runs_.begin(), runs_.end(), starts_later);
  }
  events = std::span(sorted_).first(place);
  return true;
}

Status SequenceJoin::sort_by_digit(std::span<const SequenceEvent> from, std::span<SequenceEvent> to,
                                   const Digit& digit) {
  places_.assign((std::size_t{1} << digit.bits) + 1, 0);
  std::uint32_t* const counts = places_.data() + 1;
  WEIR_TRY(each(from, [&](const SequenceEvent& event) { ++counts[digit.of(event.position)]; }));
  std::partial_sum(places_.begin(), places_.end(), places_.begin());
  return each(from, [&](const SequenceEvent& event) { to[places_[digit.of(event.position)]++] = event; });
}

template <class Visit> Status SequenceJoin::each(std::span<const SequenceEvent> events, const Visit& visit) {
  while (!events.empty()) {
    const auto some = events.first(std::min(events.size(), events_at_once));
    WEIR_TRY(pacer_.spend(some.size() / moves_per_work));
    for (const SequenceEvent& event : some)
      visit(event);
    events = events.subspan(some.size());
  }
  return {};
}

} // namespace weir::query
