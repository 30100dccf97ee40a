#include "trust/kills/removers_host.hpp"

#include "trust/kills/replay_host.hpp"
#include "trust/kills/speech.hpp"

#include <string>

namespace weir::trust {

namespace {

constexpr std::uint32_t writers = 3;
constexpr std::uint64_t acks_of_a_removal = 3;

void say_removed(std::uint32_t context, const Result<Removal>& removal) {
  if (!removal)
    give_up(format("removing events of {}: {}", removable_name(context), to_string(removal.error())));
  say(format("removed {} {} {} {}", context, removal->removed_before, removal->position, removal->already ? 1 : 0));
}

} // namespace

void Removers::introduce() const {
  std::string placed = "removable_in";
  for (std::uint32_t context = 0; context < removable_contexts; ++context)
    placed += format(" {}", engine_.shard_of(removable_name(context)));
  say(placed);
  const std::vector<RetentionRule> rules = engine_.retention();
  if (rules.size() > 1 || (!rules.empty() && rules.front() != retention_rule()))
    give_up("there are rules of retention that nobody gave");
  say(format("rules {}", rules.size()));
}

void Removers::show() const {
  for (std::uint32_t context = 0; context < removable_contexts; ++context) {
    auto stream = engine_.replay(removable_name(context));
    if (!stream)
      give_up("replay of " + removable_name(context) + ": " + to_string(stream.error()));
    for (bool more = true; more;) {
      const auto batch = stream->next();
      if (!batch)
        give_up("replay of " + removable_name(context) + ": " + to_string(batch.error()));
      if (batch->removed())
        say(format("gap {} {} {}", context, batch->removed()->first, batch->removed()->last));
      for (const EventView& event : *batch)
        say(format("live {} {} {} {}", context, event.sequence, event.position,
                   caller_fields(event.event_type, event.timestamp, event.event_id, event.metadata, event.payload)));
      more = !batch->empty();
    }
    say(format("lived {}", context));
  }
}

void Removers::begin() {
  for (std::uint32_t writer = 0; writer < writers; ++writer)
    threads_.emplace_back([this, writer] { write(writer); });
}

void Removers::join() {
  for (std::thread& thread : threads_)
    thread.join();
}

void Removers::give_rule() const {
  if (!engine_.retention().empty())
    return;
  if (const Status ruled = engine_.set_retention({retention_rule()}); !ruled)
    give_up("set_retention: " + to_string(ruled.error()));
  say("ruled");
}

/// The last writer has all contexts to itself that retention truncates.
void Removers::write(std::uint32_t writer) {
  constexpr std::uint32_t own = removable_contexts / writers;
  static_assert(own * (writers - 1) == first_retained);
  const bool retains = writer + 1 == writers;
  Dice dice((orders_.seed * 37 + orders_.life) * writers + writer);
  if (retains)
    give_rule();
  std::vector<RemovableCall> known; // in this life
  for (const RemovableCall& call : orders_.again)
    if (call.context / own == writer)
      store_again(call);
  while (wait_for_stores(stored_, stopping_, dice.below(acks_of_a_removal))) {
    const auto context = static_cast<std::uint32_t>(writer * own + dice.below(own));
    const std::uint64_t which = dice.below(64);
    if (which < 36) {
      const RemovableCall call{context, orders_.life, ++numbers_[context]};
      if (store(call))
        known.push_back(call);
    } else if (which < 47) {
      truncate(context, dice.below(last_[context] + 3));
    } else if (which < 50) {
      remove(context, Deletion::soft);
    } else if (which < 51) {
      remove(context, Deletion::hard);
    } else if (which < 57 && retains) {
      retain();
    } else if (!known.empty()) {
      store_again(known[dice.below(known.size())]);
    }
  }
}

/// False: the context is deleted for good.
bool Removers::store(const RemovableCall& call) {
  say(format("stores {} {} {}", call.context, call.life, call.number));
  const auto receipt = engine_.store(removable_name(call.context), make_removable(orders_.seed, call));
  if (receipt.code() == Errc::context_deleted) {
    say(format("gone {}", call.context));
    return false;
  }
  if (!receipt)
    give_up("store to " + removable_name(call.context) + ": " + to_string(receipt.error()));
  if (receipt->duplicate)
    give_up(format("call {} of {} is new, and was called known", call.number, removable_name(call.context)));
  say(format("stored {} {} {}", call.context, receipt->sequence, receipt->position));
  last_[call.context] = receipt->last_sequence();
  return true;
}

void Removers::store_again(const RemovableCall& call) const {
  const auto receipt = engine_.store(removable_name(call.context), make_removable(orders_.seed, call));
  if (receipt.code() == Errc::context_deleted)
    return say(format("gone {}", call.context));
  if (!receipt)
    give_up("a retry to " + removable_name(call.context) + ": " + to_string(receipt.error()));
  say(format("again {} {} {} {} {} {}", call.context, call.life, call.number, receipt->duplicate ? 1 : 0,
             receipt->sequence, receipt->position));
}

void Removers::truncate(std::uint32_t context, Sequence before) const {
  say(format("truncates {} {}", context, before));
  say_removed(context, engine_.truncate_context(removable_name(context), before));
}

void Removers::remove(std::uint32_t context, Deletion deletion) const {
  say(format("deletes {} {}", context, deletion == Deletion::hard ? 1 : 0));
  say_removed(context, engine_.delete_context(removable_name(context), deletion));
}

/// One that ends what an earlier life began is judged as of then, so another one follows.
void Removers::retain() const {
  for (bool resumed = true; resumed;) {
    say("retains");
    const auto report = engine_.apply_retention();
    if (!report)
      give_up("apply_retention: " + to_string(report.error()));
    resumed = report->resumed;
    say(format("retained {} {}", resumed ? 1 : 0, report->point.before));
  }
}

} // namespace weir::trust
