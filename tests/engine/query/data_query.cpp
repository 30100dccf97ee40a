// Random queries whose answers are worth comparing: over the fields and values of random_data.cpp.
#include "tests/engine/query/random_data.hpp"

#include <algorithm>
#include <array>
#include <span>
#include <string_view>
#include <utility>

namespace weir::test {
namespace {

constexpr std::array<std::string_view, 8> paths = {"payload.a", "payload.b.c", "payload.\"odd key\"", "payload.n",
                                                   "payload.s", "payload.t",   "payload.missing",     "metadata.user"};
constexpr std::array<std::string_view, 5> untimed_core = {"context_id", "event_type", "sequence", "position",
                                                          "event_id"};
constexpr std::array<std::string_view, 2> timed_core = {"timestamp", "recorded_at"};
constexpr std::array<std::string_view, 6> units = {"minute", "hour", "day", "week", "month", "year"};
constexpr std::array<std::string_view, 14> patterns = {"%",  "",   "_",     "a%",     "%e%",   "gr_n%", "gr__n",
                                                       "%_", "b_", "%\\%%", "%\\_c%", "%t-1%", "id-1%", "%\u00e9%"};

class Maker {
public:
  explicit Maker(Random& random) : random_(random) {}
  Query query();

private:
  bool one_in(std::size_t n) { return pick(random_, n) == 0; }
  std::string one_of(std::span<const std::string_view> list) { return std::string(list[pick(random_, list.size())]); }
  std::string path() { return one_of(paths); }
  std::string untimed() { return one_in(3) ? one_of(untimed_core) : path(); }
  std::string any_field() { return one_in(6) ? one_of(timed_core) : untimed(); }
  Comparison comparison() { return static_cast<Comparison>(pick(random_, 6)); }

  Value literal_for(std::string_view field);
  Value sample();
  Expr number(int depth);
  Expr text();
  Expr time();
  Expr simple();
  Expr computed();
  Expr of_times();
  Expr condition(int depth);
  Expr having(const std::vector<std::string>& columns, int depth);
  void add_groups(Query& query);
  void add_rows(Query& query);

