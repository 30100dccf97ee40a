// Query texts from anywhere: a plan prints to a text that gives the same plan and the same text, and its answer over a
// few events is the same with and without pruning, and that of the naive evaluator.
#include "trust/fuzz/fuzz.hpp"

#include "engine/query/executor.hpp"
#include "tests/engine/query/reference.hpp"

#include <weir/query.hpp>

#include <algorithm>
#include <set>

using namespace weir;
using namespace weir::fuzz;

namespace {

const test::RandomData& data() {
  static const test::RandomData made = [] {
    test::Random random(5);
    return test::random_data(random, 60);
  }();
  return made;
}

/// Fields the naive evaluator knows of.
bool known(const std::string& field) {
  static const std::set<std::string> fields = {
      "context_id",    "event_type", "sequence",  "position",  "timestamp",   "recorded_at",
      "event_id",      "metadata",   "payload",   "payload.a", "payload.b.c", "payload.\"odd key\"",
      "metadata.user", "count",      "payload.n", "payload.s", "payload.t",   "payload.missing"};
  return fields.contains(field);
}
/// The reference tries every way that a pattern may match, and knows the times in the data alone.
bool known(const Expr& expression) {
  if (expression.kind() == Expr::Kind::field || expression.kind() == Expr::Kind::exists)
    return known(expression.name());
  if (expression.kind() == Expr::Kind::like && expression.value().as_string()->size() > 12)
    return false;
  if (expression.kind() == Expr::Kind::call && expression.function() == Function::time &&
      expression.terms().front().kind() != Expr::Kind::field)
    return false;
  return std::all_of(expression.terms().begin(), expression.terms().end(),
                     [](const Expr& term) { return known(term); });
}
bool known(const Query& query) {
  const auto all_known = [](const auto& list, auto name_of) {
    return std::all_of(list.begin(), list.end(), [&](const auto& each) { return known(std::string(name_of(each))); });
  };
  // HAVING and ORDER BY of groups have columns of the answer; their names are fields here, or there is no check.
  return !query.is_sequence() && known(query.time_field) && !query.group_condition &&
         all_known(query.fields, [](const ReturnedField& column) { return column.field; }) &&
         all_known(query.group_by, [](const std::string& name) { return name; }) &&
         all_known(query.aggregates, [](const Aggregate& each) { return each.field.empty() ? "count" : each.field; }) &&
         (!query.condition || known(*query.condition)) &&
         all_known(query.order, [](const OrderTerm& term) { return term.name; });
}

void check_answers(const Query& plan) {
  query::QueryControl control;
  control.result_bytes_max = 4 * MiB;
  const auto pruned = query::run(plan, data().shards, control);
  control.prune = false;
  const auto full = query::run(plan, data().shards, control);
  if (!pruned || !full) {
    require(pruned.code() == full.code() && full.code() == Errc::too_large, "a valid plan runs");
    return;
  }
  require(pruned->rows == full->rows && pruned->columns == full->columns, "pruning changes no answer");
  if (known(plan))
    require(full->rows == test::reference_rows(plan, data().events), "the answer is that of the naive evaluator");
}

} // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* bytes, std::size_t size) {
  const std::string_view text = text_of(bytes, size);
  const auto plan = parse_query(text);
  if (!plan) {
    require(plan.code() == Errc::parse_error || plan.code() == Errc::too_large || plan.code() == Errc::invalid_argument,
            "a text is refused as such");
    (void)caret(text, plan.error());
    return 0;
  }
  require(plan->validate().ok(), "a parsed plan is valid");
  const std::string printed = to_text(*plan);
  const auto again = parse_query(printed);
  require(again.ok() && *again == *plan, "a printed plan is read back");
  require(to_text(*again) == printed, "printing is a fixpoint");
  check_answers(*plan);
  return 0;
}
