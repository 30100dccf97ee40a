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

using test::command;

const ShardState::MemoryLookup nothing_known = [](std::string_view) { return std::nullopt; };
const ShardState::MemoryLookup all_new = [](std::string_view) { return Sequence{0}; };

void accept(ShardState& state, std::vector<std::pair<std::string, std::uint64_t>> context_and_sender,
            const ShardState::MemoryLookup& lookup = nothing_known) {
  std::vector<StorePtr> commands;
  for (const auto& [context, sender] : context_and_sender)
    commands.push_back(command(context, sender));
  state.accept(std::move(commands), lookup);
}

void answer(ShardState& state, const ShardState::Lookups& asked, Sequence last) {
  ShardState::Answers answers{asked.round, {}};
  for (const std::string& context : asked.contexts)
    answers.last_sequences.emplace_back(context, last);
  state.resolved(std::move(answers));
}

std::string formed(ShardState& state, std::uint64_t group, std::size_t commands_max = 1'000,
                   std::size_t bytes_max = 1u << 20) {
  std::string text;
  for (const auto& call : state.form_group(commands_max, bytes_max, group))
    text += call.command->context_id + std::to_string(call.first_sequence) + " ";
  return text;
}

} // namespace

TEST_CASE("shard state: hot contexts are numbered densely, calls of several events take several numbers") {
  ShardState state({.cache_entries_max = 8});
  std::vector<StorePtr> commands;
  commands.push_back(command("a", 1, 3));
  commands.push_back(command("b", 2, 1));
  commands.push_back(command("a", 3, 2));
  state.accept(std::move(commands), all_new);
  CHECK(state.take_lookups().contexts.empty());
  CHECK(state.ready() == 3);
  CHECK(formed(state, 1) == "a1 b1 a4 ");
  accept(state, {{"a", 1}, {"b", 1}});
  CHECK(formed(state, 2) == "a6 b2 ");
}

