#include "engine/query/evaluate.hpp"

#include "engine/query/arithmetic.hpp"
#include "engine/query/like.hpp"
#include "engine/query/predicate.hpp"
#include "engine/time_text.hpp"
#include <weir/query.hpp>

#include <doctest/doctest.h>

#include <limits>
#include <random>
#include <string>
#include <string_view>
#include <vector>

using namespace weir;
using namespace weir::query;

namespace {

constexpr std::int64_t int64_min = std::numeric_limits<std::int64_t>::min();
constexpr std::int64_t int64_max = std::numeric_limits<std::int64_t>::max();
constexpr std::uint64_t uint64_max = std::numeric_limits<std::uint64_t>::max();
const Value none;

Value of(Arithmetic operation, const Value& left, const Value& right) {
  return to_value(computed(operation, ValueView::of(left), ValueView::of(right)));
}

/// There are no fields in what is evaluated here.
class NoNames final : public NameSlots {
public:
  std::size_t slot(std::string_view) override { return 0; }
};

Value constant(const Expr& expression) {
  NoNames names;
  const ValueExpression compiled(expression, names);
  REQUIRE(compiled.constant() != nullptr);
  return *compiled.constant();
}

Value called(Function function, const Value& argument) {
  return constant(Expr::call(function, {Expr::literal(argument)}));
}

Value rounded_to(const Value& value, int digits) {
  return to_value(rounded(ValueView::of(value), digits));
}

std::string truncated_text(TimeUnit unit, std::string_view text) {
  return format_timestamp(truncated(*parse_timestamp(text), unit));
}

} // namespace

TEST_CASE("query arithmetic: integers stay exact while 64 bits hold them, and turn to doubles beyond") {
  CHECK(of(Arithmetic::add, int64_max, 1) == Value(std::uint64_t{1} << 63U));
  CHECK(of(Arithmetic::add, uint64_max, 1) == Value(18446744073709551616.0));
  CHECK(of(Arithmetic::add, uint64_max, int64_min) == Value(int64_max));
  CHECK(of(Arithmetic::subtract, int64_min, 1) == Value(-9223372036854775808.0));
  CHECK(of(Arithmetic::subtract, uint64_max, uint64_max) == Value(0));
  CHECK(of(Arithmetic::multiply, 4294967296, 4294967295) == Value(std::uint64_t{4294967296} * 4294967295U));
  CHECK(of(Arithmetic::multiply, uint64_max, uint64_max) == Value(18446744073709551616.0 * 18446744073709551616.0));
  CHECK(of(Arithmetic::multiply, uint64_max, int64_min) == Value(-18446744073709551616.0 * 9223372036854775808.0));
  CHECK(of(Arithmetic::multiply, 0, int64_min) == Value(0));
  CHECK(to_value(negated(ValueView::of(Value(int64_min)))) == Value(std::uint64_t{1} << 63U));
  CHECK(to_value(negated(ValueView::of(Value(std::uint64_t{1} << 63U)))) == Value(int64_min));
  CHECK(to_value(magnitude(ValueView::of(Value(int64_min)))) == Value(std::uint64_t{1} << 63U));
}

TEST_CASE("query arithmetic: division is exact or the nearest double, and by zero there is nothing") {
  CHECK(of(Arithmetic::divide, 6, 3) == Value(2));
  CHECK(of(Arithmetic::divide, 7, 2) == Value(3.5));
  CHECK(of(Arithmetic::divide, -1, 3) == Value(-1.0 / 3));
  CHECK(of(Arithmetic::divide, int64_min, -1) == Value(std::uint64_t{1} << 63U));
  // Rounding both first would give 0.7098492131300242.
  CHECK(of(Arithmetic::divide, 5258986265376043509, 7408596316092197599) == Value(0.7098492131300244));
  CHECK(of(Arithmetic::divide, 1, 0) == none);
  CHECK(of(Arithmetic::divide, 1.0, -0.0) == none);
  CHECK(of(Arithmetic::remainder, -7, 3) == Value(-1));
  CHECK(of(Arithmetic::remainder, 7, -3) == Value(1));
  CHECK(of(Arithmetic::remainder, uint64_max, 10) == Value(5));
  CHECK(of(Arithmetic::remainder, 7, 0) == none);
  CHECK(of(Arithmetic::remainder, 7.0, 3) == none);
}

TEST_CASE("query arithmetic: what is no number or not finite is null") {
  CHECK(of(Arithmetic::multiply, 1e308, 10) == none);
  CHECK(of(Arithmetic::add, "1", 1) == none);
  CHECK(of(Arithmetic::add, true, 1) == none);
  CHECK(of(Arithmetic::add, none, 1) == none);
  CHECK(of(Arithmetic::add, Timestamp{}, 1) == none);
}

