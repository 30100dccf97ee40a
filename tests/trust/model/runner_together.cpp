#include "trust/model/runner.hpp"

#include "engine/text.hpp"

#include <algorithm>
#include <optional>
#include <string_view>

namespace weir::trust {

using test::pick;

namespace {

constexpr std::string_view tagged = R"({"tags":["odd"]})";

Event sent(const test::StoredEvent& event) {
  Event out{
      .event_type = event.event_type, .payload = event.payload, .event_id = event.event_id, .metadata = event.metadata};
  if (event.timestamp != Reference::no_timestamp)
    out.timestamp = event.timestamp;
  return out;
}

} // namespace

Reference::Events Runner::part_for(const std::string& context, bool ids) {
  Reference::Events events = random_call(1 + pick(random_, 3));
  for (test::KnownEvent& known : events) {
    known.event.context_id = context;
    known.event.event_id.clear();
    known.fields.erase("metadata.user");
    known.fields.erase("metadata");
    known.event.metadata.clear();
    if (pick(random_, 2) == 0) {
      known.event.metadata = tagged;
      known.fields["metadata"] = JsonText{known.event.metadata};
    }
  }
  if (ids)
    events.front().event.event_id = "new-" + std::to_string(++ids_);
  return events;
}

/// The first event that fails the condition: its place, or none.
std::optional<Conflict> Runner::in_the_way(const FailIf& condition) const {
  const test::StoredEvent* first = nullptr;
  for (const auto& [context, events] : reference_->contexts()) {
    if (!context.starts_with("{" + condition.group + "}"))
      continue;
    for (const test::KnownEvent& known : events) {
      const test::StoredEvent& event = known.event;
      const bool typed = condition.types.empty() || std::find(condition.types.begin(), condition.types.end(),
                                                              event.event_type) != condition.types.end();
      if (typed && (condition.tags.empty() || event.metadata == tagged) && event.position > condition.after &&
          (first == nullptr || event.position < first->position))
        first = &event;
    }
  }
  if (first == nullptr)
    return std::nullopt;
  return Conflict{first->context_id, first->event_id, first->sequence, std::nullopt, true};
}

FailIf Runner::random_condition(const std::string& group) {
  FailIf condition{.group = group};
  for (std::size_t types = pick(random_, 3); types != 0; --types)
    condition.types.push_back("type-" + std::to_string(pick(random_, 5)));
  if (pick(random_, 3) == 0)
    condition.tags.emplace_back("odd");
  // Mostly of late, so that it often holds.
  const std::size_t back = pick(random_, 4) == 0 ? reference_->position_max() : pick(random_, 40);
  condition.after = reference_->position_max() - std::min<Position>(back, reference_->position_max());
  return condition;
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
    if (!each.expect.holds(length))
      failing.push_back({context, {}, length, std::nullopt});
    if (each.expect == Expectation::any() || pick(random_, 6) != 0)
      parts[i] = part_for(context, ids);
    for (const test::KnownEvent& known : parts[i])
      each.events.push_back(sent(known.event));
  }
  StoreOptions options{.durability = random_durability()};
  if (pick(random_, 3) == 0)
    options.fail_if = random_condition(group);
  note(format("store: {} contexts of {}, {} expectations fail{}", call.size(), group, failing.size(),
              options.fail_if ? ", with a condition" : ""));
  const ShardId shard = engine_->shard_of(call.front().context_id);
  const auto receipts = engine_->store(call, options);
  const auto match = options.fail_if ? in_the_way(*options.fail_if) : std::nullopt;
  if (!failing.empty() || match) {
    std::vector<Conflict> wanted = failing;
    if (match)
      wanted.push_back(*match);
    expect(receipts.code() == (failing.empty() ? Errc::condition_failed : Errc::sequence_conflict),
           "together: stored, though something was in the way: " + (receipts ? group : to_string(receipts.error())));
    std::vector<Conflict> told = receipts.error().conflicts;
    for (Conflict& conflict : told) {
      const Position position =
          conflict.receipt ? reference_->contexts().at(conflict.context_id).at(conflict.current - 1).event.position : 0;
      expect((conflict.current == 0) == !conflict.receipt &&
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
