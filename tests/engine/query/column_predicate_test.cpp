#include "engine/query/column_loops.hpp"
#include "engine/query/compiled_query.hpp"
#include "engine/query/outcome_bits.hpp"
#include "engine/query/value_steps.hpp"

#include <doctest/doctest.h>

#include <array>
#include <limits>
#include <random>
#include <vector>

using namespace weir;
using namespace weir::query;

namespace {

constexpr std::array singles = {Outcomes::never(), Outcomes::unknown(), Outcomes::always()};

/// Every set that is not empty.
std::vector<Outcomes> all_sets() {
  std::vector<Outcomes> sets;
  for (unsigned bits = 1; bits < 8; ++bits) {
    Outcomes set;
    for (unsigned i = 0; i < 3; ++i)
      if ((bits >> i & 1u) != 0)
        set = set | singles[i];
    sets.push_back(set);
  }
  return sets;
}

/// The only leaf of a condition.
class OneLeaf {
public:
  explicit OneLeaf(Expr condition) {
    auto compiled = CompiledQuery::make(Query::all_types().where(std::move(condition)).count());
    REQUIRE(compiled.ok());
    query_ = *compiled;
    REQUIRE(query_->predicate.leaves().size() == 1);
  }
  [[nodiscard]] const Leaf& leaf() const { return query_->predicate.leaves().front(); }

private:
  std::shared_ptr<const CompiledQuery> query_;
};

template <class Domain> void check_steps(const Leaf& leaf, const std::vector<typename Domain::Type>& values) {
  const auto of = [&](const ValueView& view) { return leaf.evaluate(view); };
  const ValueSteps<Domain> steps(leaf.literals(), of);
  OutcomeBits out(values.size());
  steps.evaluate(values, out);
  for (std::size_t i = 0; i < values.size(); ++i) {
    CAPTURE(values[i]);
    const Outcomes expected = leaf.evaluate(Domain::view(values[i]));
    CHECK((steps.at(values[i]) == expected));
    CHECK((out.at(i) == expected));
  }
}

const std::vector<std::int64_t> integers = {std::numeric_limits<std::int64_t>::min(),
                                            -9007199254740993,
                                            -9007199254740992,
                                            -3,
                                            -2,
                                            -1,
                                            0,
                                            1,
                                            2,
                                            3,
                                            4,
                                            5,
                                            7,
                                            9,
                                            9007199254740991,
                                            9007199254740992,
                                            9007199254740993,
                                            9007199254740994,
                                            9223372036854775807};
const std::vector<double> reals = {-std::numeric_limits<double>::infinity(),
                                   -1e300,
                                   -9223372036854775808.0,
                                   -2.5,
                                   -0.0,
                                   0.0,
                                   std::numeric_limits<double>::denorm_min(),
                                   0.1,
                                   1,
                                   2,
                                   2.5,
                                   3,
                                   9007199254740992.0,
                                   9007199254740994.0,
                                   9223372036854775808.0,
                                   18446744073709551616.0,
                                   std::numeric_limits<double>::infinity()};
const std::vector<std::uint64_t> naturals = {
    0, 1, 2, 3, 9007199254740993u, 9223372036854775807u, 9223372036854775808u, 18446744073709551615u};

std::vector<Value> literals() {
  std::vector<Value> all = {Value(true), Value("a"), Value(-1), Value(18446744073709551615u)};
  for (const std::int64_t value : integers)
    all.emplace_back(value);
  for (const double value : reals)
    if (value - value == 0) // finite
      all.emplace_back(value);
  return all;
}

} // namespace

