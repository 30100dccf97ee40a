#include "engine/query/aggregate.hpp"

#include "engine/query/exact_sum.hpp"
#include "engine/query/order.hpp"
#include "tests/engine/query/random_data.hpp"
#include "tests/engine/query/reference_values.hpp"

#include <doctest/doctest.h>

#include <algorithm>
#include <array>
#include <bit>
#include <cmath>
#include <functional>
#include <limits>

using namespace weir;
using namespace weir::query;
using test::pick;
using State = AggregateState::Kind;

namespace {

Value sum_of(const std::vector<double>& values) {
  ExactSum sum;
  sum.add_reals(values);
  return sum.total();
}

Value result(AggregateState& state, Aggregate::Kind kind) {
  const QueryControl control;
  Pacer pacer(control);
  return *state.result(kind, pacer);
}

class SteppingClock final : public io::Clock {
public:
  [[nodiscard]] Timestamp now() const override { return {}; }
  /// A second later each time it is asked.
  [[nodiscard]] std::chrono::steady_clock::time_point steady_now() const override {
    return std::chrono::steady_clock::time_point(std::chrono::seconds(++asked_));
  }

private:
  mutable int asked_ = 0;
};

} // namespace

TEST_CASE("query sums: nothing is lost, whatever the sizes") {
  CHECK(sum_of({1e308, 1.0, -1e308}) == Value(1.0));
  CHECK(sum_of({1e308, 1e308, -1e308, -1e308, 5e-324}) == Value(5e-324));
  CHECK(sum_of({1e308, 1e308}) == Value()); // Beyond all doubles.
  CHECK(sum_of(std::vector<double>(10, 0.1)) == Value(1.0));
  CHECK(sum_of({0.1, 0.2, 0.3}) == Value(0.6));
  CHECK(sum_of({-0.0}) == Value(0.0));
  CHECK(sum_of({5e-324, 5e-324, -5e-324}) == Value(5e-324));
  CHECK(sum_of({std::numeric_limits<double>::max(), std::ldexp(1.0, 969)}) ==
        Value(std::numeric_limits<double>::max()));
  CHECK(sum_of({std::numeric_limits<double>::max(), std::ldexp(1.0, 970)}) == Value()); // Half a step: to even.
  CHECK(sum_of({9007199254740992.0, 1.0}) == Value(9007199254740992.0));
  CHECK(sum_of({9007199254740992.0, 1.0, 5e-324}) == Value(9007199254740994.0));
}

TEST_CASE("query sums: integers add to an integer while it fits, and count exactly beside doubles") {
  ExactSum sum;
  CHECK(sum.total() == Value());
  CHECK(sum.average() == Value());
  sum.add_integer(INT64_MAX);
  sum.add_integer(1);
  CHECK(sum.total() == Value(std::uint64_t{1} << 63U));
  sum.add_natural(UINT64_MAX);
  CHECK(sum.total() == Value(27670116110564327424.0));
  sum.add_natural(UINT64_MAX);
  for (int i = 0; i < 5; ++i)
    sum.add_integer(INT64_MIN);
  CHECK(sum.total() == Value(-2));
  sum.add_real(0.5);
  CHECK(sum.total() == Value(-1.5));
  ExactSum thirds;
  thirds.add_integers(std::array<std::int64_t, 3>{1, 0, 0});
  CHECK(thirds.average() == Value(1.0 / 3));
  CHECK(thirds.total() == Value(1));
}

