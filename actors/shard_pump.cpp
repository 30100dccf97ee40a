#include "actors/shard_pump.hpp"

#include "engine/event_codec.hpp"
#include "engine/sabotage.hpp"
#include "engine/text.hpp"

#include <algorithm>

namespace weir {

namespace {

void prefetch(std::string_view bytes) {
  for (std::size_t at = 0; at < std::min<std::size_t>(bytes.size(), 512); at += 64)
    __builtin_prefetch(bytes.data() + at);
}

/// A condition that concerns more events is judged by a look-up thread first. Once that has seen the rest, what came
/// since is little, or the shard would never get ahead.
std::uint64_t rows_looked_at(const StoreCommand& command) {
  constexpr std::uint64_t rows_max = 1'024;
  return command.looked_to != command.fail_if->after ? UINT64_MAX : rows_max;
}

} // namespace

ShardPump::ShardPump(EngineParts& parts, ShardParts& shard, Resolved resolved)
    : parts_(parts), shard_(shard), resolved_(std::move(resolved)),
      state_({.cache_entries_max = parts.options.context_cache_entries,
              .held_max = 2 * limits::group_commands_max,
              .cache_hash_seed = parts.directory_seed,
              .rules_out_ids =
                  [table = shard.table.get()](const StoreCommand& command) {
                    return table->rules_out_event_ids(command.id_hashes, command.ids_checked_to);
                  },
              .memory_tells =
                  [table = shard.table.get()](const StoreCommand& command) {
                    return table->holds_in_memory(command.looked_to, rows_looked_at(command));
                  },
              .match_in_memory =
                  [table = shard.table.get()](const StoreCommand& command) {
                    return table->match_in_memory(*command.fail_if, command.looked_to, rows_looked_at(command));
                  }}) {
}

std::optional<ContextHead> ShardPump::in_memory(std::string_view context_id) const {
  return shard_.table->head_in_memory(context_id);
}

void ShardPump::pump() {
  if (stopped_)
    refuse_everything();
  std::uint64_t applied = 0;
  do {
    applied = shard_.log->applied_group();
    state_.applied(applied);
    move_on();
    if (state_.waits_for_groups())
      shard_.log->want_progress();
  } while (state_.waits_for_groups() && shard_.log->applied_group() != applied);
  start_lookups();
  shard_.held_back.store(state_.held_back(), std::memory_order_relaxed);
}

void ShardPump::move_on() {
  while (!stopped_) {
    if (shard_.log->in_flight() >= ShardLog::depth) {
      shard_.log->want_progress();
      if (shard_.log->in_flight() >= ShardLog::depth)
        break;
    }
    if (!formed_) {
      take();
      if (state_.ready() == 0 || refuse_if_disk_is_low() || memory_is_short())
        break;
      if (!form())
        break;
    }
    if (!submit()) {
      refuse_if_positions_are_blocked();
      break;
    }
  }
}

void ShardPump::take() {
  bool more = true;
  while (more && state_.room() != 0 && state_.ready() < limits::group_commands_max) {
    taken_.clear();
    more = shard_.inbox->drain(taken_, state_.room());
    state_.accept(std::move(taken_), [this](std::string_view id) { return in_memory(id); });
  }
  start_lookups();
}

void ShardPump::start_lookups() {
  ShardState::Lookups asked = state_.take_lookups();
  if (asked.empty())
    return;
  shard_.lookups.fetch_add(asked.contexts.size() + asked.ids.size(), std::memory_order_relaxed);
  parts_.lookups->post_read([asked = std::move(asked), resolved = resolved_, table = shard_.table.get()]() mutable {
    const ShardView view = table->view();
    auto answers = std::make_shared<ShardState::Answers>();
    answers->round = asked.round;
    answers->last_sequences.reserve(asked.contexts.size());
    for (std::string& context : asked.contexts) {
      auto head = context_head(view, context);
      answers->last_sequences.emplace_back(std::move(context), std::move(head));
    }
    answers->ids = answer_id_questions(view, asked.ids);
    resolved(std::move(answers));
  });
}

void ShardPump::resolved(const Answers& answers) {
  state_.resolved(std::move(*answers));
  start_lookups();
  pump();
}

bool ShardPump::refuse_if_disk_is_low() {
  if (!parts_.guard->low())
    return false;
  refuse_all(
      fail(Errc::disk_full,
           format("less than {} bytes of disk space are left (disk_reserve_bytes); stores go on when space returns",
                  parts_.guard->reserve_bytes())));
  shard_.log->recheck_space(); // wakes the shard; by then space may have returned
  return true;
}

bool ShardPump::memory_is_short() {
  if (!parts_.unsealed->exhausted())
    return false;
  parts_.relieve(); // a flush follows, and it wakes every shard
  if (parts_.guard->flush_blocked())
    refuse_all(fail(Errc::disk_full, "memory is used up, and there is no disk space to flush it to; stores go on when "
                                     "space returns"));
  return true;
}

bool ShardPump::form() {
  Formed formed;
  formed.calls = state_.form_group(limits::group_commands_max, limits::group_bytes_max, group_ + 1);
  if (formed.calls.empty())
    return false;
  ++group_;
  for (const ShardState::Numbered& call : formed.calls) {
    if (call.command->verdict)
      continue;
    formed.positions += call.command->positions();
    formed.bytes += call.command->bytes();
  }
  formed_ = std::move(formed);
  return true;
}

bool ShardPump::submit() {
  if (!sabotaged(Sabotage::publish_floor_after_draw))
    parts_.watermark->publish(shard_.id, group_); // before the draw: the event queue waits for what it gives
  const auto first_position = parts_.positions->draw(formed_->positions);
  if (sabotaged(Sabotage::publish_floor_after_draw))
    parts_.watermark->publish(shard_.id, group_);
  if (parts_.positions->runs_low() || !first_position)
    parts_.reserve_positions();
  if (!first_position) {
    parts_.watermark->abandon(shard_.id, group_);
    return false;
  }
  if (formed_->positions != 0) // what stores nothing is recorded nowhere
    shard_.recorded_at_max = std::max(shard_.recorded_at_max, parts_.clock->now());
  Submission submission;
  submission.group = group_;
  submission.epoch = epoch_;
  submission.records = std::make_shared<wal::Group>(formed_->bytes);
  submission.strongest = Durability::buffered;
  submission.answers.reserve(formed_->calls.size());
  Position position = *first_position;
  const std::size_t count = formed_->calls.size();
  for (std::size_t i = 0; i < count; ++i) {
    ShardState::Numbered& call = formed_->calls[i];
    if (i + 2 < count) // written by another processor
      prefetch(formed_->calls[i + 2].command->encoded);
    const StoreCommand& command = *call.command;
    submission.strongest = std::max(submission.strongest, command.durability);
    if (command.verdict) {
      submission.answers.push_back({std::move(call.command), {}});
      continue;
    }
    if (!command.more.empty()) {
      add_several(command, *submission.records, position);
    } else {
      const CallNumbers numbers{call.first_sequence, position, shard_.recorded_at_max};
      number_call(command.encoded, numbers,
                  submission.records->add_uninitialized(numbered_call_bytes(command.encoded.size(), numbers)));
    }
    const Sequence sequence =
        command.removal ? std::clamp<Sequence>(command.removal->before, 1, call.first_sequence) : call.first_sequence;
    const Receipt receipt{sequence, position, command.all_events(), command.durability, false};
    position += command.positions();
    submission.answers.push_back({std::move(call.command), receipt});
  }
  formed_.reset();
  shard_.log->submit(std::move(submission));
  return true;
}

/// One record for all contexts, which is there as a whole or not at all.
void ShardPump::add_several(const StoreCommand& command, wal::Group& records, Position position) const {
  std::vector<NumberedCall> calls;
  std::size_t part = 0;
  command.for_each_part([&](const std::string&, std::string_view encoded, std::uint32_t events, auto&&) {
    Receipt& receipt = (*command.receipts)[part++];
    if (events == 0)
      return;
    receipt.position = position;
    calls.push_back({encoded, {receipt.sequence, position, shard_.recorded_at_max}});
    position += events;
  });
  if (sabotaged(Sabotage::leave_out_last_context) && calls.size() > 1)
    calls.pop_back();
  write_record(calls, records.add_uninitialized(record_bytes(calls)));
}

void ShardPump::refuse_if_positions_are_blocked() {
  if (!parts_.positions_blocked())
    return;
  // The group took sequences that others must be given, and only once no group is under way do memory and segments say
  // which those are. Calls still in the inbox have their turn at the next attempt to reserve.
  if (shard_.log->in_flight() != 0) {
    shard_.log->want_progress();
    if (shard_.log->in_flight() != 0)
      return;
  }
  refuse_all(fail(Errc::disk_full, "there is no disk space to reserve positions; stores go on when space returns"));
  state_.applied(group_);
  state_.rollback([this](std::string_view id) { return in_memory(id); });
}

void ShardPump::renumber(std::uint64_t epoch) {
  epoch_ = epoch;
  // What was numbered but not handed over yet starts over, before everything that came later.
  std::vector<StorePtr> again;
  if (formed_)
    for (ShardState::Numbered& call : formed_->calls) {
      call.command->verdict.reset(); // it may rest on what was lost
      again.push_back(std::move(call.command));
    }
  formed_.reset();
  for (StorePtr& command : state_.take_all())
    again.push_back(std::move(command));
  state_.applied(group_);
  const auto lookup = [this](std::string_view id) { return in_memory(id); };
  state_.rollback(lookup);
  state_.accept(std::move(again), lookup);
  start_lookups();
  pump();
}

void ShardPump::stop(const Error& why) {
  stopped_ = why;
  pump();
}

void ShardPump::refuse_all(const Error& why) {
  if (formed_)
    for (ShardState::Numbered& call : formed_->calls)
      call.command->done(why);
  formed_.reset();
  for (const StorePtr& command : state_.take_all())
    command->done(why);
}

void ShardPump::refuse_everything() {
  refuse_all(*stopped_);
  for (bool more = true; more;) {
    taken_.clear();
    more = shard_.inbox->drain(taken_, limits::group_commands_max);
    for (const StorePtr& command : taken_)
      command->done(*stopped_);
  }
  taken_.clear();
}

bool ShardPump::idle() const {
  return !formed_ && state_.ready() == 0 && state_.held_back() == 0 && shard_.log->in_flight() == 0 &&
         shard_.inbox->stats().commands == 0;
}

} // namespace weir