TEST_CASE("outcome bits: AND, OR and NOT are those of outcomes, for any two sets and at any row") {
  const auto sets = all_sets();
  const std::size_t rows = sets.size() * sets.size() + 64; // more than one word
  OutcomeBits both_bits(rows), either_bits(rows), not_bits(rows), other(rows);
  for (OutcomeBits* const bits : {&both_bits, &either_bits, &not_bits, &other})
    bits->fill(Outcomes());
  for (std::size_t i = 0; i < sets.size() * sets.size(); ++i) {
    both_bits.set(i, sets[i / sets.size()]);
    either_bits.set(i, sets[i / sets.size()]);
    not_bits.set(i, sets[i / sets.size()]);
    other.set(i, sets[i % sets.size()]);
  }
  both_bits.combine_both(other, {0, other.words()});
  either_bits.combine_either(other, {0, other.words()});
  not_bits.negate();
  for (std::size_t i = 0; i < sets.size() * sets.size(); ++i) {
    const Outcomes a = sets[i / sets.size()], b = sets[i % sets.size()];
    CHECK((both_bits.at(i) == both(a, b)));
    CHECK((either_bits.at(i) == either(a, b)));
    CHECK((not_bits.at(i) == negation(a)));
  }
}

TEST_CASE("outcome bits: what is asked for in some words changes nothing in others") {
  constexpr std::size_t rows = 300;
  constexpr WordWindow window = {1, 2};
  const auto in_window = [](std::size_t row) { return row >= 64 && row < 192; };
  OutcomeBits other(rows);
  other.fill(Outcomes::never());
  RowBits open(rows), values(rows), nulls(rows);
  open.add(0, rows);
  values.add(0, rows);
  for (const int call : {0, 1, 2, 3}) {
    CAPTURE(call);
    OutcomeBits out(rows);
    out.fill(Outcomes::unknown());
    switch (call) {
    case 0: out.combine_both(other, window); break;
    case 1: out.combine_either(other, window); break;
    case 2: out.decide_rest(window); break;
    default:
      out.set_marked(window, open.words(), values.words(), nulls.words(), Outcomes::unknown(), Outcomes::unknown());
    }
    for (std::size_t row = 0; row < rows; ++row)
      CHECK((out.at(row) == (in_window(row) && call != 1 ? Outcomes::never() : Outcomes::unknown())));
  }
}

TEST_CASE("row bits: ranges are added and removed, and rows visited in order") {
  RowBits rows(200);
  rows.add(3, 130);
  rows.remove(5, 128);
  std::vector<std::size_t> seen;
  rows.each([&](std::size_t row) { seen.push_back(row); });
  CHECK(seen == std::vector<std::size_t>{3, 4, 128, 129});
  CHECK(rows.count() == 4);
  rows.remove(0, 200);
  CHECK_FALSE(rows.any());
}

