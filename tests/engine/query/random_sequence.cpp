// Random sequences over random_data().
#include "tests/engine/query/sequence_reference.hpp"

#include <array>
#include <string>
#include <string_view>

namespace weir::test {
namespace {

using namespace std::chrono_literals;
constexpr std::array<std::string_view, 9> scalar_fields = {"payload.a", "payload.b.c", "payload.n",
                                                           "payload.s", "payload.t",   "metadata.user",
                                                           "timestamp", "position",    "context_id"};

std::string random_step_field(Random& random, std::size_t step) {
  return "s" + std::to_string(step) + "." + std::string(scalar_fields[pick(random, scalar_fields.size())]);
}

Expr random_comparison(Random& random, std::size_t steps) {
  const std::size_t left = pick(random, steps);
  const std::string name = random_step_field(random, left);
  if (pick(random, 8) == 0)
    return Expr::is_null(Expr::field(name));
  if (pick(random, 8) == 0)
    return Expr::exists(name);
  const auto comparison = static_cast<Comparison>(pick(random, 6));
  if (pick(random, 3) == 0) {
    const std::size_t right = pick(random, steps);
    // Mostly the same field, so that values are of one type.
    const std::string other = pick(random, 4) == 0 ? random_step_field(random, right)
                                                   : "s" + std::to_string(right) + name.substr(name.find('.'));
    return Expr::compare(Expr::field(name), comparison, Expr::field(other));
  }
  const std::string_view field = std::string_view(name).substr(name.find('.') + 1);
  Value literal = static_cast<std::int64_t>(pick(random, 3));
  if (field == "timestamp")
    literal = Timestamp(1'700'000'000'000'000us) + std::chrono::milliseconds(pick(random, 400));
  else if (field == "position")
    literal = static_cast<std::int64_t>(pick(random, 200));
  else if (field == "context_id")
    literal = "context-" + std::to_string(pick(random, 12));
  else if (pick(random, 3) == 0)
    literal = pick(random, 2) == 0 ? "a" : "b";
  return Expr::compare(Expr::field(name), comparison, Expr::literal(literal));
}

Expr random_term(Random& random, std::size_t steps, int depth) {
  if (depth == 0 || pick(random, 2) == 0)
    return random_comparison(random, steps);
  if (pick(random, 4) == 0)
    return !random_term(random, steps, depth - 1);
  Expr left = random_term(random, steps, depth - 1);
  Expr right = random_term(random, steps, depth - 1);
  return pick(random, 3) == 0 ? std::move(left) && std::move(right) : std::move(left) || std::move(right);
}

} // namespace

Query random_sequence(Random& random) {
  constexpr std::array<std::string_view, 8> links = {"context_id", "context_id",  "payload.a",  "metadata.user",
                                                     "payload.s",  "payload.b.c", "event_type", "payload.n"};
  constexpr std::array<std::string_view, 4> times = {"timestamp", "payload.t", "recorded_at", "payload.t"};
  std::vector<SequenceStep> steps;
  for (std::size_t i = 2 + pick(random, 3) * pick(random, 2); i > 0; --i)
    steps.push_back(
        {"type-" + std::to_string(pick(random, pick(random, 4) == 0 ? 5 : 2)), "s" + std::to_string(steps.size())});
  const std::size_t count = steps.size();
  Query query = Query::sequence(std::move(steps), links[pick(random, links.size())]);
  if (pick(random, 3) == 0)
    query.within(std::chrono::milliseconds(1 + pick(random, 300)));
  if (pick(random, 3) == 0)
    query.using_time(times[pick(random, times.size())]);
  if (pick(random, 8) == 0)
    query.for_contexts({"context-" + std::to_string(pick(random, 12)), "context-3"});
  else if (pick(random, 8) == 0)
    query.for_prefix("context-1");
  const Timestamp epoch = Timestamp(1'700'000'000'000'000us);
  if (pick(random, 8) == 0)
    query.since(epoch + std::chrono::milliseconds(pick(random, 200)));
  if (pick(random, 8) == 0)
    query.until(epoch + std::chrono::milliseconds(200 + pick(random, 200)));
  for (std::size_t i = pick(random, 3); i > 0; --i)
    query.where(random_term(random, count, 2));
  if (pick(random, 4) == 0)
    return query.count();
  std::vector<ReturnedField> columns;
  for (std::size_t i = pick(random, 4); i > 0; --i) {
    ReturnedField column{pick(random, 5) == 0 ? "s0.payload" : random_step_field(random, pick(random, count)), {}};
    if (pick(random, 2) == 0)
      column.name = "column" + std::to_string(i);
    columns.push_back(std::move(column));
  }
  query.returning(std::move(columns));
  for (std::size_t i = pick(random, 3); i > 0; --i)
    query.order_by(random_step_field(random, pick(random, count)), static_cast<SortOrder>(pick(random, 2)));
  if (pick(random, 3) == 0)
    query.limit(pick(random, 10));
  if (pick(random, 5) == 0)
    query.offset(pick(random, 5));
  return query;
}

} // namespace weir::test