  Random& random_;
};

/// A scalar that a query can spell.
Value Maker::sample() {
  while (true) {
    Value value = random_sample(random_);
    if (value.kind() != Value::Kind::json)
      return value;
  }
}

Value Maker::literal_for(std::string_view field) {
  if (one_in(8))
    return sample();
  if (field == "sequence" || field == "position") {
    const std::size_t number = pick(random_, 120);
    return one_in(6) ? Value(static_cast<double>(number) + 0.5) : Value(number);
  }
  if (field == "context_id")
    return "context-" + std::to_string(pick(random_, 12));
  if (field == "event_type")
    return "type-" + std::to_string(pick(random_, 5));
  if (field == "event_id")
    return "id-" + std::to_string(pick(random_, 200));
  if (field == "payload.n")
    return one_in(4) ? Value(static_cast<double>(pick(random_, 160)) / 8.0 - 5.0)
                     : Value(static_cast<std::int64_t>(pick(random_, 40)) - 10);
  if (field == "payload.s")
    return std::array{"red", "green", "Blue", "", "gr\u00fcn", "gr"}[pick(random_, 6)];
  return sample();
}

Expr Maker::number(int depth) {
  const std::size_t kind = depth == 0 ? pick(random_, 3) : pick(random_, 8);
  switch (kind) {
  case 0: return Expr::field(one_in(2) ? "payload.n" : untimed());
  case 1: return Expr::field(one_in(2) ? "payload.n" : std::string(one_of(std::span(untimed_core).subspan(2, 2))));
  case 2: {
    const Value value = sample();
    return Expr::literal(one_in(2) || !value.as_double() ? Value(static_cast<std::int64_t>(pick(random_, 9)) - 3)
                                                         : value);
  }
  case 3: return Expr::minus(number(depth - 1));
  case 4: {
    std::vector<Expr> terms = {number(depth - 1)};
    if (one_in(2))
      return Expr::call(Function::abs, std::move(terms));
    if (one_in(2))
      terms.push_back(Expr::literal(pick(random_, 4)));
    return Expr::call(Function::round, std::move(terms));
  }
  case 5: return Expr::call(Function::length, {Expr::field(untimed())});
  default: return Expr::arithmetic(static_cast<Arithmetic>(pick(random_, 5)), number(depth - 1), number(depth - 1));
  }
}

Expr Maker::text() {
  Expr field = Expr::field(one_in(2) ? "payload.s" : untimed());
  return one_in(2) ? Expr::call(Function::lower, {std::move(field)}) : field;
}

Expr Maker::time() {
  Expr made = Expr::field(one_of(timed_core));
  if (one_in(2))
    made = Expr::call(Function::time, {Expr::field(one_in(3) ? untimed() : "payload.t")});
  if (one_in(2))
    made = Expr::call(Function::date_trunc, {Expr::literal(one_of(units)), std::move(made)});
  return made;
}

/// One field against literals.
Expr Maker::simple() {
  const std::string name = untimed();
  Expr operand = Expr::field(name);
  switch (pick(random_, 10)) {
  case 0: {
    std::vector<Value> values(1 + pick(random_, 5));
    for (Value& value : values)
      value = literal_for(name);
    return Expr::one_of(std::move(operand), std::move(values));
  }
  case 1: return Expr::between(std::move(operand), Expr::literal(literal_for(name)), Expr::literal(literal_for(name)));
  case 2: return Expr::is_null(std::move(operand));
  case 3: return Expr::exists(name);
  case 4: return Expr::like(std::move(operand), one_of(patterns));
  case 5: return Expr::contains(Expr::field(path()), sample());
  case 6: return Expr::compare(Expr::literal(literal_for(name)), comparison(), std::move(operand));
  default: return Expr::compare(std::move(operand), comparison(), Expr::literal(literal_for(name)));
  }
}

Expr Maker::computed() {
  switch (pick(random_, 8)) {
  case 0: return Expr::compare(text(), comparison(), text());
  case 1: return Expr::like(text(), one_of(patterns));
  case 2: return Expr::one_of(number(2), {sample(), sample(), Value(static_cast<std::int64_t>(pick(random_, 5)))});
  case 3: return Expr::between(number(1), number(1), number(1));
  case 4: return Expr::is_null(number(2));
  case 5: return Expr::compare(Expr::field(untimed()), comparison(), Expr::field(untimed()));
  default: return Expr::compare(number(2), comparison(), number(2));
  }
}

Expr Maker::of_times() {
  switch (pick(random_, 5)) {
  case 0: return Expr::between(time(), Expr::literal(random_time(random_)), Expr::literal(random_time(random_)));
  case 1: return Expr::one_of(time(), {random_time(random_), random_time(random_)});
  case 2: return Expr::compare(time(), comparison(), time());
  case 3: return Expr::is_null(time());
  default: return Expr::compare(time(), comparison(), Expr::literal(random_time(random_)));
  }
}

Expr Maker::condition(int depth) {
  if (depth > 0) {
    switch (pick(random_, 6)) {
    case 0:
    case 1: return condition(depth - 1) && condition(depth - 1);
    case 2: return condition(depth - 1) || condition(depth - 1);
    case 3: return !condition(depth - 1);
    default: break;
    }
  }
  if (one_in(6))
    return of_times();
  return one_in(3) ? computed() : simple();
}

Expr Maker::having(const std::vector<std::string>& columns, int depth) {
  if (depth > 0 && one_in(2)) {
    Expr left = having(columns, depth - 1);
    return one_in(3)   ? !std::move(left)
           : one_in(2) ? std::move(left) && having(columns, depth - 1)
                       : std::move(left) || having(columns, depth - 1);
  }
  const auto column = [&] { return Expr::field(columns[pick(random_, columns.size())]); };
  const Expr small = Expr::arithmetic(Arithmetic::add, Expr::literal(static_cast<std::int64_t>(pick(random_, 9)) - 2),
                                      Expr::literal(0));
  switch (pick(random_, 4)) {
  case 0: return Expr::compare(column(), comparison(), column());
  case 1: return Expr::is_null(column());
  case 2: return Expr::compare(Expr::arithmetic(Arithmetic::multiply, column(), column()), comparison(), small);
  default: return Expr::compare(column(), comparison(), small);
  }
}

void Maker::add_groups(Query& query) {
  constexpr std::array<std::string_view, 4> names = {"x", "y", "z", "w"};
  std::vector<std::string> columns;
  const std::size_t aggregates = 1 + pick(random_, 4);
  for (std::size_t i = 0; i < aggregates; ++i) {
    const auto kind = one_in(3) ? Aggregate::Kind::count : static_cast<Aggregate::Kind>(pick(random_, 11));
    const std::string field = kind == Aggregate::Kind::count ? "" : one_in(2) ? "payload.n" : any_field();
    query.aggregate(kind, field, one_in(3) ? names[i] : "");
    columns.push_back(column_name(query.aggregates.back()));
  }
  std::vector<std::string> groups;
  for (std::size_t i = pick(random_, 3); i > 0; --i)
    groups.push_back(one_in(4) ? "payload.s" : any_field());
  query.by(groups);
  columns.insert(columns.end(), groups.begin(), groups.end());
  if (one_in(3)) {
    query.per(static_cast<TimeUnit>(pick(random_, 6)));
    columns.emplace_back(units[static_cast<std::size_t>(*query.per_unit)]);
  }
  if (one_in(3))
    query.having(having(columns, 2));
  for (std::size_t i = pick(random_, 3); i > 0; --i)
    query.order_by(columns[pick(random_, columns.size())], static_cast<SortOrder>(pick(random_, 2)));
}

void Maker::add_rows(Query& query) {
  constexpr std::array<std::string_view, 4> names = {"x", "y", "z", "w"};
  std::vector<ReturnedField> fields;
  for (std::size_t i = pick(random_, 5); i > 0; --i)
    fields.push_back({one_in(8) ? "payload" : any_field(), one_in(3) ? std::string(names[i - 1]) : ""});
  query.returning(fields);
  for (std::size_t i = pick(random_, 3); i > 0; --i) {
    const bool named = !fields.empty() && !fields.front().name.empty() && fields.front().field != "payload";
    query.order_by(named && one_in(2) ? fields.front().name : any_field(), static_cast<SortOrder>(pick(random_, 2)));
  }
}

Query Maker::query() {
  Query query;
  for (std::size_t i = pick(random_, 4); i > 1; --i)
    query.event_types.push_back("type-" + std::to_string(pick(random_, 6)));
  if (one_in(6))
    query.for_prefix(std::array{"context-", "context-1", "context-5", "c", "d", "context-10x"}[pick(random_, 6)]);
  else if (one_in(4)) {
    std::vector<std::string> contexts;
    for (std::size_t i = 0; i < 1 + pick(random_, 3); ++i)
      contexts.push_back("context-" + std::to_string(pick(random_, 13)));
    query.for_contexts(contexts);
  }
  if (one_in(4))
    query.since(random_time(random_));
  if (one_in(4))
    query.until(random_time(random_));
  if (one_in(3))
    query.using_time(one_in(3) ? "recorded_at" : one_in(3) ? path() : "payload.t");
  if (!one_in(4))
    query.where(condition(3));
  if (one_in(2))
    add_groups(query);
  else
    add_rows(query);
  if (one_in(3))
    query.limit(pick(random_, 30));
  if (one_in(5))
    query.offset(pick(random_, 10));
  return query;
}

} // namespace

Query random_query(Random& random) {
  return Maker(random).query();
}

} // namespace weir::test