TEST_CASE("query functions: round goes by the exact value, halves away from zero") {
  CHECK(rounded_to(2.5, 0) == Value(3.0));
  CHECK(rounded_to(-2.5, 0) == Value(-3.0));
  CHECK(rounded_to(0.49999999999999994, 0) == Value(0.0));
  CHECK(rounded_to(0.125, 2) == Value(0.13));
  CHECK(rounded_to(-0.375, 2) == Value(-0.38));
  CHECK(rounded_to(0.25, 1) == Value(0.3));
  CHECK(rounded_to(0.0009765625, 9) == Value(0.000976563)); // 2^-10 ends in 5 at its tenth digit
  CHECK(rounded_to(2.675, 2) == Value(2.67));               // The double is below 2.675.
  CHECK(rounded_to(1e300, 15) == Value(1e300));
  CHECK(rounded_to(123456789.987654321, 3) == Value(123456789.988));
  CHECK(rounded_to(5, 2) == Value(5));
  CHECK(rounded_to(uint64_max, 0) == Value(uint64_max));
  CHECK(rounded_to("5", 0) == none);
}

TEST_CASE("query functions: text, lengths and times") {
  CHECK(called(Function::lower, "AbC\u00c4") == Value("abc\u00c4"));
  CHECK(called(Function::lower, 1) == none);
  CHECK(called(Function::length, "gr\u00fcn\u65e5") == Value(5));
  CHECK(called(Function::length, "") == Value(0));
  CHECK(called(Function::length, 12) == none);
  CHECK(called(Function::time, 1.5) == none);
  CHECK(called(Function::time, true) == none);
  CHECK(to_value(as_time(ValueView::of(std::string_view("2024-03-01T01:30:00+02:00")))) ==
        Value(*parse_timestamp("2024-02-29T23:30:00Z")));
  CHECK(to_value(as_time(ValueView::of(std::string_view("2024-02-30T00:00:00Z")))) == none);
  CHECK(to_value(as_time(ValueView::of_integer(int64_max))) == none);
  CHECK(to_value(as_time(ValueView::of_integer(-62'135'596'800'000))) ==
        Value(*parse_timestamp("0001-01-01T00:00:00Z")));
  CHECK(to_value(as_time(ValueView::of_integer(-62'135'596'800'001))) == none);
}

TEST_CASE("query functions: units of time begin where the calendar says, before 1970 too") {
  const std::string_view leap = "2024-02-29T23:59:59.999999Z"; // a Thursday
  CHECK(truncated_text(TimeUnit::minute, leap) == "2024-02-29T23:59:00.000000Z");
  CHECK(truncated_text(TimeUnit::hour, leap) == "2024-02-29T23:00:00.000000Z");
  CHECK(truncated_text(TimeUnit::day, leap) == "2024-02-29T00:00:00.000000Z");
  CHECK(truncated_text(TimeUnit::week, leap) == "2024-02-26T00:00:00.000000Z");
  CHECK(truncated_text(TimeUnit::month, leap) == "2024-02-01T00:00:00.000000Z");
  CHECK(truncated_text(TimeUnit::year, leap) == "2024-01-01T00:00:00.000000Z");
  CHECK(truncated_text(TimeUnit::week, "2024-03-03T12:00:00Z") == "2024-02-26T00:00:00.000000Z"); // Sunday
  CHECK(truncated_text(TimeUnit::week, "2024-03-04T00:00:00Z") == "2024-03-04T00:00:00.000000Z"); // Monday
  CHECK(truncated_text(TimeUnit::minute, "1969-12-31T23:59:59Z") == "1969-12-31T23:59:00.000000Z");
  CHECK(truncated_text(TimeUnit::week, "0001-01-01T00:00:00Z") == "0001-01-01T00:00:00.000000Z");
  CHECK(truncated_text(TimeUnit::year, "9999-12-31T23:59:59Z") == "9999-01-01T00:00:00.000000Z");
}

TEST_CASE("query like: % and _ stand for characters, \\ for the next as it is") {
  const auto like = [](std::string_view text, std::string_view pattern) { return LikePattern(pattern).matches(text); };
  CHECK(like("", ""));
  CHECK(like("", "%"));
  CHECK_FALSE(like("", "_"));
  CHECK(like("gr\u00fcn", "gr_n"));
  CHECK_FALSE(like("gr\u00fcn", "gr__n"));
  CHECK(like("\u65e5\u672c", "__"));
  CHECK(like("\u65e5\u672c", "%\u672c"));
  CHECK(like("50%", "50\\%"));
  CHECK_FALSE(like("50x", "50\\%"));
  CHECK(like("a\\b", "a\\\\b"));
  CHECK(like("abcabcabd", "%abc%abd"));
  CHECK_FALSE(like("Abc", "a%"));
  CHECK(LikePattern("ab\\%c_%").prefix() == "ab%c");
  // Characters never match in their middle: the second byte of one is no _.
  CHECK_FALSE(like("\u00fc", "%__"));
}

