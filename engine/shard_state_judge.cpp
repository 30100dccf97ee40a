// How ShardState decides what becomes of a call when its turn has come (engine/shard_state.hpp).

#include "engine/event_codec.hpp"
#include "engine/sabotage.hpp"
#include "engine/shard_state.hpp"
#include "engine/text.hpp"

#include <algorithm>

namespace weir {

namespace {

Error conflict_of(std::vector<Conflict> conflicts, const Expectation& expect, std::size_t contexts, bool has_event) {
  const Conflict& first = conflicts.front();
  std::string message =
      !has_event ? format("the context has no event, expected was: {}", to_string(expect))
                 : format("the context has come to sequence {}, expected was: {}", first.current, to_string(expect));
  if (contexts > 1)
    message = format("{} of {} contexts are not as expected; {}", conflicts.size(), contexts, message);
  Error error = fail(Errc::sequence_conflict, std::move(message), first.context_id);
  error.conflicts = std::move(conflicts);
  return error;
}

} // namespace

/// Decides removals that change nothing, with all groups before in mind; encodes the others.
void ShardState::judge_removal(StoreCommand& command, const Entry& entry) {
  const RemovalRequest& removal = *command.removal;
  const Sequence first_live = std::clamp<Sequence>(removal.before, 1, entry.last + 1);
  if (entry.closed || (!removal.closes && first_live <= entry.first_live)) {
    command.verdict = std::make_unique<Result<Receipt>>(Receipt{first_live, 0, 0, command.durability, true});
    return;
  }
  command.encoded.clear();
  encode_removal(command.context_id, first_live, removal.closes && !sabotaged(Sabotage::log_no_tombstone),
                 command.encoded);
}

/// Whether a context of the call is deleted for good, whatever was found out before: then that is its answer.
bool ShardState::refuse_closed(StoreCommand& command, const Entries& entries) {
  const std::string* closed = entries.first->closed ? &command.context_id : nullptr;
  for (std::size_t i = 0; closed == nullptr && i < command.more.size(); ++i)
    closed = entries.more[i]->closed ? &command.more[i].context_id : nullptr;
  if (closed == nullptr || sabotaged(Sabotage::forget_tombstone))
    return false;
  command.verdict = std::make_unique<Result<Receipt>>(
      fail(Errc::context_deleted, "the context is deleted for good; nothing can be stored to it", *closed));
  return true;
}

/// Decides calls that store nothing, with all groups before in mind.
void ShardState::judge(StoreCommand& command, const Entries& entries) {
  std::vector<Conflict> conflicts;
  const Expectation* expected = nullptr; // of the first conflict
  bool has_event = false;                // the same
  const auto look = [&](const std::string& context_id, const Expectation& expect, const Entry& entry) {
    if (expect.holds(entry.last, entry.first_live) || sabotaged(Sabotage::believe_expectations))
      return;
    if (conflicts.empty()) {
      expected = &expect;
      has_event = entry.first_live <= entry.last;
    }
    const bool stale = sabotaged(Sabotage::tell_stale_sequence) && entry.last > 1;
    conflicts.push_back({context_id, {}, stale ? entry.last - 1 : entry.last, std::nullopt});
  };
  look(command.context_id, command.expect, *entries.first);
  for (std::size_t i = 0; i < command.more.size() && !sabotaged(Sabotage::expect_of_first_only); ++i)
    look(command.more[i].context_id, command.more[i].expect, *entries.more[i]);
  if (!conflicts.empty()) {
    command.verdict = std::make_unique<Result<Receipt>>(
        conflict_of(std::move(conflicts), *expected, 1 + command.more.size(), has_event));
    return;
  }
  if (command.receipts) {
    command.receipts->clear();
    command.receipts->push_back({entries.first->last + 1, 0, command.events, command.durability, false});
    for (std::size_t i = 0; i < command.more.size(); ++i)
      command.receipts->push_back({entries.more[i]->last + 1, 0, command.more[i].events, command.durability, false});
  }
  if (command.all_events() == 0)
    command.verdict =
        std::make_unique<Result<Receipt>>(Receipt{entries.first->last + 1, 0, 0, command.durability, false});
}

/// A condition is judged when nothing is in flight, or behind calls of its own group: those can be looked at.
ShardState::Turn ShardState::turn_of(const StoreCommand& command, const std::vector<Numbered>& before,
                                     std::optional<Match>& in_memory) const {
  if (applied_ < formed_)
    return Turn::later;
  // What a removal of this group takes away is seen once that is applied.
  if (std::any_of(before.begin(), before.end(), [](const Numbered& each) { return each.command->removal.has_value(); }))
    return Turn::later;
  // Looking at the calls before costs as many steps for each condition: few are judged in one group.
  constexpr std::ptrdiff_t conditions_max = 64;
  if (std::count_if(before.begin(), before.end(),
                    [](const Numbered& each) { return each.command->fail_if != nullptr; }) >= conditions_max)
    return Turn::later;
  MemoryVerdict told = options_.match_in_memory ? options_.match_in_memory(command) : MemoryVerdict{};
  in_memory = std::move(told.match);
  return told.tells ? Turn::now : Turn::look_up;
}

/// Expectations are judged already: what failed of them is told with it.
void ShardState::condition_fails(StoreCommand& command, Error why) {
  const bool alone = !command.verdict || command.verdict->ok();
  command.verdict = std::make_unique<Result<Receipt>>(
      alone ? std::move(why) : both_failed(std::move(*command.verdict).error(), std::move(why)));
}

void ShardState::judge_condition(StoreCommand& command, const std::vector<Numbered>& before,
                                 std::optional<Match> in_memory) const {
  const bool believed = command.looked_to != command.fail_if->after && sabotaged(Sabotage::believe_condition_look_up);
  std::optional<Match> match = believed ? std::nullopt : std::move(in_memory);
  for (std::size_t i = 0; !match && i < before.size() && !sabotaged(Sabotage::overlook_own_group); ++i)
    if (!before[i].command->verdict)
      match = first_match(*before[i].command, before[i].first_sequence, *command.fail_if);
  if (match)
    condition_fails(command, condition_failed(*match));
}

} // namespace weir
