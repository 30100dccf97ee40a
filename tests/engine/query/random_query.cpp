#include "tests/engine/query/random_query.hpp"

#include <algorithm>
#include <array>
#include <chrono>
#include <limits>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace weir::test {
namespace {

constexpr std::array<std::string_view, 10> odd_names = {
    "order_placed", "a.b/c-d_e", "two words", "it's", "\"quoted\"", "where", "prefix", "{x}", "stats", "\u00e9;\n?"};
constexpr std::array<std::string_view, 7> core_fields = {"context_id", "event_type",  "sequence", "position",
                                                         "timestamp",  "recorded_at", "event_id"};
constexpr std::array<std::string_view, 8> paths = {
    "payload.a",   "payload.b.c",     "payload.\"odd key\"", "payload.0",
    "payload.not", "metadata.user.x", "payload.\"\"",        "metadata.\"say \"\"hi\"\"\".x"};
constexpr std::array<std::string_view, 8> column_names = {"x", "total", "Count", "n1", "_y", "lower", "first", "query"};
constexpr std::array<std::string_view, 4> step_names = {"a", "first_one", "count", "not"};
constexpr std::array<std::string_view, 8> texts = {"",     "a",   "it's", "\u00e9", "%a_", "2020-01-01T00:00:00Z",
                                                   "\\\\", "? :x"};

class Maker {
public:
  explicit Maker(std::mt19937_64& random) : random_(random) {}

  Query plan();
  Statement statement();

private:
  std::size_t pick(std::size_t end) { return std::uniform_int_distribution<std::size_t>(0, end - 1)(random_); }
  bool one_in(std::size_t n) { return pick(n) == 0; }
  std::string one_of(std::span<const std::string_view> list) { return std::string(list[pick(list.size())]); }
  std::vector<std::string> names(std::size_t most) {
    std::vector<std::string> made(pick(most + 1));
    for (std::string& name : made)
      name = one_of(odd_names);
    return made;
  }

  std::string field() {
    const std::string step = steps_.empty() ? "" : steps_[pick(steps_.size())] + ".";
    return step + (one_in(2) ? one_of(paths) : one_of(core_fields));
  }
  /// A field, or in HAVING a column.
  std::string name() { return columns_.empty() ? field() : columns_[pick(columns_.size())]; }
  Timestamp time();
  Value scalar();
  Value literal(bool time_too);
  Expr value(int depth);
  Expr condition(int depth);
  Expr call(int depth);
  Expr comparison(int depth);
  Expr time_value();

  void add_source(Query& query);
  void add_range(Query& query);
  void add_groups(Query& query);
  void add_rows(Query& query);
  std::string next_column();

