#include "engine/event_codec.hpp"
#include "engine/shard_state.hpp"
#include "tests/support/calls.hpp"

#include <doctest/doctest.h>

#include <optional>
#include <string>
#include <utility>
#include <vector>

namespace weir {

namespace {

using test::command;
using test::removal;

const ShardState::MemoryLookup all_new = [](std::string_view) { return ContextHead{}; };

StorePtr expecting(const char* context, const Expectation& expect) {
  StorePtr made = command(context);
  made->expect = expect;
  return made;
}

template <class... Commands> std::vector<ShardState::Numbered>
form(ShardState& state, std::uint64_t group, const ShardState::MemoryLookup& lookup, Commands... commands) {
  std::vector<StorePtr> all;
  (all.push_back(std::move(commands)), ...);
  state.accept(std::move(all), lookup);
  return state.form_group(1'000, 1u << 20, group);
}

/// What the call is answered before anything is stored, "" if it takes place.
std::string verdict(const ShardState::Numbered& call) {
  if (!call.command->verdict)
    return "";
  const Result<Receipt>& answer = *call.command->verdict;
  return answer.ok() ? (answer->duplicate ? "already" : "check") : std::string(to_string(answer.code()));
}

CallHeader removed(const ShardState::Numbered& call) {
  const auto reader = CallReader::open_unnumbered(call.command->encoded);
  REQUIRE(reader.ok());
  return reader->header();
}

} // namespace

TEST_CASE("shard state: a removal takes no sequence, goes to the context's end at most, and is ordered with stores") {
  ShardState state({.cache_entries_max = 8});
  const auto group = form(state, 1, all_new, command("a", 1, 3), removal("a", 3), command("a", 2, 1),
                          removal("a", sequence_max), command("a", 3, 1));
  REQUIRE(group.size() == 5);
  CHECK(group[0].first_sequence == 1);
  CHECK(group[1].first_sequence == 4);
  CHECK(removed(group[1]).first_live == 3);
  CHECK_FALSE(removed(group[1]).closes);
  CHECK(group[2].first_sequence == 4);
  CHECK(removed(group[3]).first_live == 5);
  CHECK(group[4].first_sequence == 5);
  for (const auto& each : group)
    CHECK(verdict(each) == "");
  CHECK(group[1].command->positions() == 1);
  CHECK(group[0].command->positions() == 3);
}

TEST_CASE("shard state: a removal that changes nothing is answered and not logged") {
  ShardState state({.cache_entries_max = 8});
  const auto group = form(state, 1, all_new, removal("new", sequence_max), command("a", 1, 5), removal("a", 1),
                          removal("a", 3), removal("a", 3), removal("a", 2), removal("a", 4));
  REQUIRE(group.size() == 7);
  CHECK(verdict(group[0]) == "already");
  CHECK(verdict(group[2]) == "already");
  CHECK(verdict(group[3]) == "");
  CHECK(verdict(group[4]) == "already");
  CHECK(verdict(group[5]) == "already");
  CHECK(verdict(group[6]) == "");
}

TEST_CASE("shard state: a context without live events is one that has none, and its sequences go on") {
  ShardState state({.cache_entries_max = 8});
  const auto group =
      form(state, 1, all_new, command("a", 1, 3), removal("a", sequence_max), expecting("a", Expectation::exists()),
           expecting("a", Expectation::exactly(2)), expecting("a", Expectation::no_context()),
           expecting("a", Expectation::no_context()), expecting("a", Expectation::exists()));
  REQUIRE(group.size() == 7);
  CHECK(verdict(group[2]) == "sequence_conflict");
  CHECK(group[2].command->verdict->error().conflicts.front().current == 3);
  CHECK(verdict(group[3]) == "sequence_conflict");
  CHECK(verdict(group[4]) == "");
  CHECK(group[4].first_sequence == 4);
  CHECK(verdict(group[5]) == "sequence_conflict");
  CHECK(verdict(group[6]) == "");
  for (const Expectation& expect : {Expectation::exactly(0), Expectation::exactly(7), Expectation::no_context()})
    CHECK(expect.holds(7, 8));
  CHECK_FALSE(Expectation::exactly(0).holds(7, 7));
  CHECK_FALSE(Expectation::exists().holds(7, 8));
}

TEST_CASE("shard state: a context that is deleted for good takes no store, whatever it expects or was found to be") {
  const ShardState::MemoryLookup lookup = [](std::string_view context) -> std::optional<ContextHead> {
    if (context == "old")
      return ContextHead(4, ContextMark{5, 4, true, 1, {}});
    return context == "cold" ? std::nullopt : std::optional(ContextHead{});
  };
  ShardState state({.cache_entries_max = 8});
  StorePtr retry = command("old");
  retry->verdict = std::make_unique<Result<Receipt>>(Receipt{1, 1, 1, Durability::synced, true});
  const auto group = form(state, 1, lookup, command("old"), expecting("old", Expectation::no_context()),
                          std::move(retry), removal("old", 2), removal("old", sequence_max, true), command("a", 1, 2),
                          removal("a", sequence_max, true), command("a"), command("cold"));
  REQUIRE(group.size() == 8);
  for (const std::size_t i : {0u, 1u, 2u, 7u})
    CHECK(verdict(group[i]) == "context_deleted");
  CHECK(verdict(group[3]) == "already");
  CHECK(verdict(group[4]) == "already");
  CHECK(verdict(group[6]) == "");
  CHECK(removed(group[6]).closes);

  const auto asked = state.take_lookups();
  REQUIRE(asked.contexts == std::vector<std::string>{"cold"});
  ShardState::Answers answers{asked.round, {}};
  answers.last_sequences.emplace_back("cold", ContextHead(9, ContextMark{10, 9, true, 1, {}}));
  state.resolved(std::move(answers));
  const auto later = state.form_group(1'000, 1u << 20, 2);
  REQUIRE(later.size() == 1);
  CHECK(verdict(later[0]) == "context_deleted");
}

TEST_CASE("shard state: a removal whose group was lost is judged anew by what is left") {
  ShardState state({.cache_entries_max = 8});
  auto lost = form(state, 1, all_new, command("a", 1, 3), removal("a", sequence_max, true));
  REQUIRE(lost.size() == 2);
  state.applied(1);
  const ShardState::MemoryLookup two_stored = [](std::string_view) { return ContextHead(2); };
  state.rollback(two_stored);
  StorePtr again = std::move(lost[1].command);
  const auto group = form(state, 2, two_stored, command("a"), std::move(again), command("a"));
  REQUIRE(group.size() == 3);
  CHECK(group[0].first_sequence == 3);
  CHECK(removed(group[1]).first_live == 4);
  CHECK(verdict(group[2]) == "context_deleted");
}

} // namespace weir
