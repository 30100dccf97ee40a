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

Outcomes compared(const ValueView& left, Comparison comparison, const ValueView& right) noexcept {
  const auto order = compare(left, right);
  if (!order || (left.kind == Value::Kind::boolean && !is_equality(comparison)))
    return Outcomes::unknown();
  return holds(comparison, *order);
}

/// The same comparison with its sides exchanged.
Comparison mirrored(Comparison comparison) noexcept {
  switch (comparison) {
  case Comparison::less: return Comparison::greater;
  case Comparison::less_equal: return Comparison::greater_equal;
  case Comparison::greater: return Comparison::less;
  case Comparison::greater_equal: return Comparison::less_equal;
  default: return comparison;
  }
}

unsigned rank_bit(Rank rank) noexcept {
  return 1u << static_cast<unsigned>(rank);
}

bool value_before(const Value& literal, const ValueView& value) noexcept {
  return total_order(ValueView::of(literal), value) < 0;
}

Outcomes contains(const ValueView& array, const ValueView& wanted) {
  if (array.kind != Value::Kind::json)
    return Outcomes::unknown();
  bool found = false;
  const auto visit = [&](const json::Scalar& element) {
    const ValueView value = view_of(element);
    found = value.kind != Value::Kind::json && total_order(value, wanted) == 0;
    return !found;
  };
  if (!json::for_each_element(array.text, visit))
    return Outcomes::unknown();
  return Outcomes::of(found);
}

} // namespace

Leaf::Leaf(const Expr& expression, NameSlots& names, const FieldTable* table) {
  compile(expression, names);
  finish(table);
}

Leaf Leaf::has_prefix(std::size_t slot, std::string prefix, const FieldTable& table) {
  Leaf leaf;
  leaf.kind_ = Kind::prefix;
  leaf.simple_ = true;
  leaf.slots_ = {slot};
  leaf.prefix_ = std::move(prefix);
  leaf.finish(&table);
  return leaf;
}

/// A leaf that is simple needs no operands.
void Leaf::compile(const Expr& expression, NameSlots& names) {
  if (expression.kind() == Expr::Kind::exists) {
    kind_ = Kind::exists;
    slots_ = {names.slot(expression.name())};
    simple_ = true;
    return;
  }
  const bool comparison = expression.kind() == Expr::Kind::comparison;
  const std::size_t operands = comparison ? 2 : 1;
  for (std::size_t i = 0; i < operands; ++i) {
    operands_.emplace_back(expression.terms()[i], names);
    operands_.back().collect_slots(slots_);
  }
  simple_ = operands_.front().field().has_value();
  switch (expression.kind()) {
  case Expr::Kind::comparison: {
    comparison_ = expression.comparison();
    const bool reversed = operands_[0].constant() != nullptr && operands_[1].field();
    simple_ = reversed || (operands_[0].field() && operands_[1].constant() != nullptr);
    if (!simple_)
      break;
    literals_ = {*operands_[reversed ? 0 : 1].constant()};
    comparison_ = reversed ? mirrored(comparison_) : comparison_;
    break;
  }
  case Expr::Kind::one_of:
    kind_ = Kind::one_of;
    for (std::size_t i = 1; i < expression.terms().size(); ++i)
      literals_.push_back(expression.terms()[i].value());
    // A list may have thousands of values; sorted, a row costs one search.
    std::sort(literals_.begin(), literals_.end(), [](const Value& a, const Value& b) { return total_order(a, b) < 0; });
    for (const Value& literal : literals_)
      ranks_ |= rank_bit(rank(literal.kind()));
    break;
  case Expr::Kind::like:
    kind_ = Kind::like;
    pattern_.emplace(*expression.value().as_string());
    prefix_ = pattern_->prefix();
    break;
  case Expr::Kind::contains:
    kind_ = Kind::contains;
    literals_ = {expression.value()};
    break;
  default: kind_ = Kind::is_null; break;
  }
}

