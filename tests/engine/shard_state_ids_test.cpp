#include "engine/condition.hpp"
#include "engine/shard_state.hpp"
#include "tests/support/calls.hpp"

#include <doctest/doctest.h>

#include <algorithm>
#include <deque>
#include <map>
#include <optional>
#include <random>
#include <set>
#include <string>
#include <utility>
#include <vector>

namespace weir {

namespace {

const ShardState::MemoryLookup all_new = [](std::string_view) { return Sequence{0}; };
constexpr std::uint64_t seed = 5;

StorePtr call(const std::string& context, const std::vector<std::string>& ids, std::uint64_t sender = 0,
              Expectation expect = {}) {
  std::vector<Event> events;
  for (const std::string& id : ids)
    events.push_back({.event_type = "t", .payload = "{}", .event_id = id});
  auto command = std::make_unique<StoreCommand>();
  command->context_id = context;
  encode_call(context, events, command->encoded);
  command->events = static_cast<std::uint32_t>(events.size());
  command->sender = sender;
  command->expect = expect;
  command->id_hashes = *hash_event_ids(context, events, seed);
  return command;
}

/// One call of these, each of one context.
StorePtr together(StorePtr first, StorePtr other) {
  first->id_hashes.insert(first->id_hashes.end(), other->id_hashes.begin(), other->id_hashes.end());
  first->more.push_back({other->context_id, other->encoded, other->events, other->expect});
  first->receipts = std::make_shared<std::vector<Receipt>>();
  return first;
}

StorePtr check(const std::string& context, Expectation expect) {
  auto command = std::make_unique<StoreCommand>();
  command->context_id = context;
  command->expect = expect;
  return command;
}

template <class... Calls> void accept(ShardState& state, Calls... calls) {
  std::vector<StorePtr> commands;
  (commands.push_back(std::move(calls)), ...);
  state.accept(std::move(commands), all_new);
}

/// "a1 " for a number given, "a! " for a refusal, "a=3 " for a receipt of what is stored.
std::string formed(ShardState& state, std::uint64_t group) {
  std::string text;
  for (const auto& call : state.form_group(1'000, 1u << 20, group)) {
    const auto& verdict = call.command->verdict;
    text += call.command->context_id;
    if (!verdict)
      text += std::to_string(call.first_sequence);
    else
      text += verdict->ok() ? "=" + std::to_string((*verdict)->sequence) : "!";
    text += " ";
  }
  return text;
}

/// Ids that are applied, by context, as a shard's table would know them.
struct Applied {
  std::set<std::pair<std::string, std::string>> ids;
  bool unsure = false; ///< A filter is not in memory.

  std::function<bool(const StoreCommand&)> check() {
    return [this](const StoreCommand& command) {
      if (unsure)
        return command.ids_checked_to != 0;
      return !knows(id_question(command, 0));
    };
  }
  [[nodiscard]] bool knows(const IdQuestion& question) const {
    for (const IdQuestion::Part& part : question.parts)
      for (const IdQuestion::Asked& asked : part.events)
        if (ids.contains({part.context_id, asked.event_id}))
          return true;
    return false;
  }
  [[nodiscard]] ShardState::Answers answer(const ShardState::Lookups& asked) const {
    ShardState::Answers answers{asked.round, {}, {}};
    for (const std::string& context : asked.contexts)
      answers.last_sequences.emplace_back(context, Sequence{10});
    for (const IdQuestion& question : asked.ids) {
      answers.ids.push_back({question.number, std::nullopt, {}, 50});
      if (knows(question))
        answers.ids.back().verdict = Receipt{7, 70, 1, Durability::buffered, true};
    }
    return answers;
  }
};

} // namespace

TEST_CASE("shard state: of calls that expect the same sequence the first wins, the others are told where it went") {
  ShardState state({.cache_entries_max = 8});
  accept(state, call("a", {""}, 1, Expectation::no_context()), call("a", {"", ""}, 2, Expectation::exactly(1)),
         call("a", {""}, 3, Expectation::exactly(1)), check("a", Expectation::exactly(3)),
         check("a", Expectation::exists()), check("b", Expectation::exists()),
         call("b", {""}, 4, Expectation::exactly(0)), call("a", {""}, 5, Expectation::no_context()),
         call("a", {""}, 6));
  auto group = state.form_group(1'000, 1u << 20, 1);
  REQUIRE(group.size() == 9);
  CHECK(group[0].first_sequence == 1);
  CHECK(group[1].first_sequence == 2);
  for (const std::size_t refused : {2u, 5u, 7u}) {
    REQUIRE(group[refused].command->verdict);
    const auto& verdict = *group[refused].command->verdict;
    REQUIRE(verdict.code() == Errc::sequence_conflict);
    REQUIRE(verdict.error().conflicts.size() == 1);
    CHECK(verdict.error().conflicts[0].current == (refused == 5 ? 0 : 3));
    CHECK(verdict.error().where == group[refused].command->context_id);
  }
  CHECK(group[2].command->verdict->error().message == "the context has come to sequence 3, expected was: exactly 1");
  CHECK(group[5].command->verdict->error().message == "the context has no event, expected was: exists");
  for (const std::size_t checked : {3u, 4u}) {
    const auto& verdict = *group[checked].command->verdict;
    REQUIRE(verdict.ok());
    CHECK(verdict->events == 0);
    CHECK(verdict->last_sequence() == 3);
    CHECK(verdict->last_position() == 0);
  }
  CHECK(group[6].first_sequence == 1);
  CHECK(group[8].first_sequence == 4); // refused calls take no numbers
}

TEST_CASE("shard state: an id on its way makes the next call with it wait, and who must not overtake that one") {
  Applied applied;
  ShardState state({.cache_entries_max = 8, .cache_hash_seed = seed, .rules_out_ids = applied.check()});
  accept(state, call("b", {""}, 1));
  accept(state, call("a", {"x"}, 1), call("a", {"x"}, 2), call("b", {"y"}, 2), call("b", {"z"}, 3),
         call("c", {"x"}, 4));
  CHECK(formed(state, 1) == "b1 a1 c1 "); // "b" waits for sender 2, and then for itself
  CHECK(state.waits_for_groups());
  CHECK(state.held_back() == 3);
  CHECK(state.take_lookups().empty());
  applied.ids.insert({"a", "x"});
  state.applied(1);
  CHECK_FALSE(state.waits_for_groups());
  const auto asked = state.take_lookups();
  REQUIRE(asked.ids.size() == 1);
  CHECK(asked.ids[0].parts.front().context_id == "a");
  state.resolved(applied.answer(asked));
  CHECK(formed(state, 2) == "a=7 b2 b3 ");
}

TEST_CASE("shard state: the second of two calls with one id is stored if the first was refused") {
  Applied applied;
  ShardState state({.cache_entries_max = 8, .cache_hash_seed = seed, .rules_out_ids = applied.check()});
  accept(state, call("a", {"x"}, 1, Expectation::exists()), call("a", {"x"}, 2));
  CHECK(formed(state, 1) == "a! ");
  state.applied(1);
  CHECK(formed(state, 2) == "a1 ");
}

TEST_CASE("shard state: ids come before expectations, so a retry with a stale one gets its receipt") {
  Applied applied;
  ShardState state({.cache_entries_max = 8, .cache_hash_seed = seed, .rules_out_ids = applied.check()});
  accept(state, call("a", {"x"}, 1, Expectation::no_context()));
  CHECK(formed(state, 1) == "a1 ");
  applied.ids.insert({"a", "x"});
  state.applied(1);
  accept(state, call("a", {"x"}, 1, Expectation::no_context()), call("a", {"y"}, 1, Expectation::no_context()));
  state.resolved(applied.answer(state.take_lookups()));
  CHECK(formed(state, 2) == "a=7 a! ");
}

TEST_CASE("shard state: what memory cannot rule out is looked up, a sender's whole batch at once") {
  Applied applied;
  ShardState state({.cache_entries_max = 8, .cache_hash_seed = seed, .rules_out_ids = applied.check()});
  accept(state, call("a", {""}, 1), call("b", {""}, 1));
  CHECK(formed(state, 1) == "a1 b1 ");
  state.applied(1);
  applied.unsure = true;
  accept(state, call("a", {"x"}, 1), call("b", {"y"}, 1), call("new", {"z"}, 1), call("a", {""}, 1));
  const auto asked = state.take_lookups();
  CHECK(asked.contexts == std::vector<std::string>{"new"});
  REQUIRE(asked.ids.size() == 3);
  CHECK(state.take_lookups().empty()); // asked for once
  state.resolved(applied.answer(asked));
  CHECK(formed(state, 2) == "a2 b2 new11 a3 ");
}

TEST_CASE("shard state: questions that wait for their answers are bounded in events") {
  Applied applied;
  applied.unsure = true;
  ShardState state(
      {.cache_entries_max = 8, .cache_hash_seed = seed, .asked_events_max = 3, .rules_out_ids = applied.check()});
  accept(state, call("a", {""}, 1));
  CHECK(formed(state, 1) == "a1 ");
  state.applied(1);
  accept(state, call("a", {"1", "2"}, 1), call("a", {"3", "4"}, 1), call("a", {"5"}, 1));
  const auto first = state.take_lookups();
  CHECK(first.ids.size() == 2);
  CHECK(state.take_lookups().empty());
  state.resolved(applied.answer(first));
  CHECK(state.take_lookups().ids.size() == 1);
}

TEST_CASE("shard state: a call for several contexts waits for each of them, and gets numbers in all or in none") {
  ShardState state({.cache_entries_max = 1}); // what waits is kept all the same
  const ShardState::MemoryLookup cold = [](std::string_view) { return std::optional<Sequence>(); };
  std::vector<StorePtr> commands;
  commands.push_back(together(call("a", {"", ""}, 1), call("b", {""}, 1, Expectation::exactly(10))));
  commands.push_back(call("b", {""}, 2));
  commands.push_back(
      together(call("c", {""}, 3, Expectation::exactly(10)), call("b", {""}, 3, Expectation::exactly(11))));
  commands.push_back(call("c", {""}, 4));
  state.accept(std::move(commands), cold);
  CHECK(state.ready() == 0);
  auto asked = state.take_lookups();
  CHECK(asked.contexts == std::vector<std::string>{"a", "b", "c"});
  ShardState::Answers some{asked.round, {}, {}};
  some.last_sequences.emplace_back("a", Sequence{10});
  state.resolved(std::move(some));
  CHECK(state.ready() == 0); // b is not known
  ShardState::Answers rest{asked.round, {}, {}};
  rest.last_sequences.emplace_back("b", Sequence{10});
  rest.last_sequences.emplace_back("c", Sequence{10});
  state.resolved(std::move(rest));
  auto group = state.form_group(1'000, 1u << 20, 1);
  REQUIRE(group.size() == 4);
  REQUIRE_FALSE(group[0].command->verdict);
  CHECK(group[0].first_sequence == 11);
  REQUIRE(group[0].command->receipts->size() == 2);
  CHECK((*group[0].command->receipts)[0].sequence == 11);
  CHECK((*group[0].command->receipts)[1].sequence == 11);
  CHECK(group[1].first_sequence == 12);
  REQUIRE(group[2].command->verdict);
  REQUIRE(group[2].command->verdict->code() == Errc::sequence_conflict);
  CHECK(group[2].command->verdict->error().conflicts == std::vector<Conflict>{{"b", {}, 12, std::nullopt}});
  CHECK(group[3].first_sequence == 11); // the refused call took no number in c either
}

TEST_CASE("shard state: a call for several contexts fails if one of them cannot be looked up") {
  ShardState state({.cache_entries_max = 8});
  std::vector<StorePtr> commands;
  commands.push_back(together(call("a", {""}, 1), call("b", {""}, 1)));
  commands.push_back(call("a", {""}, 2));
  std::optional<Errc> told;
  commands[0]->done = Completion([&](const Result<Receipt>& result) { told = result.code(); });
  state.accept(std::move(commands), [](std::string_view) { return std::optional<Sequence>(); });
  const auto asked = state.take_lookups();
  ShardState::Answers answers{asked.round, {}, {}};
  answers.last_sequences.emplace_back("a", Sequence{3});
  answers.last_sequences.emplace_back("b", fail(Errc::io_error, "damaged"));
  state.resolved(std::move(answers));
  CHECK(told == Errc::io_error);
  CHECK(formed(state, 1) == "a4 ");
}

TEST_CASE("shard state: a look-up of ids that fails is its call's answer, and nobody else's") {
  Applied applied;
  applied.unsure = true;
  ShardState state({.cache_entries_max = 8, .cache_hash_seed = seed, .rules_out_ids = applied.check()});
  accept(state, call("a", {""}, 1));
  CHECK(formed(state, 1) == "a1 ");
  state.applied(1);
  accept(state, call("a", {"x"}, 1), call("a", {""}, 1));
  const auto asked = state.take_lookups();
  REQUIRE(asked.ids.size() == 1);
  ShardState::Answers answers{asked.round, {}, {}};
  answers.ids.push_back({asked.ids[0].number, Result<Receipt>(fail(Errc::corruption, "damaged")), {}, 0});
  state.resolved(std::move(answers));
  CHECK(formed(state, 2) == "a! a2 ");
}

TEST_CASE("shard state: a call whose answer is dropped with its group is looked up again") {
  Applied applied{.ids = {{"a", "x"}}, .unsure = true};
  ShardState state({.cache_entries_max = 8, .rules_out_ids = applied.check()});
  const ShardState::MemoryLookup known = [](std::string_view) { return Sequence{10}; };
  std::vector<StorePtr> calls;
  calls.push_back(call("a", {"x"}));
  for (std::uint64_t group = 1; group <= 2; ++group) {
    state.accept(std::move(calls), known);
    const auto asked = state.take_lookups();
    REQUIRE(asked.ids.size() == 1);
    state.resolved(applied.answer(asked));
    auto numbered = state.form_group(10, 1u << 20, group);
    REQUIRE(numbered.size() == 1);
    REQUIRE(numbered[0].command->verdict != nullptr);
    CHECK(numbered[0].command->verdict->ok());
    numbered[0].command->verdict.reset(); // the log has refused what came before
    calls.clear();
    calls.push_back(std::move(numbered[0].command));
    state.applied(group);
    state.rollback(known);
  }
}

TEST_CASE("shard state: what a call expects comes before its condition, wherever the event in the way was found") {
  ShardState state({.cache_entries_max = 8, .memory_tells = [](const StoreCommand&) { return false; }});
  const ShardState::MemoryLookup known = [](std::string_view) { return Sequence{10}; };
  std::vector<StorePtr> calls;
  for (const Sequence expected : {3, 10}) {
    calls.push_back(call("a", {""}, 0, Expectation::exactly(expected)));
    calls.back()->fail_if = std::make_unique<FailIf>();
  }
  state.accept(std::move(calls), known);
  const auto asked = state.take_lookups();
  REQUIRE(asked.ids.size() == 2);
  ShardState::Answers answers{asked.round, {}, {}};
  for (const IdQuestion& question : asked.ids)
    answers.ids.push_back({question.number, Result<Receipt>(condition_failed({"b", "", 1})), {}, 50});
  state.resolved(std::move(answers));
  const auto numbered = state.form_group(10, 1u << 20, 1);
  REQUIRE(numbered.size() == 2);
  CHECK(numbered[0].command->verdict->code() == Errc::sequence_conflict);
  CHECK(numbered[1].command->verdict->code() == Errc::condition_failed);
}

TEST_CASE("shard state: taken back or rolled back calls leave no id behind that others would wait for") {
  Applied applied;
  ShardState state({.cache_entries_max = 8, .cache_hash_seed = seed, .rules_out_ids = applied.check()});
  accept(state, call("a", {"x"}, 1));
  CHECK(state.take_all().size() == 1);
  accept(state, call("a", {"x"}, 1));
  CHECK(formed(state, 1) == "a1 ");
  state.rollback(all_new); // group 1 was lost
  accept(state, call("a", {"x"}, 1), call("a", {"y"}, 1));
  CHECK(formed(state, 2) == "a1 a2 ");
  CHECK(state.take_all().empty());
  accept(state, call("a", {"y"}, 2)); // of a group on its way still
  CHECK(state.waits_for_groups());
}

namespace {

/// A shard reduced to what it must answer: ids are unique in their context for ever, retries get the first place, and
/// expectations hold where sequences are given.
class Model {
public:
  explicit Model(std::uint64_t with)
      : random_(with), state_({.cache_entries_max = random_() % 8 + 1,
                               .held_max = random_() % 30 + 2,
                               .cache_hash_seed = seed,
                               .asked_events_max = random_() % 6 + 1,
                               .rules_out_ids = [this](const StoreCommand& each) { return rules_out(each); }}) {}

  void step() {
    switch (random_() % 12) {
    case 0:
    case 1:
    case 2: accept(); break;
    case 3:
    case 4: ask(); break;
    case 5: look(); break;
    case 6: deliver(); break;
    case 7:
    case 8: form(); break;
    case 9: apply(); break;
    case 10: in_memory_ = random_() % 2 == 0; break;
    default:
      if (random_() % 8 == 0)
        rollback();
    }
  }
  void finish() {
    for (int round = 0; round < 10'000 && open_ != 0; ++round) {
      ask();
      while (look() || deliver()) {
      }
      form();
      apply();
    }
    REQUIRE(open_ == 0);
  }

private:
  using Key = std::pair<std::string, std::string>;
  struct Context {
    Sequence last = 0;
    std::map<std::string, Sequence> ids;
  };
  using Contexts = std::map<std::string, Context>;
  struct Job {
    ShardState::Lookups asked;
    ShardState::Answers answers;
    bool looked = false;
  };

  bool rules_out(const StoreCommand& command) {
    if (!in_memory_ && command.ids_checked_to < applied_position_)
      return false;
    return find(applied_, id_question(command, 0)) == 0;
  }
  /// The sequence of one of the question's ids, 0 if none is there.
  static Sequence find(Contexts& contexts, const IdQuestion& question) {
    for (const IdQuestion::Part& part : question.parts)
      for (const IdQuestion::Asked& asked : part.events)
        if (const auto found = contexts[part.context_id].ids.find(asked.event_id);
            found != contexts[part.context_id].ids.end())
          return found->second;
    return 0;
  }
  ShardState::MemoryLookup memory() {
    return [this](std::string_view id) -> std::optional<Sequence> {
      return in_memory_ ? std::optional(applied_[std::string(id)].last) : std::nullopt;
    };
  }
  void accept() {
    std::vector<StorePtr> commands;
    for (auto count = std::min<std::size_t>(random_() % 6, state_.room()); count != 0; --count) {
      const std::uint64_t context = random_() % 3;
      const std::uint64_t sender = random_() % 4;
      StorePtr each = any_call(context, sender);
      if (random_() % 4 == 0)
        each = together(std::move(each), any_call((context + 1) % 3, sender));
      each->done = Completion([this](Result<Receipt>) { --open_; });
      ++open_;
      commands.push_back(std::move(each));
    }
    state_.accept(std::move(commands), memory());
  }
  StorePtr any_call(std::uint64_t number, std::uint64_t sender) {
    const std::string context(1, static_cast<char>('a' + number));
    std::vector<std::string> ids;
    const std::uint64_t first = random_() % 40;
    for (std::uint64_t i = 0; i <= random_() % 3; ++i)
      ids.push_back(std::to_string(first + i));
    Expectation expect;
    if (random_() % 3 == 0)
      expect = Expectation::exactly(applied_[context].last + random_() % 3);
    return call(context, ids, sender, expect);
  }
  void ask() {
    auto asked = state_.take_lookups();
    if (!asked.empty())
      jobs_.push_back({std::move(asked), {}, false});
  }
  bool look() {
    for (Job& job : jobs_) {
      if (std::exchange(job.looked, true))
        continue;
      job.answers.round = job.asked.round;
      for (const std::string& name : job.asked.contexts)
        job.answers.last_sequences.emplace_back(name, applied_[name].last);
      for (const IdQuestion& question : job.asked.ids) {
        job.answers.ids.push_back({question.number, std::nullopt, {}, applied_position_});
        if (const Sequence found = find(applied_, question))
          job.answers.ids.back().verdict = Receipt{found, 1, 1, Durability::buffered, true};
      }
      return true;
    }
    return false;
  }
  bool deliver() {
    const auto at = std::find_if(jobs_.begin(), jobs_.end(), [](const Job& job) { return job.looked; });
    if (at == jobs_.end())
      return false;
    Job job = std::move(*at);
    jobs_.erase(at);
    state_.resolved(std::move(job.answers));
    return true;
  }
  void form() {
    if (in_flight_.size() == 2)
      return;
    Contexts now = in_flight_.empty() ? applied_ : in_flight_.back().second;
    for (auto& each : state_.form_group(random_() % 5 + 1, 1u << 20, ++group_)) {
      const IdQuestion question = id_question(*each.command, 0);
      const auto& verdict = each.command->verdict;
      if (verdict && verdict->ok()) { // of an event that is applied, never of one that may still be lost
        REQUIRE((*verdict)->duplicate);
        REQUIRE(find(applied_, question) != 0);
        continue;
      }
      REQUIRE(find(now, question) == 0);
      std::vector<std::pair<std::string, Sequence>> failing;
      each.command->for_each_part([&](const std::string& context, auto&&, auto&&, const Expectation& expect) {
        if (!expect.holds(now[context].last))
          failing.emplace_back(context, now[context].last);
      });
      REQUIRE(failing.empty() == !verdict);
      if (verdict) {
        std::vector<std::pair<std::string, Sequence>> told;
        for (const Conflict& conflict : verdict->error().conflicts)
          told.emplace_back(conflict.context_id, conflict.current);
        REQUIRE(told == failing);
        continue;
      }
      REQUIRE(each.first_sequence == now[each.command->context_id].last + 1);
      for (std::size_t i = 0; i < question.parts.size(); ++i) {
        Context& context = now[question.parts[i].context_id];
        if (each.command->receipts)
          REQUIRE((*each.command->receipts)[i].sequence == context.last + 1);
        for (const IdQuestion::Asked& asked : question.parts[i].events)
          context.ids.emplace(asked.event_id, ++context.last);
      }
    }
    in_flight_.emplace_back(group_, std::move(now));
  }
  void apply() {
    if (in_flight_.empty())
      return;
    applied_ = std::move(in_flight_.front().second);
    ++applied_position_;
    const std::uint64_t group = in_flight_.front().first;
    in_flight_.pop_front();
    state_.applied(group);
  }
  void rollback() {
    in_flight_.clear();
    state_.applied(group_);
    state_.rollback(memory());
  }

  std::mt19937_64 random_;
  bool in_memory_ = true;
  Position applied_position_ = 1;
  Contexts applied_;
  std::deque<std::pair<std::uint64_t, Contexts>> in_flight_; // as they will be with each group
  std::vector<Job> jobs_;
  std::uint64_t group_ = 0;
  int open_ = 0;
  ShardState state_; // last: commands it holds are answered as it goes
};

} // namespace

TEST_CASE("shard state: against a model: retries, mixed ids and expectations, with late look-ups and rollbacks") {
  for (std::uint64_t number = 1; number <= 200; ++number) {
    CAPTURE(number);
    Model model(number);
    for (int i = 0; i < 1'000; ++i)
      model.step();
    model.finish();
  }
}

} // namespace weir
