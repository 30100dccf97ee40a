#include "engine/query/predicate.hpp"

#include <algorithm>

namespace weir::query {
namespace {

/// More of them, and one row may take as long as a look at the deadline should be away.
constexpr std::size_t leaves_unwatched_max = 65'536;

} // namespace

Predicate Predicate::of_events(const Query& query, FieldTable& table) {
  Predicate predicate;
  EventSlots names(table);
  // The plan's own clauses come first: they are the cheapest, and a row that fails one is done with.
  const auto require = [&](const Expr& expression) { predicate.require(expression, names, &table); };
  const auto one_of = [&](std::string_view name, const std::vector<std::string>& texts) {
    if (texts.size() == 1)
      require(field(name) == texts.front());
    else if (!texts.empty())
      require(field(name).in({texts.begin(), texts.end()}));
  };
  one_of("event_type", query.event_types);
  one_of("context_id", query.context_ids);
  if (query.context_prefix)
    predicate.root_.terms.push_back(
        predicate.add_leaf(Leaf::has_prefix(names.slot("context_id"), *query.context_prefix, table)));
  const bool core_time = query.time_field == "timestamp" || query.time_field == "recorded_at";
  const Operand time = core_time ? field(query.time_field) : call(Function::time, {field(query.time_field)});
  if (query.since_time)
    require(time >= *query.since_time);
  if (query.until_time)
    require(time < *query.until_time);
  if (query.condition && !query.is_sequence())
    require(*query.condition);
  return predicate;
}

void Predicate::require(const Expr& expression, NameSlots& names, const FieldTable* table) {
  // Terms of an outer AND join the others, so that contexts() finds `context_id = '...'` among them.
  if (expression.kind() != Expr::Kind::conjunction) {
    root_.terms.push_back(compile(expression, names, table));
    return;
  }
  for (const Expr& term : expression.terms())
    root_.terms.push_back(compile(term, names, table));
}

Predicate::Node Predicate::compile(const Expr& expression, NameSlots& names, const FieldTable* table) {
  if (expression.kind() == Expr::Kind::between) {
    const Expr& operand = expression.terms()[0];
    Node node;
    node.terms.push_back(
        compile(Expr::compare(operand, Comparison::greater_equal, expression.terms()[1]), names, table));
    node.terms.push_back(compile(Expr::compare(operand, Comparison::less_equal, expression.terms()[2]), names, table));
    return node;
  }
  if (!is_tree(expression.kind()))
    return add_leaf(Leaf(expression, names, table));
  Node node;
  node.kind = expression.kind();
  for (const Expr& term : expression.terms())
    node.terms.push_back(compile(term, names, table));
  return node;
}

Predicate::Node Predicate::add_leaf(Leaf leaf) {
  Node node;
  node.kind = Expr::Kind::comparison;
  node.leaf = leaves_.size();
  leaves_.push_back(std::move(leaf));
  return node;
}

Outcomes Predicate::evaluate(RowValues row, Scratch& scratch, bool documents) const {
  const bool many = leaves_.size() > leaves_unwatched_max;
  return evaluate([&](std::size_t, const Leaf& leaf) {
    if (many && !scratch.watch().spend(1))
      return Outcomes::any();
    scratch.clear();
    return leaf.in_document() && !documents ? Outcomes::any() : leaf.evaluate(row, scratch);
  });
}

std::vector<std::string_view> Predicate::contexts() const {
  for (const Node& term : root_.terms) {
    if (is_tree(term.kind) || leaves_[term.leaf].core() != Core::context_id)
      continue;
    if (auto contexts = leaves_[term.leaf].required_texts(); !contexts.empty())
      return contexts;
  }
  return {};
}

} // namespace weir::query
