#include "trust/model/runner.hpp"

#include "engine/text.hpp"

#include <optional>

namespace weir::trust {

using test::pick;

Reference::Events Runner::part_for(const std::string& context, bool ids) {
  Reference::Events events = random_call(1 + pick(random_, 3));
  for (test::KnownEvent& known : events) {
    known.event.context_id = context;
    known.event.event_id.clear();
    known.fields.erase("metadata.user");
    known.fields.erase("metadata");
    known.event.metadata.clear();
    if (pick(random_, 2) == 0) {
      known.event.metadata = random_metadata_with_tags();
      known.fields["metadata"] = JsonText{known.event.metadata};
    }
  }
  if (ids)
    events.front().event.event_id = "new-" + std::to_string(++ids_);
  return events;
}

/// A call for several contexts, with nothing else under way: so it is known what it must answer.
void Runner::together() {
  settle();
  ++tally_.together;
  const std::string group = "both-" + std::to_string(pick(random_, 2));
  const bool ids = pick(random_, 2) == 0;
  std::vector<Reference::Events> parts(1 + pick(random_, 3));
  std::vector<ContextEvents> call;
  std::vector<Conflict> failing;
  for (std::size_t i = 0; i < parts.size(); ++i) {
    const std::string context = format("{{{}}} {}", group, i);
    const Sequence length = reference_->length(context);
    ContextEvents& each = call.emplace_back(ContextEvents{.context_id = context});
    if (pick(random_, 2) == 0)
      each.expect = Expectation::exactly(length + pick(random_, 8) / 7);
    if (!each.expect.holds(length, reference_->first_live(context)))
      failing.push_back({context, {}, length, std::nullopt});
    if (each.expect == Expectation::any() || pick(random_, 6) != 0)
      parts[i] = part_for(context, ids);
    for (const test::KnownEvent& known : parts[i])
      each.events.push_back(as_given(known.event));
  }
  StoreOptions options{.durability = random_durability()};
  if (pick(random_, 3) == 0)
    options.fail_if = random_condition(group);
  note(format("store: {} contexts of {}, {} expectations fail{}", call.size(), group, failing.size(),
              options.fail_if ? ", with a condition" : ""));
  const ShardId shard = engine_->shard_of(call.front().context_id);
  const auto receipts = engine_->store(call, options);
  const auto match = options.fail_if ? reference_->in_the_way(*options.fail_if) : std::nullopt;
  if (!failing.empty() || match) {
    std::vector<Conflict> wanted = failing;
    if (match)
      wanted.push_back({match->context_id, match->event_id, match->sequence, std::nullopt, true});
    expect(receipts.code() == (failing.empty() ? Errc::condition_failed : Errc::sequence_conflict),
           "together: stored, though something was in the way: " + (receipts ? group : to_string(receipts.error())));
    std::vector<Conflict> told = receipts.error().conflicts;
    for (Conflict& conflict : told) {
      const Position position =
          conflict.receipt ? reference_->contexts().at(conflict.context_id).at(conflict.current - 1).event.position : 0;
      const bool unknown = conflict.current < reference_->first_live(conflict.context_id); // whether it is in a segment
      expect((unknown || !conflict.receipt == (conflict.current == 0)) &&
                 (!conflict.receipt || conflict.receipt->position == position),
             "together: the receipt of another event for " + conflict.context_id);
      conflict.receipt.reset();
    }
    expect(told == wanted, "together: not all that is in the way is told, or something else");
    return;
  }
  expect(receipts.ok(), "together: " + (receipts ? "" : to_string(receipts.error())));
  expect(receipts->size() == parts.size(), "together: not a receipt for each context");
  Position next = 0;
  for (std::size_t i = 0; i < parts.size(); ++i) {
    const Receipt& receipt = (*receipts)[i];
    if (parts[i].empty()) {
      expect(receipt.events == 0 && receipt.last_sequence() == reference_->length(call[i].context_id),
             "together: a check answers another sequence");
      continue;
    }
    expect(next == 0 || receipt.position == next, "together: positions do not follow one another");
    tally_.events += parts[i].size();
    ++tally_.calls;
    reference_->stored(shard, std::move(parts[i]), receipt, receipt.durability, clock_->now(), next != 0);
    next = receipt.last_position() + 1;
  }
}

} // namespace weir::trust
