#include "trust/support/disk/workloads.hpp"

#include <algorithm>
#include <array>
#include <chrono>
#include <string>

namespace weir::trust {

namespace {

using namespace std::chrono_literals;

// Bytes of a payload that has the field `more`, and of one that has not.
constexpr std::size_t with_more = 200, without = 0;

Schema first_version() {
  return {.event_type = Ledger::event_type,
          .fields = {{"from", FieldKind::string}, {"call", FieldKind::int64}, {"event", FieldKind::int64}}};
}

Schema second_version() {
  Schema schema = first_version();
  schema.fields.emplace_back("more", FieldKind::string, true);
  return schema;
}

void before_any_schema(Life& life) {
  life.open();
  life.store_once(life.context(0, 0), 2, without);
  life.store_once(life.context(0, 1), 1, with_more);
  life.settle();
}

/// Stores on their way while a version comes into force, in memory and in segments; the first version takes no `more`.
void schemas(Life& life) {
  life.define(first_version());
  life.store_once(life.context(0, 0), 1, without);
  life.steps(2);
  life.store_once(life.context(0, 1), 1, without);
  life.settle();
  life.store_once(life.context(0, 0), 1, with_more); // refused
  life.store_once(life.context(0, 0), 2, without);
  life.settle();
  life.flush();
  life.define(second_version());
  life.store_once(life.context(0, 1), 1, without);
  life.steps(3);
  life.settle();
  life.store_once(life.context(0, 1), 1, with_more);
  life.settle();
  life.define(first_version()); // known
  life.settle();
  life.store_once(life.context(0, 2), 2, with_more);
  life.flush_now();
}

bool all_defined(Life& life) {
  const Ledger& ledger = life.ledger();
  const auto refused = std::count_if(ledger.calls().begin(), ledger.calls().end(), [](const StoredCall& call) {
    return call.answer && call.answer->code() == Errc::schema_violation;
  });
  const auto stored = std::count_if(ledger.calls().begin(), ledger.calls().end(),
                                    [](const StoredCall& call) { return call.acknowledged(); });
  const auto& answered = ledger.books().schemas;
  return refused == 1 && stored + 1 == static_cast<std::ptrdiff_t>(ledger.calls().size()) && answered.size() == 3 &&
         answered[0].version == 1 && answered[1].version == 2 && answered[2].version == 1;
}

/// Some contexts that rules speak of, and one that they do not; all have ids, so merges leave stubs.
void contexts_of_some_length(Life& life) {
  life.open();
  for (unsigned i = 0; i < 3; ++i)
    life.store_once(life.context(0, i), 2 + i);
  life.store_once("kept");
  life.settle();
  life.flush_now();
}

/// Runs by a count, then by an age as well, with stores beside them and flushes and a merge behind.
void retention(Life& life) {
  life.set_rules({{.context_prefix = "a", .event_type = {}, .age = {}, .count = 2}});
  life.store_once(life.context(0, 0), 2);
  life.retain();
  life.flush_now();
  life.pass(10s);
  life.store_once(life.context(0, 1), 2);
  life.settle();
  life.set_rules({{.context_prefix = "a", .event_type = {}, .age = 5s, .count = {}}});
  life.store_once(life.context(0, 2));
  life.retain();
  life.flush_now();
  life.merge_now();
}

bool retained(Life& life) {
  const Ledger& ledger = life.ledger();
  const auto ok = [](const auto& asked) { return asked.answer && asked.answer->ok(); };
  return std::all_of(ledger.calls().begin(), ledger.calls().end(), ok) &&
         std::all_of(ledger.removals().begin(), ledger.removals().end(), ok) &&
         std::all_of(ledger.records().begin(), ledger.records().end(), ok) && ledger.removals().size() >= 5 &&
         ledger.records().size() == 6 && life.engine()->merged;
}

constexpr std::array workloads_of_the_catalog{
    Workload{.name = "schemas",
             .prepare = before_any_schema,
             .run = schemas,
             .reached = all_defined,
             .by_chance = true,
             .crash_in_recovery = false,
             .thin = 2},
    Workload{.name = "retention",
             .prepare = contexts_of_some_length,
             .run = retention,
             .reached = retained,
             .by_chance = true,
             .crash_in_recovery = false,
             .thin = 4},
};

} // namespace

std::span<const Workload> catalog_workloads() {
  return workloads_of_the_catalog;
}

} // namespace weir::trust
