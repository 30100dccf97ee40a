#include "trust/support/disk/workloads.hpp"

#include <algorithm>
#include <array>
#include <string>

namespace weir::trust {

namespace {

std::string in_group(unsigned number) {
  return "c" + std::to_string(number) + "-{group}";
}

/// A condition on everything in the group after what is acknowledged so far.
FailIf nothing_new(Life& life) {
  FailIf condition{.group = "group", .types = {Ledger::event_type}};
  for (const StoredCall& call : life.ledger().calls())
    if (call.acknowledged())
      condition.after = std::max(condition.after, (*call.answer)->position + call.payloads.size() - 1);
  return condition;
}

void two_contexts(Life& life) {
  life.open();
  life.store_if(in_group(0), {.expect = Expectation::no_context()}, 2);
  life.store_if(in_group(1), {});
  life.settle();
}

/// Calls that are stored and calls that are refused, on their way together, from memory and from a segment.
void conditions(Life& life) {
  const std::string one = in_group(0), other = in_group(1), fresh = in_group(2);
  life.store_if(one, {.expect = Expectation::exactly(2)}, 1, Durability::written);
  life.store_if(one, {.expect = Expectation::exactly(2)});     // refused, and what it rests on is synced for that
  life.store_if(other, {.expect = Expectation::no_context()}); // refused
  life.store_if(fresh, {.expect = Expectation::no_context()});
  life.settle();
  const FailIf before = nothing_new(life);
  life.store_if(other, {.fail_if = before});
  life.steps(3);
  life.store_if(fresh, {.expect = Expectation::exactly(1), .fail_if = before}); // refused
  life.settle();
  life.flush();
  life.store_together(one, other, 2, 60, Durability::synced, {Expectation::exactly(3), nothing_new(life)},
                      Expectation::exactly(2));
  life.store_together(fresh, one, 1, 60, Durability::synced, {Expectation::exactly(1), {}},
                      Expectation::exactly(3)); // refused, all of it
  life.steps(4);
  for (unsigned i = 3; i < 8; ++i)
    life.store_if(in_group(i), {.expect = Expectation::no_context()}); // the cache forgets the others
  life.settle();
  life.store_if(one, {.expect = Expectation::no_context()});                    // refused
  life.store_if(fresh, {.expect = Expectation::exactly(1), .fail_if = before}); // refused
  life.store_if(fresh, {.expect = Expectation::exactly(1), .fail_if = nothing_new(life)});
  life.settle();
}

bool heeded(Life& life) {
  std::size_t expected = 0, forbidden = 0, stored = 0;
  for (const StoredCall& call : life.ledger().calls()) {
    expected += call.answer && call.answer->code() == Errc::sequence_conflict ? 1 : 0;
    forbidden += call.answer && call.answer->code() == Errc::condition_failed ? 1 : 0;
    stored += call.acknowledged() ? 1 : 0;
  }
  return expected == 5 && forbidden == 2 && stored == life.ledger().calls().size() - 7 &&
         life.engine()->shard(0).table->view().segments->size() == 1;
}

constexpr std::array workloads_of_conditions{
    Workload{.name = "conditions",
             .prepare = two_contexts,
             .run = conditions,
             .reached = heeded,
             .by_chance = true,
             .crash_in_recovery = false,
             .thin = 2},
};

} // namespace

std::span<const Workload> condition_workloads() {
  return workloads_of_conditions;
}

} // namespace weir::trust
