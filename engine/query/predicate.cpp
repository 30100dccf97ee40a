#include "engine/query/predicate.hpp"

#include <algorithm>

namespace weir::query {
namespace {

Outcomes holds(Comparison comparison, std::weak_ordering order) noexcept {
  switch (comparison) {
  case Comparison::equal: return Outcomes::of(order == 0);
  case Comparison::not_equal: return Outcomes::of(order != 0);
  case Comparison::less: return Outcomes::of(order < 0);
  case Comparison::less_equal: return Outcomes::of(order <= 0);
  case Comparison::greater: return Outcomes::of(order > 0);
  case Comparison::greater_equal: return Outcomes::of(order >= 0);
  }
  return Outcomes::any();
}

bool is_equality(Comparison comparison) noexcept {
  return comparison == Comparison::equal || comparison == Comparison::not_equal;
}

unsigned rank_bit(Rank rank) noexcept {
  return 1u << static_cast<unsigned>(rank);
}

bool value_before(const Value& literal, const ValueView& value) noexcept {
  return total_order(ValueView::of(literal), value) < 0;
}

} // namespace

Leaf::Leaf(std::size_t slot, const FieldTable& table, const Expr& expression)
    : slot_(slot), core_(table[slot].core), in_document_(table[slot].has_path),
      list_(expression.kind() == Expr::Kind::one_of), comparison_(expression.comparison()),
      literals_(expression.values()) {
  if (!list_)
    return;
  // A list may have thousands of values; sorted, a row costs one search.
  std::sort(literals_.begin(), literals_.end(), [](const Value& a, const Value& b) { return total_order(a, b) < 0; });
  for (const Value& literal : literals_)
    ranks_ |= rank_bit(rank(literal.kind()));
}

std::optional<std::string_view> Leaf::required_text() const noexcept {
  const bool equality = list_ ? literals_.size() == 1 : comparison_ == Comparison::equal;
  return equality ? literals_.front().as_string() : std::nullopt;
}

bool Leaf::list_has(Rank rank) const noexcept {
  return (ranks_ & rank_bit(rank)) != 0;
}

/// IN is an OR of equalities: where none holds, one literal of another type makes it unknown.
Outcomes Leaf::list_miss(Rank of) const noexcept {
  const unsigned comparable = rank_bit(Rank::null) | rank_bit(of);
  return (ranks_ & ~comparable) != 0 ? Outcomes::unknown() : Outcomes::never();
}

Outcomes Leaf::evaluate_list(const ValueView& value) const noexcept {
  const Rank of = rank(value.kind);
  if (list_has(of)) { // Null finds null; JSON is never in a list.
    const auto found = std::lower_bound(literals_.begin(), literals_.end(), value, value_before);
    if (found != literals_.end() && total_order(ValueView::of(*found), value) == 0)
      return Outcomes::always();
  }
  return list_miss(of);
}

Outcomes Leaf::evaluate(const ValueView& value) const noexcept {
  if (list_)
    return evaluate_list(value);
  const ValueView literal = ValueView::of(literals_.front());
  if (literal.kind == Value::Kind::null && is_equality(comparison_))
    return Outcomes::of((value.kind == Value::Kind::null) == (comparison_ == Comparison::equal));
  const auto order = compare(value, literal);
  if (!order || (value.kind == Value::Kind::boolean && !is_equality(comparison_)))
    return Outcomes::unknown();
  return holds(comparison_, *order);
}

Outcomes Leaf::evaluate_range(const ValueView& low, const ValueView& high) const noexcept {
  if (list_) {
    const Outcomes miss = list_miss(rank(low.kind));
    const auto found = std::lower_bound(literals_.begin(), literals_.end(), low, value_before);
    const bool inside = found != literals_.end() && total_order(ValueView::of(*found), high) <= 0;
    if (!inside)
      return miss;
    return total_order(low, high) == 0 ? Outcomes::always() : miss | Outcomes::always();
  }
  const Outcomes ends = evaluate(low) | evaluate(high);
  if (!is_equality(comparison_))
    return ends; // Monotone: between the ends nothing new can happen.
  const auto from_low = compare(low, ValueView::of(literals_.front()));
  const auto from_high = compare(high, ValueView::of(literals_.front()));
  const bool inside = from_low && from_high && *from_low < 0 && *from_high > 0;
  return inside ? ends | negation(ends) : ends;
}

Predicate::Predicate(const Query& query, FieldTable& table) {
  // The plan's own clauses come first: they are the cheapest, and a row that fails one is done with.
  const auto require = [&](const Expr& expression) { root_.terms.push_back(compile(expression, table)); };
  if (query.event_types.size() == 1)
    require(field("event_type") == Value(query.event_types.front()));
  else if (!query.event_types.empty())
    require(field("event_type").in({query.event_types.begin(), query.event_types.end()}));
  if (query.context_id)
    require(field("context_id") == Value(*query.context_id));
  if (query.since_time)
    require(field("timestamp") >= Value(*query.since_time));
  if (query.until_time)
    require(field("timestamp") < Value(*query.until_time));
  if (!query.condition)
    return;
  // Terms of an outer AND join the others, so that context() finds `context_id = '...'` among them.
  if (query.condition->kind() == Expr::Kind::conjunction) {
    for (const Expr& term : query.condition->terms())
      require(term);
  } else {
    require(*query.condition);
  }
}

Predicate::Node Predicate::compile(const Expr& expression, FieldTable& table) {
  Node node;
  node.kind = expression.kind();
  for (const Expr& term : expression.terms())
    node.terms.push_back(compile(term, table));
  if (node.terms.empty()) {
    const auto field = parse_field(expression.field());
    node.leaf = leaves_.size();
    leaves_.emplace_back(table.add(*field), table, expression);
    if (!leaves_.back().in_document())
      core_columns_ |= field->column();
  }
  return node;
}

Outcomes Predicate::evaluate(const RowReader& row, bool documents) const {
  return evaluate([&](std::size_t, const Leaf& leaf) {
    return leaf.in_document() && !documents ? Outcomes::any() : leaf.evaluate(row.view(leaf.slot()));
  });
}

std::optional<std::string_view> Predicate::context() const noexcept {
  for (const Node& term : root_.terms) {
    if (!term.terms.empty() || leaves_[term.leaf].core() != Core::context_id)
      continue;
    if (const auto context = leaves_[term.leaf].required_text())
      return context;
  }
  return std::nullopt;
}

} // namespace weir::query