void Leaf::finish(const FieldTable* table) {
  const bool equality = kind_ == Kind::one_of || (kind_ == Kind::comparison && comparison_ == Comparison::equal);
  demands_texts_ = simple_ && equality && std::all_of(literals_.begin(), literals_.end(), [](const Value& literal) {
                     return literal.kind() == Value::Kind::string;
                   });
  if (table == nullptr)
    return;
  in_document_ = std::any_of(slots_.begin(), slots_.end(), [&](std::size_t slot) { return (*table)[slot].has_path; });
  if (simple_ && !table->ref(slot()).is_document())
    core_ = table->ref(slot()).core;
}

std::vector<std::string_view> Leaf::required_texts() const {
  std::vector<std::string_view> texts;
  if (!demands_texts_)
    return texts;
  for (const Value& literal : literals_) {
    const auto text = literal.as_string();
    if (texts.empty() || texts.back() != *text)
      texts.push_back(*text);
  }
  return texts;
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

Outcomes Leaf::evaluate(const ValueView& value, Watch* watch) const {
  const auto of_text = [&](bool holds) {
    return value.kind == Value::Kind::string ? Outcomes::of(holds) : Outcomes::unknown();
  };
  switch (kind_) {
  case Kind::comparison: return compared(value, comparison_, ValueView::of(literals_.front()));
  case Kind::one_of: return evaluate_list(value);
  case Kind::like: return of_text(value.kind == Value::Kind::string && pattern_->matches(value.text, watch));
  case Kind::prefix: return of_text(value.text.starts_with(prefix_));
  case Kind::is_null: return Outcomes::of(value.kind == Value::Kind::null);
  case Kind::exists: return Outcomes::of(value.present);
  case Kind::contains:
    if (watch != nullptr && !watch->spend_bytes(value.text.size()))
      break;
    return contains(value, ValueView::of(literals_.front()));
  }
  return Outcomes::any();
}

Outcomes Leaf::evaluate(RowValues row, Scratch& scratch) const {
  if (simple_)
    return evaluate(row[slot()], &scratch.watch());
  const ValueView left = operands_.front().evaluate(row, scratch);
  if (kind_ == Kind::comparison)
    return compared(left, comparison_, operands_.back().evaluate(row, scratch));
  return evaluate(left, &scratch.watch());
}

Outcomes Leaf::evaluate_text_range(const ValueView& low, const ValueView& high) const noexcept {
  if (low.kind != Value::Kind::string)
    return Outcomes::unknown();
  // Texts that begin with the prefix follow each other: none is below it, and a text above those begins otherwise.
  const bool none = high.text < prefix_ || low.text.substr(0, prefix_.size()) > prefix_;
  if (none)
    return Outcomes::never();
  const bool all = low.text.starts_with(prefix_) && high.text.starts_with(prefix_);
  return all && kind_ == Kind::prefix ? Outcomes::always() : Outcomes::always() | Outcomes::never();
}

Outcomes Leaf::evaluate_range(const ValueView& low, const ValueView& high) const noexcept {
  switch (kind_) {
  case Kind::is_null: return Outcomes::never();
  case Kind::exists: return Outcomes::always();
  case Kind::contains: return Outcomes::unknown();
  case Kind::like:
  case Kind::prefix: return evaluate_text_range(low, high);
  case Kind::one_of: {
    const Outcomes miss = list_miss(rank(low.kind));
    const auto found = std::lower_bound(literals_.begin(), literals_.end(), low, value_before);
    const bool inside = found != literals_.end() && total_order(ValueView::of(*found), high) <= 0;
    if (!inside)
      return miss;
    return total_order(low, high) == 0 ? Outcomes::always() : miss | Outcomes::always();
  }
  case Kind::comparison: break;
  }
  // A comparison is monotonic: between the ends nothing is new, unless the literal lies between them.
  const Outcomes ends = evaluate(low) | evaluate(high);
  const ValueView literal = ValueView::of(literals_.front());
  const auto from_low = compare(low, literal);
  const auto from_high = compare(high, literal);
  const bool inside = from_low && from_high && *from_low < 0 && *from_high > 0;
  return inside ? ends | negation(ends) : ends;
}

} // namespace weir::query
