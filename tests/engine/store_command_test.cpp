#include "engine/callback_scope.hpp"
#include "engine/store_command.hpp"
#include "engine/unique_function.hpp"

#include <doctest/doctest.h>

#include <memory>
#include <optional>
#include <thread>
#include <utility>
#include <vector>

namespace weir {

namespace {

struct Answers {
  std::vector<Errc> codes;
  Completion completion() {
    return Completion([this](Result<Receipt> result) { codes.push_back(result.code()); });
  }
};

} // namespace

TEST_CASE("unique function: owns what it captures, also what cannot be copied, and lets go of it") {
  auto token = std::make_shared<int>(4);
  const std::weak_ptr<int> watch = token;
  {
    UniqueFunction<int(int)> add(
        [token = std::move(token), unique = std::make_unique<int>(1)](int value) { return *token + *unique + value; });
    CHECK(add(10) == 15);
    UniqueFunction<int(int)> moved = std::move(add);
    CHECK_FALSE(static_cast<bool>(add)); // NOLINT(bugprone-use-after-move): the promise under test
    CHECK(moved(20) == 25);
  }
  CHECK(watch.expired());
}

TEST_CASE("completion: answers once, whatever comes later") {
  Answers answers;
  {
    Completion done = answers.completion();
    CHECK(static_cast<bool>(done));
    done(Receipt{});
    CHECK_FALSE(static_cast<bool>(done));
    done(fail(Errc::io_error, "too late"));
  }
  CHECK(answers.codes == std::vector{Errc::ok});
}

TEST_CASE("completion: one that is dropped answers closing") {
  Answers answers;
  { const Completion done = answers.completion(); }
  CHECK(answers.codes == std::vector{Errc::closing});
}

TEST_CASE("completion: moving passes the duty on, and overwriting one answers it") {
  Answers first, second;
  Completion done = first.completion();
  Completion other = std::move(done);
  CHECK(first.codes.empty());
  other = second.completion();
  CHECK(first.codes == std::vector{Errc::closing});
  other = Completion();
  CHECK(second.codes == std::vector{Errc::closing});
  CHECK(first.codes.size() == 1);
}

TEST_CASE("completion: may be replaced from inside its own answer") {
  Answers later;
  Completion done;
  done = Completion([&](Result<Receipt>) { done = later.completion(); });
  done(Receipt{});
  CHECK(later.codes.empty());
  done(Receipt{});
  CHECK(later.codes == std::vector{Errc::ok});
}

TEST_CASE("completion: its answer runs as a callback, in whatever thread, also when it is dropped") {
  std::vector<bool> inside;
  const auto make = [&] { return Completion([&](Result<Receipt>) { inside.push_back(CallbackScope::active()); }); };
  make()(Receipt{});
  make();
  CHECK(inside == std::vector{true, true});
  CHECK_FALSE(CallbackScope::active());
}

TEST_CASE("callback scope: nests, and is a matter of one thread") {
  CHECK_FALSE(CallbackScope::active());
  {
    const CallbackScope outer;
    { const CallbackScope inner; }
    CHECK(CallbackScope::active());
    std::optional<bool> elsewhere;
    std::thread([&] { elsewhere = CallbackScope::active(); }).join();
    CHECK(elsewhere == false);
  }
  CHECK_FALSE(CallbackScope::active());
}

} // namespace weir
