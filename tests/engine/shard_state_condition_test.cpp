#include "engine/event_codec.hpp"
#include "engine/shard_state.hpp"

#include <doctest/doctest.h>

#include <optional>
#include <string>
#include <utility>
#include <vector>

namespace weir {

namespace {

const ShardState::MemoryLookup all_new = [](std::string_view) { return Sequence{0}; };

StorePtr call(const std::string& context, const std::string& type, std::optional<FailIf> fail_if = std::nullopt,
              std::uint64_t sender = 0) {
  auto command = std::make_unique<StoreCommand>();
  command->context_id = context;
  encode_call(context, std::vector<Event>{{.event_type = type, .payload = "{}"}}, command->encoded);
  command->events = 1;
  command->sender = sender;
  if (fail_if) {
    command->looked_to = fail_if->after;
    command->fail_if = std::make_unique<FailIf>(*std::move(fail_if));
  }
  return command;
}

FailIf booked(Position after = 0) {
  return {.group = "1", .types = {"booked"}, .after = after};
}

template <class... Calls> void accept(ShardState& state, Calls... calls) {
  std::vector<StorePtr> commands;
  (commands.push_back(std::move(calls)), ...);
  state.accept(std::move(commands), all_new);
}

/// "a1 " for a number given, "a! " for a refusal.
std::string formed(ShardState& state, std::uint64_t group) {
  std::string text;
  for (const auto& each : state.form_group(1'000, 1u << 20, group))
    text += each.command->context_id.substr(0, 1) +
            (each.command->verdict ? "! " : std::to_string(each.first_sequence) + " ");
  return text;
}

} // namespace

TEST_CASE(
    "shard state: a condition sees the calls before it in its own group, and only those of its group of contexts") {
  ShardState state({.cache_entries_max = 8});
  accept(state, call("a-{1}", "opened"), call("b-{2}", "booked"), call("c-{1}", "booked", booked()),
         call("d-{1}", "booked", booked()), call("e-{1}", "opened", FailIf{.group = "1", .types = {"closed"}}));
  auto group = state.form_group(1'000, 1u << 20, 1);
  REQUIRE(group.size() == 5);
  CHECK_FALSE(group[2].command->verdict);
  REQUIRE(group[3].command->verdict);
  REQUIRE(group[3].command->verdict->code() == Errc::condition_failed);
  const auto& conflicts = group[3].command->verdict->error().conflicts;
  REQUIRE(conflicts.size() == 1);
  CHECK(conflicts[0] == Conflict{"c-{1}", "", 1, std::nullopt, true});
  CHECK_FALSE(group[4].command->verdict);
}

TEST_CASE("shard state: a condition waits for the groups in flight, with what is behind it") {
  std::optional<Match> applied;
  ShardState state({.cache_entries_max = 8,
                    .memory_tells = [](const StoreCommand&) { return true; },
                    .match_in_memory =
                        [&](const StoreCommand&) {
                          return MemoryVerdict{true, applied};
                        }});
  accept(state, call("a-{1}", "booked"));
  CHECK(formed(state, 1) == "a1 ");
  accept(state, call("b-{1}", "opened"), call("c-{1}", "booked", booked()), call("d-{1}", "opened"));
  CHECK(formed(state, 2) == "b1 ");
  CHECK(state.waits_for_groups());
  CHECK(formed(state, 3).empty());
  state.applied(1);
  CHECK(formed(state, 3).empty());
  applied = Match{"a-{1}", "", 1};
  state.applied(2);
  CHECK(formed(state, 3) == "c! d1 ");
  CHECK_FALSE(state.waits_for_groups());
}

TEST_CASE("shard state: a condition that memory cannot judge is looked up, again if a flush came between") {
  bool in_memory = false;
  ShardState state({.cache_entries_max = 8,
                    .memory_tells = [&](const StoreCommand& command) { return in_memory && command.looked_to >= 50; },
                    .match_in_memory =
                        [&](const StoreCommand&) {
                          return MemoryVerdict{in_memory, std::nullopt};
                        }});
  accept(state, call("a-{1}", "booked", booked(10), 1), call("b", "x", std::nullopt, 1),
         call("c", "x", std::nullopt, 2));
  CHECK(state.held_back() == 2);
  CHECK(formed(state, 1) == "c1 ");
  auto asked = state.take_lookups();
  REQUIRE(asked.ids.size() == 1);
  CHECK(asked.ids[0].fail_if->group == "1");
  CHECK(asked.ids[0].looked_to == 10);
  ShardState::Answers answers{asked.round, {}, {}};
  answers.last_sequences.emplace_back("b", Sequence{0}); // asked for meanwhile
  answers.ids.push_back({asked.ids[0].number, std::nullopt, {}, 50});
  in_memory = true;
  state.resolved(std::move(answers));
  CHECK(state.ready() == 2);
  in_memory = false; // flushed
  state.applied(1);
  CHECK(formed(state, 2).empty());
  CHECK_FALSE(state.waits_for_groups());
  CHECK(state.held_back() == 2);
  asked = state.take_lookups();
  REQUIRE(asked.ids.size() == 1);
  CHECK(asked.ids[0].looked_to == 50);
  answers = {asked.round, {}, {}};
  answers.ids.push_back({asked.ids[0].number, Result<Receipt>(condition_failed({"z", "", 3})), {}, 60});
  state.resolved(std::move(answers));
  CHECK(formed(state, 2) == "a! b1 ");
}

TEST_CASE("shard state: what memory could tell when a condition came it may not tell any more when its turn comes") {
  bool flushed = false;
  ShardState state({.cache_entries_max = 8,
                    .memory_tells = [&](const StoreCommand&) { return !flushed; },
                    .match_in_memory =
                        [&](const StoreCommand&) {
                          flushed = true; // right then
                          return MemoryVerdict{false, std::nullopt};
                        }});
  accept(state, call("a-{1}", "booked", booked(10)));
  CHECK(state.ready() == 1);
  CHECK(formed(state, 1).empty());
  const auto asked = state.take_lookups();
  REQUIRE(asked.ids.size() == 1);
  CHECK(asked.ids[0].looked_to == 10);
}

TEST_CASE("shard state: what came since a condition was looked up is seen when its turn comes") {
  std::optional<Match> since;
  ShardState state({.cache_entries_max = 8,
                    .memory_tells = [](const StoreCommand& command) { return command.looked_to >= 50; },
                    .match_in_memory =
                        [&](const StoreCommand&) {
                          return MemoryVerdict{true, since};
                        }});
  accept(state, call("a-{1}", "booked", booked(10)));
  const auto asked = state.take_lookups();
  REQUIRE(asked.ids.size() == 1);
  since = Match{"b-{1}", "", 1};
  ShardState::Answers answers{asked.round, {}, {}};
  answers.ids.push_back({asked.ids[0].number, std::nullopt, {}, 50}); // up to there nothing is in the way
  state.resolved(std::move(answers));
  CHECK(formed(state, 1) == "a! ");
}

TEST_CASE("shard state: of expectations and a condition that fail in one call all is told, expectations first") {
  const auto both = [] {
    StorePtr command = call("b-{1}", "booked", booked());
    command->expect = Expectation::exists();
    for (const char* const context : {"c-{1}", "d-{1}"})
      command->more.push_back({context, {}, 0, Expectation::exactly(context[0] == 'c' ? 0 : 4)});
    command->receipts = std::make_shared<std::vector<Receipt>>();
    return command;
  };
  const std::vector<Conflict> expectations{{"b-{1}", "", 0, std::nullopt}, {"d-{1}", "", 0, std::nullopt}};
  const auto told = [&](ShardState& state, std::uint64_t group, Conflict in_the_way) {
    const auto formed = state.form_group(1'000, 1u << 20, group);
    REQUIRE(!formed.empty());
    REQUIRE(formed.back().command->verdict);
    REQUIRE(formed.back().command->verdict->code() == Errc::sequence_conflict);
    const Error& error = formed.back().command->verdict->error();
    std::vector<Conflict> wanted = expectations;
    in_the_way.in_the_way = true;
    wanted.push_back(in_the_way);
    CHECK(error.conflicts == wanted);
    CHECK(error.message.find("2 of 3 contexts are not as expected") != std::string::npos);
    CHECK(error.message.find("of context " + in_the_way.context_id) != std::string::npos);
  };
  SUBCASE("in its own group") {
    ShardState state({.cache_entries_max = 8});
    accept(state, call("a-{1}", "booked"), both());
    told(state, 1, {"a-{1}", "", 1, std::nullopt});
  }
  SUBCASE("in memory") {
    ShardState state({.cache_entries_max = 8,
                      .memory_tells = [](const StoreCommand&) { return true; },
                      .match_in_memory =
                          [](const StoreCommand&) {
                            return MemoryVerdict{true, Match{"z", "id", 3, 70}};
                          }});
    accept(state, both());
    told(state, 1, {"z", "id", 3, Receipt{3, 70, 1, Durability::buffered, false}});
  }
  SUBCASE("in segments") {
    ShardState state({.cache_entries_max = 8, .memory_tells = [](const StoreCommand&) { return false; }});
    accept(state, both());
    const auto asked = state.take_lookups();
    REQUIRE(asked.ids.size() == 1);
    ShardState::Answers answers{asked.round, {}, {}};
    answers.ids.push_back({asked.ids[0].number, Result<Receipt>(condition_failed({"z", "", 3, 70})), {}, 80});
    state.resolved(std::move(answers));
    told(state, 1, {"z", "", 3, Receipt{3, 70, 1, Durability::buffered, false}});
  }
}

TEST_CASE("shard state: of an expectation and a condition of one call that one is told which fails") {
  ShardState state({.cache_entries_max = 8});
  StorePtr condition = call("b-{1}", "booked", booked());
  condition->expect = Expectation::no_context();
  StorePtr expectation = call("b-{1}", "booked", FailIf{.group = "1", .types = {"closed"}});
  expectation->expect = Expectation::exists();
  accept(state, call("a-{1}", "booked"), std::move(condition), std::move(expectation));
  const auto group = state.form_group(1'000, 1u << 20, 1);
  REQUIRE(group.size() == 3);
  REQUIRE(group[1].command->verdict);
  CHECK(group[1].command->verdict->code() == Errc::condition_failed);
  CHECK(group[1].command->verdict->error().conflicts == std::vector<Conflict>{{"a-{1}", "", 1, std::nullopt, true}});
  REQUIRE(group[2].command->verdict);
  CHECK(group[2].command->verdict->code() == Errc::sequence_conflict);
  CHECK(group[2].command->verdict->error().conflicts == std::vector<Conflict>{{"b-{1}", "", 0, std::nullopt}});
}

} // namespace weir
