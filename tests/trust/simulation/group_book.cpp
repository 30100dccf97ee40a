#include "trust/simulation/group_book.hpp"

#include "engine/hash.hpp"
#include "engine/text.hpp"

namespace weir::trust {

std::uint64_t GroupBook::handed_out(int member, const EventView& event, std::uint32_t deliveries, Time asked,
                                    Time now) {
  hash_ = hash64(event.payload, hash_ ^ event.position ^ deliveries);
  journal_.vouch_for(event, "a consumer group");
  Known& known = events_[event.position];
  if (known.sequence == 0) {
    known.context = event.context_id;
    known.sequence = event.sequence;
    known.payload = event.payload;
    contexts_[known.context][known.sequence] = event.position;
  } else if (known.context != event.context_id || known.sequence != event.sequence || known.payload != event.payload) {
    journal_.wrong(format("I15: a group is given another event at position {} than before", event.position));
  }
  if (known.done == Is::yes)
    journal_.wrong(
        format("I15: the event at position {} of {} was acknowledged and comes again", event.position, known.context));
  check_turn(known, event.position, now);
  check_order(known, event.position);
  if (deliveries == 0 || deliveries > options_.deliveries_max ||
      (!known.counted_anew && deliveries <= known.deliveries))
    journal_.wrong(format("I15: the delivery of position {} is counted as number {} after {}, of at most {}",
                          event.position, deliveries, known.deliveries, options_.deliveries_max));
  known.deliveries = deliveries;
  known.done = known.parked = Is::no;
  out_[known.context] = {
      event.position, member, ++handed_out_, asked + options_.ack_timeout_ms, now + options_.ack_timeout_ms, true};
  delayed_.erase(known.context);
  return handed_out_;
}

/// Nobody has an event of the context, nor is one delayed.
void GroupBook::check_turn(const Known& known, Position position, Time now) {
  if (const auto out = out_.find(known.context); out != out_.end() && out->second.sure && now < out->second.until)
    journal_.wrong(format("I15: position {} of {} is handed out while a member has position {}", position,
                          known.context, out->second.position));
  if (const auto delayed = delayed_.find(known.context); delayed != delayed_.end() && now < delayed->second.until)
    journal_.wrong(format("I15: position {} of {} comes before its delay has passed", position, known.context));
}

bool GroupBook::may_be_parked(const Known& known) const {
  return known.parked != Is::no || known.counted_anew || known.deliveries >= options_.deliveries_max;
}

/// Everything before it in its context is dealt with.
void GroupBook::check_order(const Known& known, Position position) {
  const bool waits = options_.on_park == GroupOptions::OnPark::context_waits;
  const auto& sequences = contexts_[known.context];
  if (known.parked == Is::yes)
    journal_.wrong(format("I15: position {} of {} is parked and comes", position, known.context));
  std::optional<Sequence> first;
  for (Sequence before = known.sequence - 1; before != 0; --before) {
    const auto found = sequences.find(before);
    const Known* const earlier = found == sequences.end() ? nullptr : &events_.at(found->second);
    if (earlier != nullptr && earlier->done != Is::no)
      continue;
    if (earlier != nullptr && !waits && may_be_parked(*earlier))
      continue;
    if (!first)
      first = first_live_(known.context);
    if (before < *first) // removed events may come or not
      return;
    journal_.wrong(format("I15: position {} of {}, sequence {}, comes before sequence {} is dealt with", position,
                          known.context, known.sequence, before));
    return;
  }
}

void GroupBook::settled(std::uint64_t number, Position position, How how, std::chrono::milliseconds delay,
                        const Status& status, Time now) {
  Known& known = events_.at(position);
  const auto out = out_.find(known.context);
  const bool mine = out != out_.end() && out->second.number == number;
  if (status.code() == Errc::not_found) {
    if (mine && out->second.sure && now < out->second.until)
      journal_.wrong(format("I15: position {} is out with a member who may not settle it", position));
    if (mine)
      out_.erase(out);
    return;
  }
  const bool last = how == How::nack && known.deliveries >= options_.deliveries_max;
  if (!status) {
    journal_.refused(format("settling position {}", position), status.error());
    if (how == How::ack && known.done == Is::no)
      known.done = Is::maybe;
    if ((how == How::park || last) && known.parked == Is::no)
      known.parked = Is::maybe;
    return;
  }
  if (!mine) {
    journal_.wrong(format("I15: position {} is settled by a member who does not have it", position));
    return;
  }
  out_.erase(out);
  if (how == How::ack)
    known.done = Is::yes;
  else if (how == How::park || last)
    known.parked = Is::yes;
  else
    delayed_[known.context] = {position, now + delay};
}

void GroupBook::left(int member) {
  std::erase_if(out_, [member](const auto& each) { return each.second.member == member; });
}

void GroupBook::begins() {
  out_.clear();
  delayed_.clear();
}

void GroupBook::joined_others() {
  if (!journal_.excused())
    return;
  for (auto& [context, out] : out_)
    out.sure = false;
  delayed_.clear();
}

void GroupBook::replayed_parked(const std::string& context, const Status& status) {
  if (!status)
    journal_.refused("a replay of parked events", status.error());
  for (auto& [position, known] : events_) {
    if ((!context.empty() && known.context != context) || known.done == Is::yes)
      continue;
    if (known.parked == Is::no && known.deliveries < options_.deliveries_max)
      continue; // what was given up on without a word was handed out as often as it may be
    known.parked = status || known.parked == Is::no ? Is::no : Is::maybe;
    known.counted_anew = true;
  }
}

void GroupBook::reset(const Status& status) {
  if (!status)
    journal_.refused("a reset of a group", status.error());
  for (auto& [position, known] : events_) {
    known.counted_anew = !status;
    known.deliveries = status ? 0 : known.deliveries;
    for (Is* const each : {&known.done, &known.parked})
      *each = status || *each == Is::no ? Is::no : Is::maybe;
  }
}

std::optional<Position> GroupBook::due(Time now) const {
  // A group may wait for a member to settle something, or for parked events to be looked at.
  if (journal_.excused() || out_.size() >= options_.in_flight_max || options_.parked_max < GroupOptions().parked_max)
    return std::nullopt;
  const auto comes = [&](Position position) {
    const Known& known = events_.at(position);
    return known.done == Is::no && !may_be_parked(known) && known.sequence >= first_live_(known.context);
  };
  for (const auto& [context, delayed] : delayed_)
    if (delayed.until <= now && comes(delayed.position))
      return delayed.position;
  for (const auto& [context, out] : out_)
    if (out.latest <= now && comes(out.position))
      return out.position;
  return std::nullopt;
}

bool GroupBook::is_out(std::uint64_t number, Position position, Time now) const {
  const auto out = out_.find(events_.at(position).context);
  return out != out_.end() && out->second.number == number && out->second.sure && now < out->second.until;
}

void GroupBook::check_checkpoint(Position checkpoint) const {
  for (auto event = events_.begin(); event != events_.lower_bound(checkpoint); ++event)
    if (const Known& known = event->second;
        known.done == Is::no && !may_be_parked(known) && known.sequence >= first_live_(known.context))
      journal_.wrong(
          format("I15: a group says that it is at {}, and position {} is not dealt with", checkpoint, event->first));
}

void GroupBook::check_given(const std::map<Position, std::string>& all) const {
  for (const auto& [position, known] : events_)
    if (const auto there = all.find(position); there == all.end() || there->second != known.payload)
      journal_.wrong(format("I15: I1: a consumer group was given what is not at position {}, sequence {} of {}",
                            position, known.sequence, known.context));
}

std::optional<Position> GroupBook::awaited(const std::map<Position, std::string>& stored) const {
  for (const auto& [position, payload] : stored)
    if (const auto known = events_.find(position); known == events_.end() || known->second.done == Is::no)
      return position;
  return std::nullopt;
}

} // namespace weir::trust
