// Everything an event must fulfil to be in a query's answer, compiled.
//
// Purpose: types, context, times and WHERE are one condition, so that pruning and evaluation see no difference between
// them. Evaluated over what is known: the row, its core columns only, or the bounds of a zone or segment.
// Threading: immutable.
#pragma once

#include <weir/query.hpp>

#include "engine/query/outcomes.hpp"
#include "engine/query/row.hpp"

#include <cstddef>
#include <optional>
#include <string_view>
#include <vector>

namespace weir::query {

/// One comparison of a field with literals.
class Leaf {
public:
  Leaf(std::size_t slot, const FieldTable& table, const Expr& expression);

  [[nodiscard]] std::size_t slot() const noexcept { return slot_; }
  [[nodiscard]] Core core() const noexcept { return core_; }
  /// It looks into a payload or metadata.
  [[nodiscard]] bool in_document() const noexcept { return in_document_; }
  /// The text it demands the field to equal, if it is such a comparison.
  [[nodiscard]] std::optional<std::string_view> required_text() const noexcept;

  [[nodiscard]] Outcomes evaluate(const ValueView& value) const noexcept;
  /// For any value from `low` to `high`, of one type that is neither null nor JSON.
  [[nodiscard]] Outcomes evaluate_range(const ValueView& low, const ValueView& high) const noexcept;

private:
  [[nodiscard]] Outcomes evaluate_list(const ValueView& value) const noexcept;
  [[nodiscard]] Outcomes list_miss(Rank rank) const noexcept;
  [[nodiscard]] bool list_has(Rank rank) const noexcept;

  std::size_t slot_;
  Core core_;
  bool in_document_;
  bool list_ = false; ///< IN
  Comparison comparison_ = Comparison::equal;
  std::vector<Value> literals_; ///< Of a list: sorted by total_order.
  unsigned ranks_ = 0;          ///< Of a list: bit per Rank that occurs.
};

class Predicate {
public:
  /// Precondition: `query` is valid. Its fields are added to `table`.
  Predicate(const Query& query, FieldTable& table);

  /// What `of(leaf number, leaf)` says of every leaf, combined. Recursion is bounded by limits::query_depth_max + 1.
  template <class LeafOutcomes> [[nodiscard]] Outcomes evaluate(const LeafOutcomes& of) const {
    return evaluate(root_, of);
  }
  /// For one row. Without `documents` what looks into them counts as open, and nothing is extracted.
  [[nodiscard]] Outcomes evaluate(const RowReader& row, bool documents) const;

  [[nodiscard]] const std::vector<Leaf>& leaves() const noexcept { return leaves_; }
  /// Columns of the leaves that need no document.
  [[nodiscard]] ColumnSet core_columns() const noexcept { return core_columns_; }
  /// The one context all matches belong to, if the query says so.
  [[nodiscard]] std::optional<std::string_view> context() const noexcept;

private:
  struct Node {
    Expr::Kind kind = Expr::Kind::conjunction;
    std::size_t leaf = 0; ///< Of a comparison or list.
    std::vector<Node> terms;
  };

  Node compile(const Expr& expression, FieldTable& table);
  template <class LeafOutcomes> Outcomes evaluate(const Node& node, const LeafOutcomes& of) const;

  std::vector<Leaf> leaves_;
  Node root_;
  ColumnSet core_columns_ = 0;
};

template <class LeafOutcomes> Outcomes Predicate::evaluate(const Node& node, const LeafOutcomes& of) const {
  switch (node.kind) {
  case Expr::Kind::conjunction: {
    Outcomes all = Outcomes::always();
    for (const Node& term : node.terms) {
      all = both(all, evaluate(term, of));
      if (all.is_false())
        break;
    }
    return all;
  }
  case Expr::Kind::disjunction: {
    Outcomes one = Outcomes::never();
    for (const Node& term : node.terms) {
      one = either(one, evaluate(term, of));
      if (one.is_true())
        break;
    }
    return one;
  }
  case Expr::Kind::negation: return negation(evaluate(node.terms.front(), of));
  default: return of(node.leaf, leaves_[node.leaf]);
  }
}

} // namespace weir::query
