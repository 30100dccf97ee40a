// Building a plan: names and literals take their canonical form on the way in.
#include "engine/query/check_plan.hpp"
#include "engine/query/field.hpp"
#include <weir/limits.hpp>
#include <weir/query.hpp>

#include <algorithm>

namespace weir {
namespace {

/// What cannot be made canonical is kept as it is: validate() says why.
Value canonical_literal(std::string_view field_name, Value value) {
  const auto field = query::parse_field(field_name);
  if (!field)
    return value;
  auto literal = query::literal_for(*field, value);
  return literal ? *std::move(literal) : value;
}

std::vector<std::string> canonical_names(const std::vector<std::string>& names) {
  std::vector<std::string> canonical;
  canonical.reserve(names.size());
  for (const std::string& name : names)
    canonical.push_back(query::canonical_name(name));
  return canonical;
}

} // namespace

Expr Expr::compare(std::string_view field, Comparison comparison, Value value) {
  Expr expression(Kind::comparison);
  expression.comparison_ = comparison;
  expression.field_ = query::canonical_name(field);
  expression.values_.push_back(canonical_literal(field, std::move(value)));
  return expression;
}

Expr Expr::one_of(std::string_view field, std::vector<Value> values) {
  Expr expression(Kind::one_of);
  expression.field_ = query::canonical_name(field);
  expression.values_ = std::move(values);
  for (Value& value : expression.values_)
    value = canonical_literal(field, std::move(value));
  return expression;
}

void Expr::add_term(Expr term) {
  if (term.kind_ == Kind::too_deep || term.depth_ >= limits::query_depth_max) {
    *this = Expr(Kind::too_deep);
    return;
  }
  depth_ = std::max(depth_, static_cast<std::uint16_t>(term.depth_ + 1));
  terms_.push_back(std::move(term));
}

Expr Expr::join(Kind kind, Expr left, Expr right) {
  Expr joined(kind);
  if (left.kind_ == kind)
    joined = std::move(left);
  else
    joined.add_term(std::move(left));
  if (right.kind_ != kind) {
    if (joined.kind_ == kind)
      joined.add_term(std::move(right));
    return joined;
  }
  for (Expr& term : right.terms_) {
    if (joined.kind_ == kind)
      joined.add_term(std::move(term));
  }
  return joined;
}

Expr operator&&(Expr left, Expr right) {
  return Expr::join(Expr::Kind::conjunction, std::move(left), std::move(right));
}

Expr operator||(Expr left, Expr right) {
  return Expr::join(Expr::Kind::disjunction, std::move(left), std::move(right));
}

Expr operator!(Expr term) {
  Expr negation(Expr::Kind::negation);
  negation.add_term(std::move(term));
  return negation;
}

bool operator==(const Expr& left, const Expr& right) {
  return left.kind_ == right.kind_ && left.comparison_ == right.comparison_ && left.field_ == right.field_ &&
         left.values_ == right.values_ && left.terms_ == right.terms_;
}

Query Query::types(const std::vector<std::string>& event_types) {
  Query query;
  query.event_types = event_types;
  return query;
}

Query& Query::for_context(std::string id) {
  context_id = std::move(id);
  return *this;
}

Query& Query::since(Timestamp time) {
  since_time = time;
  return *this;
}

Query& Query::until(Timestamp time) {
  until_time = time;
  return *this;
}

Query& Query::where(Expr expression) {
  condition = condition ? *std::move(condition) && std::move(expression) : std::move(expression);
  return *this;
}

Query& Query::returning(const std::vector<std::string>& names) {
  fields = canonical_names(names);
  return *this;
}

Query& Query::count() {
  counted = true;
  return *this;
}

Query& Query::by(const std::vector<std::string>& names) {
  group_by = canonical_names(names);
  return *this;
}

Query& Query::order_by(std::string_view name, SortOrder sort_order) {
  order.push_back({query::canonical_name(name), sort_order});
  return *this;
}

Query& Query::limit(std::uint64_t rows) {
  rows_max = rows;
  return *this;
}

Query& Query::offset(std::uint64_t rows) {
  rows_skipped = rows;
  return *this;
}

} // namespace weir
