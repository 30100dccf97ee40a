#include "trust/kills/queue_oracle.hpp"

#include "engine/text.hpp"
#include "trust/kills/speech.hpp"

#include <algorithm>
#include <utility>

namespace weir::trust {

void QueueTotals::add(const QueueTotals& other) noexcept {
  read += other.read;
  caught_up += other.caught_up;
  handed_out += other.handed_out;
  redelivered += other.redelivered;
  settled += other.settled;
  drained += other.drained;
}

void QueueOracle::stored(Position position, std::uint32_t context, Sequence sequence, std::uint64_t mark) {
  whole_ = false;
  stored_.insert_or_assign(position, Stored{mark, context, sequence});
  last_[context] = std::max(last_[context], sequence);
}

void QueueOracle::end_showing() {
  whole_ = true;
  for (const auto& [position, mark] : witnessed_) {
    const auto found = stored_.find(position);
    if (found == stored_.end())
      complain_(format("somebody read an event at position {}, and a crash took it away", position));
    else if (found->second.mark != mark)
      complain_(format("somebody read another event at position {} than the one that is there", position));
  }
  witnessed_.clear();
  for (auto& [name, reader] : readers_)
    compare(name, reader);
}

void QueueOracle::ended() {
  whole_ = false;
  readers_.erase(std::string(late_reader));
}

void QueueOracle::storing() {
  whole_ = false;
}

void QueueOracle::witness(Position position, std::uint64_t mark) {
  if (const auto known = stored_.find(position); known != stored_.end()) {
    if (known->second.mark != mark)
      complain_(format("somebody read another event at position {} than the one that is there", position));
    return;
  }
  if (whole_)
    return complain_(format("somebody read an event at position {}, where there is none", position));
  const auto [seen, first] = witnessed_.try_emplace(position, mark);
  if (!first && seen->second != mark)
    complain_(format("two readers saw two events at position {}", position));
}

std::vector<Position> QueueOracle::places() const {
  std::vector<Position> places;
  for (const std::string_view name : subscribers) {
    const auto found = readers_.find(std::string(name));
    places.push_back(found != readers_.end() && found->second.began ? found->second.next
                     : name == joining_reader                       ? place_now
                                                                    : 0);
  }
  return places;
}

bool QueueOracle::take(std::string_view word, std::string_view line) {
  if (word == "reads") {
    const std::string name(take_word(line));
    begins(name, number(line));
  } else if (word == "saw") {
    const std::string name(take_word(line));
    const Position next = number(take_word(line));
    saw(name, next, line);
  } else if (word == "kept") {
    const Position at = number(line);
    Reader& reader = readers_[std::string(consumer_reader)];
    if (at != reader.next)
      complain_(format("the consumer kept {} where it had read up to {}", at, reader.next));
    reader.kept = at;
  } else if (word == "caught_up") {
    const std::string name(line);
    Reader& reader = readers_[name];
    ++totals_.caught_up;
    compare(name, reader);
    if (!stored_.empty() && reader.next <= stored_.rbegin()->first)
      complain_(format("{} says that it has caught up at {}, and there is an event at {}", name, reader.next,
                       stored_.rbegin()->first));
  } else if (word == "handed") {
    handed_out(line);
  } else if (word == "acks" || word == "parks") {
    settles(line, false, word == "parks");
  } else if (word == "acked") {
    settles(line, true, false);
  } else if (word == "drained") {
    drained();
  } else {
    return false;
  }
  return true;
}

void QueueOracle::begins(const std::string& name, Position at) {
  Reader& reader = readers_[name];
  if (!std::exchange(reader.began, true)) {
    reader.begins = reader.next = reader.kept = at;
    if (at != 0 && name != joining_reader)
      complain_(format("{} was to begin with the oldest event, and begins at {}", name, at));
    return;
  }
  if (name == consumer_reader)
    check_consumer(name, reader, at);
  else if (at != reader.next)
    complain_(format("{} was to go on at {}, and goes on at {}", name, reader.next, at));
  // What lies behind that comes again, and is compared again.
  reader.given.erase(std::lower_bound(reader.given.begin(), reader.given.end(), at), reader.given.end());
  reader.begins = std::min(reader.begins, at);
  reader.next = reader.kept = at;
}

void QueueOracle::check_consumer(const std::string& name, const Reader& reader, Position at) {
  // The host may have died between the checkpoint and its saying so.
  if (at != reader.kept && at != reader.next)
    complain_(format("{} had kept {} and read up to {}, and goes on at {}", name, reader.kept, reader.next, at));
}

void QueueOracle::saw(const std::string& name, Position next, std::string_view events) {
  Reader& reader = readers_[name];
  Position from = reader.next;
  while (!events.empty()) {
    std::string_view event = take_word(events);
    const Position position = number(take_word(event, ':'));
    witness(position, number(event));
    ++totals_.read;
    if (position < from)
      complain_(format("{} saw the event at position {} when it was at {}", name, position, from));
    from = position + 1;
    reader.given.push_back(position);
  }
  if (next < from)
    complain_(format("{} was told to go on at {}, and is at {}", name, next, from));
  reader.next = next;
  if (whole_)
    compare(name, reader);
}

void QueueOracle::compare(const std::string& name, Reader& reader) {
  if (!whole_ || !reader.began)
    return;
  auto given = reader.given.begin();
  for (auto there = stored_.lower_bound(reader.begins); there != stored_.end() && there->first < reader.next;
       ++there, ++given) {
    if (given != reader.given.end() && *given == there->first)
      continue;
    complain_(format("{} did not see the event at position {}, and went on to {}", name, there->first, reader.next));
    break; // the rest shows nothing more
  }
  reader.given.clear();
  reader.begins = reader.next;
}

void QueueOracle::handed_out(std::string_view events) {
  while (!events.empty()) {
    std::string_view event = take_word(events);
    const auto context = static_cast<std::uint32_t>(number(take_word(event, ':')));
    const Sequence sequence = number(take_word(event, ':'));
    const Position position = number(take_word(event, ':'));
    const auto deliveries = static_cast<std::uint32_t>(number(take_word(event, ':')));
    witness(position, number(event));
    Course& course = courses_[context];
    ++totals_.handed_out;
    totals_.redelivered += deliveries > 1 ? 1 : 0;
    if (sequence <= course.settled)
      complain_(
          format("a member got event {} of context {} again, and its acknowledgement was answered", sequence, context));
    else if (sequence > course.settling + 1)
      complain_(format("a member got event {} of context {} before event {} was acknowledged", sequence, context,
                       course.settling + 1));
    if (sequence == course.handed_out && deliveries <= course.deliveries)
      complain_(format("event {} of context {} was handed out {} times, and then for the {}th time", sequence, context,
                       course.deliveries, deliveries));
    course.settled = std::max(course.settled, sequence - 1); // that the next one comes is an answer, too
    course.handed_out = sequence;
    course.deliveries = deliveries;
  }
}

void QueueOracle::settles(std::string_view events, bool answered, bool parked) {
  while (!events.empty()) {
    std::string_view event = take_word(events);
    Course& course = courses_[static_cast<std::uint32_t>(number(take_word(event, ':')))];
    const Sequence sequence = number(event);
    if (parked)
      course.deliveries = 0; // it begins anew when it is replayed
    else if (!answered)
      course.settling = std::max(course.settling, sequence);
    else
      course.settled = std::max(course.settled, sequence);
    totals_.settled += answered ? 1 : 0;
  }
}

void QueueOracle::drained() {
  ++totals_.drained;
  for (const auto& [context, last] : last_)
    if (const Sequence settled = courses_[context].settling; settled != last)
      complain_(format("the group has nothing left to do, and of context {} it has done {} of {} events", context,
                       settled, last));
}

} // namespace weir::trust