TEST_CASE("query sums: in any order and grouping the same bits, those of exact arithmetic") {
  for (std::uint64_t seed = 1; seed <= 400; ++seed) {
    CAPTURE(seed);
    test::Random random(seed);
    std::vector<Value> numbers(1 + pick(random, seed % 10 == 0 ? 3'000 : 40));
    for (Value& value : numbers) {
      const std::uint64_t bits = random();
      const double real = std::bit_cast<double>(bits);
      switch (pick(random, 4)) {
      case 0: value = static_cast<std::int64_t>(bits); break;
      case 1: value = bits; break;
      // Of any size, or of a few, so that they cancel and tie.
      case 2: value = std::isfinite(real) ? real : 0.5; break;
      default:
        value = std::ldexp(static_cast<double>(pick(random, 8)) - 4.0, static_cast<int>(pick(random, 70)) - 1'074 +
                                                                           53 * static_cast<int>(pick(random, 2)) +
                                                                           900 * static_cast<int>(seed % 2));
        break;
      }
    }
    std::vector<ExactSum> parts(1 + pick(random, 5));
    for (const Value& value : numbers) {
      ExactSum& part = parts[pick(random, parts.size())];
      if (value.kind() == Value::Kind::int64)
        part.add_integer(*value.as_int64());
      else if (value.kind() == Value::Kind::uint64)
        part.add_natural(*value.as_uint64());
      else
        part.add_real(*value.as_double());
    }
    ExactSum all;
    for (const ExactSum& part : parts)
      all.add(part);
    CHECK(all.numbers() == numbers.size());
    CHECK(all.total() == test::reference_total(numbers));
    CHECK(all.average() == test::reference_average(numbers));
  }
}

TEST_CASE("query sums: doubles of everyday size are exact, at both ends of what that is, and beyond") {
  for (std::uint64_t seed = 1; seed <= 400; ++seed) {
    CAPTURE(seed);
    test::Random random(seed);
    std::vector<Value> numbers;
    std::vector<ExactSum> parts(1 + pick(random, 4));
    // Amounts; halves of large numbers, where sums tie; the least and largest that are added as integers, and their
    // neighbours; so large that a few are too much.
    const std::uint64_t style = seed % 4;
    for (std::size_t i = 1 + pick(random, 60); i > 0; --i) {
      double real = static_cast<double>(pick(random, 1'000'000)) / 100;
      if (style == 1)
        real = std::ldexp(static_cast<double>(random() >> 11U), -1);
      else if (style == 2)
        real = std::ldexp(1.0 + static_cast<double>(pick(random, 8)) * std::ldexp(1.0, -52),
                          pick(random, 2) == 0 ? -23 + static_cast<int>(pick(random, 6))
                                               : 50 + static_cast<int>(pick(random, 6)));
      else if (style == 3)
        real = std::ldexp(1.0 - static_cast<double>(pick(random, 2)) * std::ldexp(1.0, -53), 54);
      if (style != 3 && pick(random, 2) == 0)
        real = -real;
      numbers.emplace_back(real);
      parts[pick(random, parts.size())].add_real(real);
      if (pick(random, 6) == 0) {
        const auto whole = static_cast<std::int64_t>(random()) >> pick(random, 60);
        numbers.emplace_back(whole);
        parts[pick(random, parts.size())].add_integer(whole);
      }
    }
    ExactSum all;
    for (const ExactSum& part : parts)
      all.add(part);
    CHECK(all.total() == test::reference_total(numbers));
    CHECK(all.average() == test::reference_average(numbers));
    CHECK(ExactSum(all).total() == all.total());
  }
}

TEST_CASE("query aggregates: percentiles are the nearest rank of all numbers, whatever their kind") {
  const auto add_hundred = [](AggregateState& state) {
    for (int i = 100; i >= 1; --i)
      state.add(i % 2 == 0 ? ValueView::of_integer(i) : ValueView::of_real(i - 0.5), 0);
  };
  AggregateState hundred(State::numbers);
  add_hundred(hundred);
  CHECK(result(hundred, Aggregate::Kind::p50) == Value(50));
  CHECK(result(hundred, Aggregate::Kind::p95) == Value(94.5));
  CHECK(result(hundred, Aggregate::Kind::p99) == Value(98.5));
  AggregateState state(State::numbers);
  add_hundred(state);
  state.add(ValueView::of(UINT64_MAX), 0);
  state.add(ValueView::of_real(1e300), 0);
  state.add(ValueView::of(std::string_view("x")), 0);
  state.add(ValueView{}, 0);
  CHECK(result(state, Aggregate::Kind::p99) == Value(UINT64_MAX)); // Rank 101 of 102.
  AggregateState none(State::numbers);
  CHECK(result(none, Aggregate::Kind::p50) == Value());
  AggregateState one(State::numbers);
  one.add(ValueView::of_real(7.0), 0);
  CHECK(result(one, Aggregate::Kind::p50) == Value(7));
  CHECK(result(one, Aggregate::Kind::p99) == Value(7));
}

TEST_CASE("query aggregates: equal numbers of both kinds have one spelling, whichever came first") {
  for (const bool real_first : {true, false}) {
    AggregateState least(State::minimum);
    AggregateState unique(State::unique);
    for (const bool real : {real_first, !real_first}) {
      const ValueView value = real ? ValueView::of_real(1.0) : ValueView::of_integer(1);
      least.add(value, 0);
      unique.add(value, 0);
    }
    CHECK(result(least, Aggregate::Kind::minimum) == Value(1));
    CHECK(result(unique, Aggregate::Kind::count_unique) == Value(1));
  }
}

TEST_CASE("query aggregates: first and last go by position, and pass over what has no value") {
  AggregateState first(State::first);
  AggregateState last(State::last);
  const auto add = [&](const ValueView& value, Position position) {
    first.add(value, position);
    last.add(value, position);
  };
  add(ValueView::of_integer(2), 20);
  add(ValueView{}, 5);
  add(ValueView::of_real(1.0), 10);
  add(ValueView::of_integer(3), 30);
  add(ValueView::absent(), 40);
  CHECK(result(first, Aggregate::Kind::first) == Value(1.0));
  CHECK(result(last, Aggregate::Kind::last) == Value(3));
}

TEST_CASE("query aggregates: many at once are as each alone") {
  const std::array<std::int64_t, 4> integers = {5, -3, 5, 7};
  const std::array<double, 4> reals = {0.5, 7.0, -3.25, 0.5};
  const std::array<std::pair<State, std::vector<Aggregate::Kind>>, 6> all = {
      {{State::count, {Aggregate::Kind::count}},
       {State::unique, {Aggregate::Kind::count_unique}},
       {State::sum, {Aggregate::Kind::total, Aggregate::Kind::average}},
       {State::minimum, {Aggregate::Kind::minimum}},
       {State::maximum, {Aggregate::Kind::maximum}},
       {State::numbers, {Aggregate::Kind::p50, Aggregate::Kind::p95}}}};
  for (const auto& [kind, columns] : all) {
    AggregateState single(kind);
    AggregateState many(kind);
    for (const std::int64_t value : integers)
      single.add(ValueView::of_integer(value), 1);
    for (const double value : reals)
      single.add(ValueView::of_real(value), 1);
    many.add_integers(integers);
    many.add_reals(reals);
    for (const Aggregate::Kind column : columns)
      CHECK(result(single, column) == result(many, column));
  }
}

TEST_CASE("query order: a long sort puts all in order, and ends when its time is over") {
  test::Random random(1);
  std::vector<std::pair<std::size_t, std::size_t>> items;
  for (std::size_t i = 0; i < 50'000; ++i)
    items.emplace_back(pick(random, 500), i);
  QueryControl control;
  Pacer pacer(control);
  auto sorted = items;
  REQUIRE(sort_paced(sorted, std::less<>(), pacer));
  auto expected = items;
  std::sort(expected.begin(), expected.end());
  CHECK(sorted == expected);
  const SteppingClock clock;
  control.clock = &clock;
  control.deadline = std::chrono::steady_clock::time_point(std::chrono::seconds(20));
  Pacer hurried(control);
  CHECK(sort_paced(items, std::less<>(), hurried).code() == Errc::deadline_exceeded);
}