  std::mt19937_64& random_;
  std::vector<std::string> steps_;
  std::vector<std::string> columns_;
  std::vector<std::string_view> free_names_{column_names.begin(), column_names.end()};
};

Timestamp Maker::time() {
  constexpr std::int64_t first = -62'135'596'800'000'000; // the year 1
  constexpr std::int64_t last = 253'402'300'799'999'999;  // the year 9999
  const std::int64_t microseconds = one_in(3) ? std::uniform_int_distribution<std::int64_t>(first, last)(random_)
                                              : static_cast<std::int64_t>(pick(1'000'000'000)) * 1'000;
  return Timestamp(std::chrono::microseconds(microseconds));
}

Value Maker::scalar() {
  switch (pick(9)) {
  case 0: return nullptr;
  case 1: return one_in(2);
  case 2: return static_cast<std::int64_t>(pick(200)) - 100;
  case 3: return one_in(2) ? std::numeric_limits<std::int64_t>::min() : std::numeric_limits<std::int64_t>::max();
  case 4: return std::numeric_limits<std::uint64_t>::max() - pick(3);
  case 5: return (static_cast<double>(pick(4'000)) - 2'000.0) / 16.0;
  case 6: return one_in(2) ? 1e300 : -5e-324;
  default: return one_of(texts);
  }
}

Value Maker::literal(bool time_too) {
  return time_too && one_in(5) ? Value(time()) : scalar();
}

Expr Maker::time_value() {
  switch (pick(3)) {
  case 0: return Expr::call(Function::time, {Expr::field(name())});
  case 1: return Expr::call(Function::date_trunc, {Expr::literal("week"), Expr::field(name())});
  default:
    return columns_.empty() ? Expr::field((steps_.empty() ? "" : steps_.front() + ".") + "recorded_at")
                            : Expr::call(Function::time, {Expr::field(name())});
  }
}

Expr Maker::call(int depth) {
  switch (pick(6)) {
  case 0: return Expr::call(Function::lower, {value(depth - 1)});
  case 1: return Expr::call(Function::length, {value(depth - 1)});
  case 2: return Expr::call(Function::abs, {value(depth - 1)});
  case 3: return Expr::call(Function::round, {value(depth - 1)});
  case 4: return Expr::call(Function::round, {value(depth - 1), Expr::literal(pick(16))});
  default: return time_value();
  }
}

Expr Maker::value(int depth) {
  const std::size_t kind = depth <= 0 ? pick(3) : pick(7);
  if (kind == 0)
    return Expr::literal(literal(true));
  if (kind <= 2)
    return Expr::field(name());
  if (kind <= 4)
    return Expr::arithmetic(static_cast<Arithmetic>(pick(5)), value(depth - 1), value(depth - 1));
  return kind == 5 ? Expr::minus(value(depth - 1)) : call(depth);
}

/// Times stand beside times and nulls only, so that it is valid.
Expr Maker::comparison(int depth) {
  const auto sign = static_cast<Comparison>(pick(6));
  if (one_in(4)) {
    const auto other = [&] { return one_in(2) ? Expr::literal(one_in(4) ? Value() : Value(time())) : time_value(); };
    return one_in(2) ? Expr::compare(time_value(), sign, other())
                     : Expr::between(time_value(), other(), Expr::literal(static_cast<std::int64_t>(pick(9'999))));
  }
  const auto timeless = [&] {
    return one_in(2) ? Expr::literal(scalar()) : Expr::arithmetic(Arithmetic::add, value(depth - 1), value(depth - 1));
  };
  const auto field = [&] { return Expr::call(Function::abs, {Expr::field(name())}); };
  if (one_in(2))
    return Expr::compare(field(), sign, timeless());
  return one_in(2) ? Expr::compare(timeless(), sign, field()) : Expr::between(field(), timeless(), timeless());
}

Expr Maker::condition(int depth) {
  if (depth > 0) {
    switch (pick(5)) {
    case 0: return condition(depth - 1) && condition(depth - 1);
    case 1: return condition(depth - 1) || condition(depth - 1);
    case 2: return !condition(depth - 1);
    default: break;
    }
  }
  switch (pick(7)) {
  case 0: return Expr::like(value(depth), one_of(texts));
  case 1: return Expr::is_null(value(depth));
  case 2: return columns_.empty() ? Expr::exists(field()) : Expr::is_null(value(depth));
  case 3: return Expr::contains(value(depth), scalar());
  case 4: {
    std::vector<Value> values(1 + pick(4));
    const bool times = one_in(2);
    for (Value& each : values)
      each = times ? Value(time()) : scalar();
    return Expr::one_of(times ? time_value() : Expr::call(Function::abs, {value(depth - 1)}), std::move(values));
  }
  default: return comparison(depth);
  }
}

std::string Maker::next_column() {
  if (free_names_.empty() || one_in(2))
    return {};
  const std::size_t chosen = pick(free_names_.size());
  std::string name(free_names_[chosen]);
  free_names_.erase(free_names_.begin() + static_cast<std::ptrdiff_t>(chosen));
  return name;
}

void Maker::add_source(Query& query) {
  if (!one_in(4)) {
    query = Query::types(names(3));
    return;
  }
  std::vector<SequenceStep> steps;
  for (std::size_t i = 0; i < 2 + pick(3); ++i) {
    if (i >= step_names.size())
      break;
    const bool named = one_in(2) || i != 0;
    steps.push_back({named ? one_of(odd_names) : "order", named ? std::string(step_names[i]) : std::string()});
    steps_.push_back(named ? steps.back().name : "order");
  }
  query = Query::sequence(std::move(steps), one_in(2) ? one_of(paths) : one_of(core_fields));
  if (one_in(2))
    query.within(std::chrono::microseconds(one_in(3)
                                               ? std::int64_t{1} + static_cast<std::int64_t>(pick(10'000'000))
                                               : static_cast<std::int64_t>(1 + pick(40)) *
                                                     std::array{1'000'000LL, 60'000'000LL, 86'400'000'000LL}[pick(3)]));
}

void Maker::add_range(Query& query) {
  if (one_in(3))
    query.for_contexts(names(3));
  else if (one_in(3))
    query.for_prefix(one_of(odd_names));
  if (one_in(3))
    query.since(time());
  if (one_in(3))
    query.until(time());
  if (one_in(4))
    query.using_time(one_in(2) ? "recorded_at" : one_of(paths));
  if (!one_in(3))
    query.where(condition(static_cast<int>(pick(5))));
}

void Maker::add_groups(Query& query) {
  for (std::size_t i = 0; i < 1 + pick(3); ++i) {
    const auto kind = query.is_sequence() ? Aggregate::Kind::count : static_cast<Aggregate::Kind>(pick(11));
    query.aggregate(kind, kind == Aggregate::Kind::count ? "" : field(), next_column());
  }
  if (!query.is_sequence()) {
    std::vector<std::string> groups;
    for (std::size_t i = pick(3); i > 0; --i)
      groups.push_back(field());
    query.by(groups);
    if (one_in(3))
      query.per(static_cast<TimeUnit>(pick(6)));
  }
  for (const Aggregate& aggregate : query.aggregates)
    columns_.push_back(column_name(aggregate));
  columns_.insert(columns_.end(), query.group_by.begin(), query.group_by.end());
  if (!query.is_sequence() && one_in(2))
    query.having(condition(static_cast<int>(pick(4))));
  for (std::size_t i = pick(3); i > 0; --i)
    query.order_by(columns_[pick(columns_.size())], static_cast<SortOrder>(pick(2)));
}

void Maker::add_rows(Query& query) {
  std::vector<ReturnedField> fields;
  for (std::size_t i = pick(4); i > 0; --i) {
    const std::string whole = (steps_.empty() ? "" : steps_.front() + ".") + "payload";
    fields.push_back({one_in(5) ? whole : field(), next_column()});
  }
  query.returning(fields);
  for (std::size_t i = pick(3); i > 0; --i) {
    const bool column = !fields.empty() && !fields.front().name.empty() && one_in(2);
    query.order_by(column ? fields.front().name : field(), static_cast<SortOrder>(pick(2)));
  }
}

Query Maker::plan() {
  Query query;
  add_source(query);
  add_range(query);
  if (one_in(2))
    add_groups(query);
  else
    add_rows(query);
  if (one_in(3))
    query.limit(one_in(5) ? std::numeric_limits<std::uint64_t>::max() : pick(30));
  if (one_in(4))
    query.offset(pick(10));
  return query;
}

Statement Maker::statement() {
  const std::string some_name = one_of(odd_names);
  switch (pick(10)) {
  case 0: return FlushStatement{};
  case 1: return PingStatement{};
  case 2: return ShowStatsStatement{};
  case 3: return ListViewsStatement{};
  case 4: return ShowViewStatement{some_name};
  case 5: return ForgetStatement{some_name};
  case 6: return RememberStatement{plan(), some_name};
  case 7: return QueryStatement{plan(), static_cast<QueryStatement::Explain>(pick(3))};
  case 8: {
    ReplayStatement replay{some_name, 1 + pick(3), one_in(2) ? sequence_max : pick(9), names(3), one_in(2), {}};
    if (one_in(2))
      replay.events_max = pick(9);
    return replay;
  }
  default: {
    StoreStatement store{some_name, one_of(odd_names), {}, one_in(2) ? "" : one_of(odd_names), "", "{}"};
    if (one_in(2))
      store.timestamp = time();
    if (one_in(2))
      store.metadata = R"({"a": "}\"{", "b": [{}]})";
    if (one_in(2))
      store.payload = "{\"x\":\n 1.50, \"' PAYLOAD\": {\"{\": \"\\\\\"}}";
    return store;
  }
  }
}

} // namespace

Query random_plan(std::mt19937_64& random) {
  return Maker(random).plan();
}

Statement random_statement(std::mt19937_64& random) {
  return Maker(random).statement();
}

} // namespace weir::test