TEST_CASE("shard state: a group is bounded in calls and in bytes, but never empty while a call is ready") {
  ShardState state({.cache_entries_max = 8});
  accept(state, {{"a", 1}, {"b", 1}, {"c", 1}, {"d", 1}}, all_new);
  CHECK(formed(state, 1, 2) == "a1 b1 ");
  const std::size_t bytes = command("c")->bytes();
  CHECK(formed(state, 2, 1'000, 0) == "c1 ");
  accept(state, {{"e", 1}, {"f", 1}}, all_new);
  CHECK(formed(state, 3, 1'000, 2 * bytes) == "d1 e1 ");
  CHECK(formed(state, 4, 1'000, 2 * bytes) == "f1 ");
  CHECK(formed(state, 5).empty());
}

TEST_CASE("shard state: a hot context of another sender passes a cold one; its sender and its context wait") {
  ShardState state({.cache_entries_max = 8});
  accept(state, {{"hot", 2}}, all_new);
  CHECK(formed(state, 1) == "hot1 ");
  accept(state, {{"cold", 1}, {"hot", 1}, {"cold", 2}, {"other", 3}},
         [](std::string_view id) { return id == "other" ? std::optional<Sequence>(4) : std::nullopt; });
  // "hot" waits for its sender, and whoever stores to "hot" now must not overtake it.
  accept(state, {{"hot", 3}});
  CHECK(formed(state, 2) == "other5 ");
  CHECK(state.held_back() == 4);
  const auto asked = state.take_lookups();
  CHECK(asked.contexts == std::vector<std::string>{"cold"});
  CHECK(state.take_lookups().contexts.empty()); // asked for once
  answer(state, asked, 10);
  CHECK(state.held_back() == 0);
  CHECK(formed(state, 3) == "cold11 hot2 cold12 hot3 ");
}

TEST_CASE("shard state: a look-up that fails fails its context's calls and nobody else's") {
  ShardState state({.cache_entries_max = 8});
  std::vector<std::string> failed;
  std::vector<StorePtr> commands;
  for (const std::string context : {"bad", "good", "bad"})
    commands.push_back(command(context, 1, 1, Completion([&failed, context](Result<Receipt> result) {
                                 if (result.code() == Errc::corruption)
                                   failed.push_back(context);
                               })));
  state.accept(std::move(commands), nothing_known);
  const auto asked = state.take_lookups();
  CHECK(asked.contexts == std::vector<std::string>{"bad", "good"});
  ShardState::Answers answers{asked.round, {}};
  answers.last_sequences.emplace_back("bad", fail(Errc::corruption, "damaged", "1.seg"));
  answers.last_sequences.emplace_back("good", Sequence{3});
  state.resolved(std::move(answers));
  CHECK(failed == std::vector<std::string>{"bad", "bad"});
  CHECK(formed(state, 1) == "good4 ");
  // Asked for again by the next call: the failure may have passed.
  accept(state, {{"bad", 1}});
  const auto again = state.take_lookups();
  CHECK(again.contexts == std::vector<std::string>{"bad"});
  answer(state, again, 0);
  CHECK(formed(state, 2) == "bad1 ");
}

TEST_CASE("shard state: room shrinks by what is held, and is given back by groups") {
  ShardState state({.cache_entries_max = 8, .held_max = 4});
  CHECK(state.room() == 4);
  accept(state, {{"a", 1}, {"b", 2}}, all_new);
  accept(state, {{"cold", 3}});
  CHECK(state.room() == 1);
  accept(state, {{"cold", 3}, {"cold", 3}}); // one more than asked for is taken, and room stays at none
  CHECK(state.room() == 0);
  CHECK(formed(state, 1) == "a1 b1 ");
  CHECK(state.room() == 1);
  answer(state, state.take_lookups(), 0);
  CHECK(formed(state, 2) == "cold1 cold2 cold3 ");
  CHECK(state.room() == 4);
}

TEST_CASE("shard state: large calls leave no room for more, whether ready or held back, until they have gone") {
  ShardState state({.cache_entries_max = 8, .held_max = 100, .held_bytes_max = 1'000});
  const auto accept_large = [&](const std::string& context, const ShardState::MemoryLookup& lookup) {
    std::vector<StorePtr> commands;
    commands.push_back(command(context, 1));
    commands.back()->encoded.assign(600, 'x');
    state.accept(std::move(commands), lookup);
  };
  accept_large("a", all_new);
  CHECK(state.room() == 99);
  accept_large("b", all_new);
  CHECK(state.room() == 0);
  CHECK(formed(state, 1, 1) == "a1 ");
  CHECK(state.room() == 99);
  accept_large("cold", nothing_known);
  CHECK(state.room() == 0);
  CHECK(formed(state, 2) == "b1 ");
  CHECK(state.room() == 99);
  accept_large("cold", nothing_known);
  CHECK(state.room() == 0);
  ShardState::Answers failed{state.take_lookups().round, {}};
  failed.last_sequences.emplace_back("cold", fail(Errc::io_error, "made to fail"));
  state.resolved(std::move(failed));
  CHECK(state.room() == 100);
  accept_large("a", all_new);
  accept_large("b", all_new);
  CHECK(state.room() == 0);
  CHECK(state.take_all().size() == 2);
  CHECK(state.room() == 100);
}

TEST_CASE("shard state: a context with a call on its way stays known, however small the cache") {
  ShardState state({.cache_entries_max = 1});
  accept(state, {{"a", 1}, {"b", 1}, {"c", 1}}, all_new);
  CHECK(formed(state, 1) == "a1 b1 c1 ");
  accept(state, {{"d", 1}, {"a", 1}, {"b", 1}, {"c", 1}}, all_new); // a wrong answer for a, b, c: must not be asked
  CHECK(formed(state, 2) == "d1 a2 b2 c2 ");
  state.applied(1); // group 2 is still on its way
  accept(state, {{"a", 1}, {"b", 1}, {"c", 1}, {"d", 1}}, all_new);
  CHECK(formed(state, 3) == "a3 b3 c3 d2 ");
  state.applied(3);
  accept(state, {{"a", 1}, {"b", 1}, {"c", 1}, {"d", 1}}); // all but one have been forgotten
  CHECK(state.take_lookups().contexts.size() == 3);
}

TEST_CASE("shard state: take_all gives every command back, in order and unanswered") {
  ShardState state({.cache_entries_max = 8});
  int answers = 0;
  std::vector<StorePtr> commands;
  for (const char* context : {"a", "cold", "b", "cold", "a"})
    commands.push_back(
        command(context, static_cast<std::uint64_t>(context[0]), 1, Completion([&](Result<Receipt>) { ++answers; })));
  state.accept(std::move(commands),
               [](std::string_view id) { return id == "cold" ? std::nullopt : std::optional<Sequence>(0); });
  const auto asked = state.take_lookups();
  auto all = state.take_all();
  std::string order;
  for (const StorePtr& each : all)
    order += each->context_id + " ";
  CHECK(order == "a b a cold cold "); // what was ready, then what was held back
  CHECK(answers == 0);
  CHECK(state.room() > 0);
  CHECK(state.ready() + state.held_back() == 0);
  answer(state, asked, 5); // nobody waits for it any more
  CHECK(formed(state, 1).empty());
  accept(state, {{"b", 1}});
  CHECK(formed(state, 2) == "b1 "); // taken back before it had a number
}

TEST_CASE("shard state: a rollback forgets the numbers given and looks them up again") {
  ShardState state({.cache_entries_max = 8});
  accept(state, {{"a", 1}, {"a", 1}, {"b", 2}}, all_new);
  CHECK(formed(state, 1, 2) == "a1 a2 ");
  state.applied(1);
  state.rollback([](std::string_view id) { return std::optional<Sequence>(id == "b" ? 7 : 0); });
  CHECK(formed(state, 2) == "b8 ");
  accept(state, {{"a", 1}}, all_new);
  CHECK(formed(state, 3) == "a1 ");
}

TEST_CASE("shard state: the answer to a question from before a rollback is no answer to the question after it") {
  ShardState state({.cache_entries_max = 8});
  accept(state, {{"a", 1}});
  const auto old = state.take_lookups();
  state.rollback(nothing_known);
  const auto fresh = state.take_lookups();
  CHECK(fresh.contexts == std::vector<std::string>{"a"});
  answer(state, old, 5); // looked at the shard before what happened since
  CHECK(state.ready() == 0);
  answer(state, fresh, 6);
  CHECK(formed(state, 1) == "a7 ");
}

namespace {

/// A shard with its log and its segments reduced to what ShardState can see of them.
class Model {
public:
  explicit Model(std::uint64_t seed)
      : random_(seed), state_({.cache_entries_max = random_() % 8 + 1, .held_max = random_() % 30 + 2}) {}

  void step() {
    switch (random_() % 12) {
    case 0:
    case 1:
    case 2: accept(); break;
    case 3:
    case 4: ask(); break;
    case 5: look(); break;
    case 6: deliver(true); break;
    case 7:
    case 8: form(); break;
    case 9: apply(); break;
    case 10: in_memory_.clear(); break; // flushed: look-ups have to go to segments
    default:
      if (random_() % 8 == 0)
        random_() % 2 == 0 ? rollback() : refuse_all();
    }
    REQUIRE(state_.ready() + state_.held_back() <= 32);
  }

  void finish() {
    for (int round = 0; round < 10'000 && open_ != 0; ++round) {
      ask();
      while (look() || deliver(false)) {
      }
      form();
      apply();
    }
    REQUIRE(open_ == 0);
    REQUIRE(state_.ready() + state_.held_back() == 0);
  }

private:
  struct Call {
    std::string context;
    std::uint32_t events;
  };
  struct Job {
    ShardState::Lookups asked;
    ShardState::Answers answers; // filled when it looks
    bool looked = false;
  };

  ShardState::MemoryLookup memory() {
    return [this](std::string_view id) -> std::optional<Sequence> {
      if (const auto found = in_memory_.find(std::string(id)); found != in_memory_.end())
        return applied_[*found];
      return std::nullopt;
    };
  }
  void accept() {
    std::vector<StorePtr> commands;
    for (auto count = std::min<std::size_t>(random_() % 6, state_.room()); count != 0; --count) {
      const auto events = static_cast<std::uint32_t>(random_() % 3 + 1);
      auto each = command(std::string(1, static_cast<char>('a' + random_() % 6)), random_() % 4, events,
                          Completion([this](Result<Receipt>) { --open_; }));
      each->encoded = std::to_string(++last_id_);
      ++open_;
      commands.push_back(std::move(each));
    }
    state_.accept(std::move(commands), memory());
  }
  void ask() {
    auto asked = state_.take_lookups();
    if (!asked.contexts.empty())
      jobs_.push_back({std::move(asked), {}, false});
  }
  // A look-up job reads at one moment and its answer arrives at another.
  bool look() {
    for (Job& job : jobs_)
      if (!job.looked) {
        job.answers.round = job.asked.round;
        for (const std::string& context : job.asked.contexts)
          job.answers.last_sequences.emplace_back(context, applied_[context]);
        return job.looked = true;
      }
    return false;
  }
  bool deliver(bool may_fail) {
    std::vector<std::size_t> looked;
    for (std::size_t i = 0; i < jobs_.size(); ++i)
      if (jobs_[i].looked)
        looked.push_back(i);
    if (looked.empty())
      return false;
    const auto at = jobs_.begin() + static_cast<std::ptrdiff_t>(looked[random_() % looked.size()]);
    Job job = std::move(*at);
    jobs_.erase(at);
    if (may_fail && random_() % 6 == 0)
      job.answers.last_sequences.front().second = fail(Errc::io_error, "unreadable");
    state_.resolved(std::move(job.answers));
    return true;
  }
  void form() {
    if (in_flight_.size() == 2)
      return;
    auto numbered = state_.form_group(random_() % 5 + 1, 1u << 20, ++group_);
    std::vector<Call> calls;
    for (auto& each : numbered) {
      const StoreCommand& call = *each.command;
      Sequence expected = applied_[call.context_id];
      for (const auto& group : in_flight_)
        for (const Call& earlier : group.second)
          expected += earlier.context == call.context_id ? earlier.events : 0;
      for (const Call& earlier : calls)
        expected += earlier.context == call.context_id ? earlier.events : 0;
      REQUIRE(each.first_sequence == expected + 1);
      const int id = std::stoi(std::string(call.encoded));
      REQUIRE(id > context_order_[call.context_id]);
      REQUIRE(id > sender_order_[call.sender]);
      context_order_[call.context_id] = id;
      sender_order_[call.sender] = id;
      calls.push_back({call.context_id, call.events});
    }
    in_flight_.emplace_back(group_, std::move(calls));
  }
  void apply() {
    if (in_flight_.empty())
      return;
    for (const Call& call : in_flight_.front().second) {
      applied_[call.context] += call.events;
      in_memory_.insert(call.context);
    }
    state_.applied(in_flight_.front().first);
    in_flight_.pop_front();
  }
  void rollback() {
    in_flight_.clear();
    state_.applied(group_);
    state_.rollback(memory());
  }
  void refuse_all() {
    for (StorePtr& each : state_.take_all())
      each->done(fail(Errc::disk_full, "full"));
  }

  std::mt19937_64 random_;
  ShardState state_;
  std::map<std::string, Sequence> applied_;
  std::set<std::string> in_memory_;
  std::deque<std::pair<std::uint64_t, std::vector<Call>>> in_flight_;
  std::vector<Job> jobs_;
  std::map<std::string, int> context_order_;
  std::map<std::uint64_t, int> sender_order_;
  std::uint64_t group_ = 0;
  int last_id_ = 0;
  int open_ = 0; // accepted, not answered; numbered commands answer as they are destroyed
};

} // namespace

TEST_CASE("shard state: against a model: random drains, late and failed look-ups, tiny caches, rollbacks") {
  for (std::uint64_t seed = 1; seed <= 300; ++seed) {
    CAPTURE(seed);
    Model model(seed);
    for (int i = 0; i < 1'000; ++i)
      model.step();
    model.finish();
  }
}

} // namespace weir