TEST_CASE("row bits: sets of zones of any size are copied, kept and compared") {
  for (const std::size_t size : {1u, 64u, 4'096u, 4'097u, 9'000u}) {
    CAPTURE(size);
    RowBits rows(size);
    rows.add(0, size);
    CHECK(rows.count() == size);
    RowBits copy = rows, other(7), none;
    other = rows;
    copy.remove(size - 1);
    CHECK(rows.contains(copy));
    CHECK_FALSE(copy.contains(rows));
    CHECK(other.count() == size);
    other = copy;
    CHECK(other.count() == size - 1);
    other = none;
    CHECK(other.rows() == 0);
    const RowBits& self = copy;
    copy = self;
    CHECK(copy.count() == size - 1);
    std::vector<std::uint64_t> shifted((size + 64) / 64 + 1); // of rows that begin anywhere in a word
    for (std::size_t row = 0; row < size; row += 3)
      shifted[(row + 11) / 64] |= std::uint64_t{1} << ((row + 11) % 64);
    rows.keep(shifted, 11);
    CHECK(rows.count() == (size + 2) / 3);
    CHECK(rows.has(0));
  }
}

TEST_CASE("outcome bits: rows that a segment marked are decided as value by value") {
  std::mt19937_64 random(5);
  for (const Outcomes of_absent : all_sets())
    for (const Outcomes of_null : all_sets()) {
      constexpr std::size_t rows = 150;
      RowBits open(rows), values(rows), nulls(rows);
      OutcomeBits out(rows);
      out.fill(Outcomes::any());
      std::ranges::fill(out.may_be_true(), 0);
      std::vector<Outcomes> expected(rows);
      for (std::size_t row = 0; row < rows; ++row) {
        if (random() % 3 == 0)
          continue;
        open.add(row);
        switch (random() % 4) {
        case 0: expected[row] = of_absent; break;
        case 1:
          nulls.add(row);
          expected[row] = of_null;
          break;
        case 2:
          values.add(row);
          expected[row] = Outcomes::never();
          break;
        default:
          values.add(row);
          out.may_be_true()[row / 64] |= std::uint64_t{1} << (row % 64);
          expected[row] = Outcomes::always();
        }
      }
      out.set_marked({0, out.words()}, open.words(), values.words(), nulls.words(), of_absent, of_null);
      for (std::size_t row = 0; row < rows; ++row)
        if (open.has(row))
          CHECK((out.at(row) == expected[row]));
    }
}

TEST_CASE("column loops: a range marks the rows within it, whatever the length") {
  std::mt19937_64 random(7);
  for (const std::size_t rows : {1u, 63u, 64u, 65u, 200u}) {
    std::vector<std::int64_t> values;
    for (std::size_t i = 0; i < rows; ++i)
      values.push_back(static_cast<std::int64_t>(random() % 20) - 10);
    RowBits marked(rows);
    mark_range<std::int64_t>(values, -3, 4, marked.words());
    for (std::size_t i = 0; i < rows; ++i)
      CHECK(marked.has(i) == (values[i] >= -3 && values[i] <= 4));
  }
}

TEST_CASE("value steps: a comparison is the same range by range as value by value, for any two kinds of numbers") {
  for (const Value& literal : literals()) {
    CAPTURE(to_json(literal));
    for (const Comparison comparison : {Comparison::equal, Comparison::not_equal, Comparison::less,
                                        Comparison::less_equal, Comparison::greater, Comparison::greater_equal}) {
      CAPTURE(static_cast<int>(comparison));
      const OneLeaf one(Expr::compare(Expr::field("payload.v"), comparison, Expr::literal(literal)));
      check_steps<IntegerDomain>(one.leaf(), integers);
      check_steps<RealDomain>(one.leaf(), reals);
      check_steps<BooleanDomain>(one.leaf(), {0, 1});
      check_steps<NaturalDomain>(one.leaf(), naturals);
    }
  }
}

TEST_CASE("value steps: IN with few values and with many, of several types") {
  std::mt19937_64 random(11);
  for (const std::size_t count : {1u, 3u, 8u, 9u, 200u}) {
    std::vector<Value> values;
    for (std::size_t i = 0; i < count; ++i) {
      if (i % 3 == 0)
        values.emplace_back(static_cast<double>(random() % 60) / 4);
      else
        values.emplace_back(static_cast<std::int64_t>(random() % 100) - 50);
    }
    if (count % 2 == 0)
      values.emplace_back("text"); // a miss is unknown then
    const OneLeaf one(Expr::one_of(Expr::field("payload.v"), values));
    std::vector<std::int64_t> numbers;
    std::vector<double> halves;
    for (int i = -60; i < 60; ++i) {
      numbers.push_back(i);
      halves.push_back(i / 4.0);
    }
    check_steps<IntegerDomain>(one.leaf(), numbers);
    check_steps<RealDomain>(one.leaf(), halves);
  }
}

TEST_CASE("value steps: conditions without an order are the same for every number") {
  for (const Expr& condition : {Expr::is_null(Expr::field("payload.v")), Expr::exists("payload.v"),
                                Expr::like(Expr::field("payload.v"), "1%")}) {
    const OneLeaf one(condition);
    check_steps<IntegerDomain>(one.leaf(), integers);
    check_steps<RealDomain>(one.leaf(), reals);
  }
}
