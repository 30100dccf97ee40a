#include "trust/kills/removal_oracle.hpp"

#include "engine/text.hpp"
#include "trust/kills/speech.hpp"

#include <algorithm>
#include <utility>

namespace weir::trust {

namespace {

std::uint32_t take_context(std::string_view& line) {
  return static_cast<std::uint32_t>(std::min<std::uint64_t>(number(take_word(line)), removable_contexts - 1));
}

} // namespace

void RemovalTotals::add(const RemovalTotals& other) noexcept {
  stored += other.stored;
  removed += other.removed;
  closed += other.closed;
  retained += other.retained;
  known += other.known;
  in_doubt += other.in_doubt;
  shown += other.shown;
}

RemovalOracle::RemovalOracle(std::uint64_t seed, RemovalTotals& totals, std::function<void(std::string)> complain)
    : seed_(seed), totals_(totals), complain_(std::move(complain)), contexts_(removable_contexts) {
}

std::uint32_t RemovalOracle::events_of(const RemovableCall& call) const {
  return static_cast<std::uint32_t>(make_removable(seed_, call).size());
}

void RemovalOracle::apply(State& state, const Operation& operation) const {
  if (state.closed)
    return;
  if (operation.what == Operation::What::store) {
    state.calls.push_back({state.last() + 1, events_of(operation.call), operation.call, 0});
    return;
  }
  state.first_live = std::max(state.first_live, std::clamp<Sequence>(operation.before, 1, state.last() + 1));
  state.closed = operation.closes;
}

void RemovalOracle::retain(State& state, Sequence last) {
  if (last > retained_events)
    state.first_live = std::max(state.first_live, last - retained_events + 1);
}

void RemovalOracle::keep(std::uint32_t context, const std::string& what, const std::function<bool(State&)>& fits) {
  std::vector<State>& states = contexts_[context].states;
  const State was = states.front();
  std::erase_if(states, [&](State& state) { return !fits(state); });
  if (!states.empty())
    return;
  complain_(format("{}: {}, which does not fit events {} to {}{}", removable_name(context), what, was.first_live,
                   was.last(), was.closed ? ", deleted for good" : ""));
  states.push_back(was);
}

bool RemovalOracle::take(std::string_view word, std::string_view line) {
  if (word == "removable_in") {
    for (Context& context : contexts_)
      context.shard = static_cast<ShardId>(number(take_word(line)));
  } else if (word == "rules") {
    const bool there = number(line) != 0;
    if (there ? !may_be_ruled_ : ruled_)
      complain_(there ? "there is a rule of retention that nobody gave" : "the rule of retention is gone");
    ruled_ = there;
    may_be_ruled_ = true; // from here on the host may give it
  } else if (word == "ruled") {
    ruled_ = true;
  } else if (word == "stores") {
    const std::uint32_t context = take_context(line);
    const auto life = static_cast<std::uint32_t>(number(take_word(line)));
    const auto call = static_cast<std::uint32_t>(number(line));
    contexts_[context].pending = Operation{Operation::What::store, {context, life, call}, 0, false};
  } else if (word == "stored") {
    const std::uint32_t context = take_context(line);
    const Sequence sequence = number(take_word(line));
    stored(context, sequence, number(line));
  } else if (word == "gone") {
    const std::uint32_t context = take_context(line);
    contexts_[context].pending.reset();
    keep(context, "it answers context_deleted", [](const State& state) { return state.closed; });
    ++totals_.closed;
  } else if (word == "truncates" || word == "deletes") {
    const std::uint32_t context = take_context(line);
    const std::uint64_t how = number(line);
    contexts_[context].pending = word == "truncates"
                                     ? Operation{Operation::What::remove, {context, 0, 0}, how, false}
                                     : Operation{Operation::What::remove, {context, 0, 0}, UINT64_MAX, how != 0};
  } else if (word == "removed") {
    const std::uint32_t context = take_context(line);
    const Sequence before = number(take_word(line));
    const Position position = number(take_word(line));
    removed(context, before, position, number(line) != 0);
  } else if (word == "retains") {
    retaining_ = true;
  } else if (word == "retained") {
    const bool resumed = number(take_word(line)) != 0;
    retained(resumed, number(line));
  } else if (word == "again") {
    RemovableCall call{take_context(line), 0, 0};
    call.life = static_cast<std::uint32_t>(number(take_word(line)));
    call.number = static_cast<std::uint32_t>(number(take_word(line)));
    const bool duplicate = number(take_word(line)) != 0;
    const Sequence sequence = number(take_word(line));
    stored_again(call, duplicate, sequence, number(line));
  } else if (word == "gap") {
    Found& found = contexts_[take_context(line)].found;
    const Sequence first = number(take_word(line));
    found.last = number(line);
    if (first != 1 || !found.live.empty())
      complain_(format("a replay names a gap from {} behind {} events", first, found.live.size()));
    found.first_live = found.last + 1;
  } else if (word == "live") {
    const std::uint32_t context = take_context(line);
    const Sequence sequence = number(take_word(line));
    const Position position = number(take_word(line));
    (void)find(context, sequence, position, line, contexts_[context].found);
  } else if (word == "lived") {
    shown(take_context(line));
  } else {
    return false;
  }
  return true;
}

void RemovalOracle::stored(std::uint32_t context, Sequence sequence, Position position) {
  const std::optional<Operation> store = std::exchange(contexts_[context].pending, std::nullopt);
  if (!store)
    return complain_("a store was answered that nobody asked for");
  ++totals_.stored;
  keep(context, format("a store was answered as sequence {}", sequence), [&](State& state) {
    if (state.closed || state.last() + 1 != sequence)
      return false;
    apply(state, *store);
    state.calls.back().position = position;
    return true;
  });
}

void RemovalOracle::removed(std::uint32_t context, Sequence before, Position position, bool already) {
  const std::optional<Operation> removal = std::exchange(contexts_[context].pending, std::nullopt);
  if (!removal)
    return complain_("a removal was answered that nobody asked for");
  ++totals_.removed;
  keep(context, format("a removal was answered as of what is before {}, already {}", before, already),
       [&](State& state) {
         const Sequence first_live = std::clamp<Sequence>(removal->before, 1, state.last() + 1);
         const bool held = state.closed || (!removal->closes && first_live <= state.first_live);
         // Of a cold context with live events the engine may know less of what is removed, and does it again.
         if (before != first_live || (already ? !held : state.closed))
           return false;
         apply(state, *removal);
         return true;
       });
  if (!already)
    contexts_[context].removals[position] = {before, removal->closes};
}

void RemovalOracle::retained(bool resumed, Position before) {
  retaining_ = false;
  totals_.retained += resumed ? 0 : 1;
  for (std::uint32_t number = first_retained; number < removable_contexts; ++number) {
    std::vector<State> states;
    for (const State& state : contexts_[number].states) {
      Sequence last = 0, known = 0; // `known`: without calls of which only a showing can say where they are
      for (const Stored& call : state.calls)
        if (call.position < before) {
          last = std::min<Sequence>(call.first + call.events, call.first + before - call.position) - 1;
          known = call.position != 0 ? last : known;
        }
      retain(states.emplace_back(state), last);
      if (resumed)
        retain(states.emplace_back(state), known);
    }
    contexts_[number].states = std::move(states);
    drop_equal(contexts_[number].states);
  }
}

/// The same numbers come of the same calls, but for those in doubt, of which there is one at most.
void RemovalOracle::drop_equal(std::vector<State>& states) {
  std::vector<State> different;
  for (State& state : states)
    if (std::none_of(different.begin(), different.end(), [&](const State& other) {
          return other.first_live == state.first_live && other.closed == state.closed && other.calls == state.calls;
        }))
      different.push_back(std::move(state));
  states = std::move(different);
}

void RemovalOracle::stored_again(const RemovableCall& call, bool duplicate, Sequence sequence, Position position) {
  ++totals_.known;
  keep(call.context,
       format("call {}-{} was stored again, and is sequence {} at position {}, {}", call.life, call.number, sequence,
              position, duplicate ? "known" : "as if it were new"),
       [&](State& state) {
         const auto found = std::find_if(state.calls.begin(), state.calls.end(),
                                         [&](const Stored& each) { return each.call == call; });
         if (!duplicate || state.closed || found == state.calls.end() || found->first != sequence ||
             (found->position != 0 && found->position != position))
           return false;
         found->position = position;
         return true;
       });
}

void RemovalOracle::ended() {
  for (std::uint32_t number = 0; number < removable_contexts; ++number) {
    Context& context = contexts_[number];
    context.found = {};
    const std::size_t before = context.states.size();
    if (const auto pending = std::exchange(context.pending, std::nullopt)) {
      ++totals_.in_doubt;
      for (std::size_t i = 0; i < before; ++i) {
        State after = context.states[i];
        apply(after, *pending);
        context.states.push_back(std::move(after));
      }
    }
    // Judged as of any moment since the last run that came to its end.
    for (std::size_t i = 0; retaining_ && number >= first_retained && i < before; ++i)
      for (Sequence last = 1; last <= context.states[i].last(); ++last) {
        State after = context.states[i];
        retain(after, last);
        context.states.push_back(std::move(after));
      }
    drop_equal(context.states);
  }
  totals_.in_doubt += retaining_ ? 1 : 0;
  retaining_ = false;
  live_ = 0;
}

std::vector<RemovableCall> RemovalOracle::again(Dice& dice) const {
  std::vector<RemovableCall> calls;
  for (const Context& context : contexts_)
    if (const auto& known = context.states.front().calls;
        context.states.size() == 1 && !known.empty() && dice.below(4) == 0)
      calls.push_back(known[dice.below(known.size())].call);
  return calls;
}

bool RemovalOracle::find(std::uint32_t context, Sequence sequence, Position position, std::string_view fields,
                         Found& found) {
  if (!is_removable(seed_, removable_name(context), fields))
    return complain_(format("{} holds what nobody stored: {}", removable_name(context), fields)), false;
  if (sequence != found.last + 1)
    return complain_(format("{} goes on with sequence {} behind {}", removable_name(context), sequence, found.last)),
           false;
  found.last = sequence;
  found.live.push_back({sequence, position, removable_origin_of(fields.substr(fields.rfind('\t') + 1))});
  return true;
}

bool RemovalOracle::holds(State& state, const Found::Live& live) {
  auto call = std::upper_bound(state.calls.begin(), state.calls.end(), live.sequence,
                               [](Sequence sequence, const Stored& each) { return sequence < each.first; });
  if (call == state.calls.begin())
    return false;
  --call;
  const Sequence index = live.sequence - call->first;
  if (call->call != live.origin.call || index != live.origin.index || index >= call->events ||
      (call->position != 0 && call->position + index != live.position))
    return false;
  call->position = live.position - index;
  return true;
}

void RemovalOracle::shown(std::uint32_t number) {
  const Found found = std::exchange(contexts_[number].found, {});
  live_ += found.live.size();
  ++totals_.shown;
  keep(number, format("it shows events {} to {}", found.first_live, found.last), [&](State& state) {
    return state.first_live == found.first_live && state.last() == found.last &&
           std::all_of(found.live.begin(), found.live.end(), [&](const auto& live) { return holds(state, live); });
  });
}

std::uint64_t RemovalOracle::end_showing() {
  return std::exchange(live_, 0);
}

std::vector<RemovalOracle::Least> RemovalOracle::least() const {
  std::vector<Least> all;
  for (const Context& context : contexts_) {
    Least& least = all.emplace_back(Least{UINT64_MAX, UINT64_MAX, true});
    for (const State& state : context.states) {
      least.first_live = std::min(least.first_live, state.first_live);
      least.last = std::min(least.last, state.last());
      least.closed = least.closed && state.closed;
    }
  }
  return all;
}

void RemovalOracle::copied(const std::string& copy, std::uint32_t number, const Found& found, const Least& least) {
  std::vector<State>& states = contexts_[number].states;
  if (found.first_live < least.first_live || found.last < least.last)
    return complain_(
        format("{}: {} holds events {} to {}, and from {} on up to {} was answered before it was asked for", copy,
               removable_name(number), found.first_live, found.last, least.first_live, least.last));
  const bool fits = std::any_of(states.begin(), states.end(), [&](State state) {
    return found.first_live <= state.first_live && found.last <= state.last() &&
           std::all_of(found.live.begin(), found.live.end(), [&](const auto& live) { return holds(state, live); });
  });
  if (!fits)
    complain_(format("{}: {} holds events {} to {}, which the directory itself cannot", copy, removable_name(number),
                     found.first_live, found.last));
}

RemovalOracle::Context* RemovalOracle::named(std::string_view name, std::uint32_t& number) {
  for (number = 0; number < removable_contexts; ++number)
    if (removable_name(number) == name)
      return &contexts_[number];
  complain_(format("a log holds something of context {}, which nobody stored to", name));
  return nullptr;
}

void RemovalOracle::dumped_event(std::string_view name, Sequence sequence, Position position, std::string_view fields) {
  std::uint32_t number = 0;
  Context* const context = named(name, number);
  if (context == nullptr)
    return;
  dumped_.insert(position);
  const RemovableOrigin origin = removable_origin_of(fields.substr(fields.rfind('\t') + 1));
  const bool fits = std::any_of(context->states.begin(), context->states.end(), [&](State state) {
    return holds(state, {sequence, position, origin});
  });
  if (!is_removable(seed_, name, fields) || !fits)
    complain_(format("the log holds event {} of {} at position {}, which is none that was stored there", sequence, name,
                     position));
}

void RemovalOracle::dumped_removal(std::string_view name, Position position, Sequence first_live, bool closes) {
  std::uint32_t number = 0;
  Context* const context = named(name, number);
  if (context == nullptr)
    return;
  dumped_.insert(position);
  const auto answered = context->removals.find(position);
  const bool fits = answered != context->removals.end()
                        ? answered->second.first_live == first_live && answered->second.closes == closes
                        : std::any_of(context->states.begin(), context->states.end(), [&](const State& state) {
                            return first_live <= state.first_live && closes <= state.closed;
                          });
  if (!fits)
    complain_(format("the log holds a removal of what is before {} of {}, which nobody asked for", first_live, name));
}

void RemovalOracle::end_dump(const std::vector<Position>& segments_up_to) {
  for (std::uint32_t number = 0; number < removable_contexts; ++number) {
    const Context& context = contexts_[number];
    const auto look = [&](Position position, const char* what) {
      if (position > segments_up_to.at(context.shard) && !dumped_.contains(position))
        complain_(
            format("{} of {} at position {} was answered, and is in no segment and, the dumper says, not in the log",
                   what, removable_name(number), position));
    };
    for (const Stored& call : context.states.front().calls)
      if (call.position != 0)
        look(call.position, "a store");
    for (const auto& [position, answered] : context.removals)
      look(position, "a removal");
  }
  dumped_.clear();
}

} // namespace weir::trust