TEST_CASE("query like: many % cost no exponential time") {
  std::string pattern;
  for (int i = 0; i < 1'000; ++i)
    pattern += "%a";
  pattern += "b";
  CHECK_FALSE(LikePattern(pattern).matches(std::string(20'000, 'a'))); // It would not end.
}

namespace {

/// The rule itself, without a thought of what it costs.
bool fits(std::u32string_view text, std::u32string_view pattern) {
  if (pattern.empty())
    return text.empty();
  if (pattern.front() == U'%')
    return fits(text, pattern.substr(1)) || (!text.empty() && fits(text.substr(1), pattern));
  return !text.empty() && (pattern.front() == U'_' || pattern.front() == text.front()) &&
         fits(text.substr(1), pattern.substr(1));
}

std::string utf8_of(std::u32string_view text) {
  std::string out;
  for (const char32_t c : text) {
    if (c < 0x80)
      out += static_cast<char>(c);
    else if (c < 0x800)
      out += {static_cast<char>(0xC0 | (c >> 6)), static_cast<char>(0x80 | (c & 0x3F))};
    else
      out += {static_cast<char>(0xE0 | (c >> 12)), static_cast<char>(0x80 | ((c >> 6) & 0x3F)),
              static_cast<char>(0x80 | (c & 0x3F))};
  }
  return out;
}

/// Later by a second each time it is asked, so that looks can be counted and bounded.
class SteppingClock final : public io::Clock {
public:
  [[nodiscard]] Timestamp now() const override { return {}; }
  [[nodiscard]] std::chrono::steady_clock::time_point steady_now() const override {
    return std::chrono::steady_clock::time_point(std::chrono::seconds(++looks));
  }
  mutable std::uint64_t looks = 0;
};

QueryControl control_of(const SteppingClock& clock, int looks) {
  QueryControl control;
  control.clock = &clock;
  control.deadline = std::chrono::steady_clock::time_point(std::chrono::seconds(looks));
  return control;
}

} // namespace

TEST_CASE("query like: any pattern says of any text what the rule says") {
  std::mt19937_64 random(7);
  const auto made = [&](std::u32string_view alphabet, std::size_t size_max) {
    std::u32string text;
    for (std::size_t left = random() % (size_max + 1); left > 0; --left)
      text += alphabet[random() % alphabet.size()];
    return text;
  };
  std::size_t matches = 0;
  for (int i = 0; i < 20'000; ++i) {
    const std::u32string text = made(U"ab\u00fc\u65e5", 10);
    std::u32string pattern = made(U"ab\u00fc\u65e5__%%", 7);
    const bool expected = fits(text, pattern);
    matches += expected ? 1 : 0;
    if (LikePattern(utf8_of(pattern)).matches(utf8_of(text)) != expected)
      FAIL("text: ", utf8_of(text), ", pattern: ", utf8_of(pattern));
    // A run that is too long for a word, with as much in front of the text.
    const std::u32string long_run(70, U'b');
    pattern = U"%_" + long_run + pattern + U"%";
    const std::u32string longer = U"ab" + long_run + text;
    if (i % 20 == 0 && LikePattern(utf8_of(pattern)).matches(utf8_of(longer)) != fits(longer, pattern))
      FAIL("text: ", utf8_of(longer), ", pattern: ", utf8_of(pattern));
  }
  CHECK(matches > 1'000);
}

TEST_CASE("query like: a run with _ between % costs a step for each byte, or is watched") {
  const std::string text(1u << 20, 'a');
  std::string run;
  while (run.size() < 62)
    run += "_a";
  const SteppingClock clock;
  const QueryControl control = control_of(clock, 50);
  Pacer pacer(control);
  Watch watch(pacer);
  CHECK_FALSE(LikePattern("%" + run + "b%").matches(text, &watch));
  CHECK(watch.going().ok());
  CHECK(clock.looks == 1); // 2^20 bytes, 2^8 a piece of work, 2^12 pieces a look.
  for (int i = 0; i < 2'000; ++i)
    run += "_a";
  CHECK_FALSE(LikePattern("%" + run + "b%").matches(text, &watch));
  CHECK(watch.going().code() == Errc::deadline_exceeded);
  CHECK_FALSE(watch.spend(0));
}

TEST_CASE("query leaves: what texts cost is watched, and a watch that is over ends the evaluation") {
  FieldTable table;
  EventSlots names(table);
  Predicate predicate;
  const std::string text = R"([")" + std::string(1u << 20, 'a') + R"("])";
  // Each reads a megabyte; without a look in between a thousand of them would take a second and more.
  Expr all = field("payload.a").contains("b") || call(Function::lower, {field("payload.b")}) == "b";
  for (int i = 0; i < 500; ++i)
    all = std::move(all) || field("payload.a").contains("b") || call(Function::lower, {field("payload.b")}) == "b";
  predicate.require(all, names, &table);
  std::vector<ValueView> row(2);
  row[names.slot("payload.a")] = {Value::Kind::json, text};
  row[names.slot("payload.b")] = ValueView::of(std::string_view(text));
  const SteppingClock clock;
  const QueryControl control = control_of(clock, 20);
  Pacer pacer(control);
  Scratch scratch(pacer);
  (void)predicate.evaluate(row, scratch);
  CHECK(scratch.watch().going().code() == Errc::deadline_exceeded);
  CHECK(clock.looks == 20);
}

TEST_CASE("query scratch: texts of thousands of terms, and of ever longer rows, take the memory of one") {
  FieldTable table;
  EventSlots names(table);
  const Expr made = Expr::call(Function::lower, {Expr::field("payload.a")});
  Expr any = Expr::compare(made, Comparison::equal, Expr::literal("no text"));
  for (int i = 0; i < 100; ++i)
    any = std::move(any) || Expr::compare(made, Comparison::equal, Expr::literal("none " + std::to_string(i)));
  Expr sum = Expr::call(Function::length, {made});
  for (int i = 0; i < 5; ++i)
    sum = Expr::arithmetic(Arithmetic::add, sum, sum);
  Predicate predicate;
  predicate.require(any, names, &table);
  const ValueExpression lengths(sum, names);

  Scratch scratch;
  constexpr std::size_t longest = 100'000;
  for (std::size_t size = 1'000; size <= longest; size += 500) {
    const std::string text(size, 'A');
    const std::vector row{ValueView::of(std::string_view(text))};
    CHECK(predicate.evaluate(row, scratch).is_false());
    scratch.clear();
    CHECK(to_value(lengths.evaluate(row, scratch)) == Value(32 * size));
  }
  CHECK(scratch.bytes() < 4 * longest);
}

TEST_CASE("query leaves: a range says of a prefix and of LIKE what all values in it do") {
  FieldTable table;
  EventSlots names(table);
  const auto range = [](const Leaf& leaf, std::string_view low, std::string_view high) {
    return leaf.evaluate_range(ValueView::of(low), ValueView::of(high));
  };
  const Outcomes open = Outcomes::never() | Outcomes::always();
  const Leaf prefix = Leaf::has_prefix(names.slot("context_id"), "order-", table);
  CHECK(range(prefix, "a", "b") == Outcomes::never());
  CHECK(range(prefix, "p", "q") == Outcomes::never());
  CHECK(range(prefix, "order", "order,z") == Outcomes::never());
  CHECK(range(prefix, "order-1", "order-9") == Outcomes::always());
  CHECK(range(prefix, "a", "order-") == open);
  CHECK(range(prefix, "order-9", "z") == open);
  CHECK(range(prefix, "a", "z") == open);
  CHECK(prefix.evaluate(ValueView::of(std::string_view("order-7"))) == Outcomes::always());
  CHECK(prefix.evaluate(ValueView::of(std::string_view("order"))) == Outcomes::never());
  const Leaf like(field("payload.s").like("ab%c"), names, &table);
  CHECK(range(like, "a", "aa") == Outcomes::never());
  CHECK(range(like, "abc", "abd") == open);
  CHECK(like.evaluate_range(ValueView::of_integer(1), ValueView::of_integer(2)) == Outcomes::unknown());
}

TEST_CASE("query leaves: one is simple if it sees one field beside literals, on either side") {
  FieldTable table;
  EventSlots names(table);
  const auto leaf = [&](const Expr& expression) { return Leaf(expression, names, &table); };
  const Leaf turned = leaf(Expr::compare(Expr::literal(5), Comparison::less, Expr::field("payload.a")));
  CHECK(turned.is_simple());
  CHECK(turned.comparison() == Comparison::greater);
  CHECK(turned.evaluate(ValueView::of_integer(6)).is_true());
  CHECK(leaf(field("payload.a") == Operand(Expr::literal(2)) * 3).is_simple()); // Computed once.
  CHECK_FALSE(leaf(field("payload.a") + 1 == 3).is_simple());
  CHECK_FALSE(leaf(field("payload.a") == field("payload.b")).is_simple());
  CHECK(leaf(field("payload.a") == field("payload.b")).slots().size() == 2);
  CHECK(leaf(field("payload.a") + field("payload.a") == 3).slots().size() == 1);
  CHECK_FALSE(leaf(field("payload.a") == field("payload.a")).is_simple());
  CHECK(leaf(exists("payload.a")).is_simple());
  CHECK(leaf(field("context_id") == "x").core() == Core::context_id);
  CHECK_FALSE(leaf(field("payload.a") == "x").core());
}
