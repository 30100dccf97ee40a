// Everything an event must fulfil to be in a query's answer, compiled.
//
// Purpose: types, contexts, times and WHERE are one condition, so that pruning and evaluation see no difference between
// them. Evaluated over what is known: the row, its core columns only, or the bounds of a zone or segment. HAVING is one
// too, over the columns of a group.
// Threading: immutable.
#pragma once

#include <weir/query.hpp>

#include "engine/query/evaluate.hpp"
#include "engine/query/like.hpp"
#include "engine/query/outcomes.hpp"
#include "engine/query/row.hpp"

#include <cstddef>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace weir::query {

/// One condition without AND, OR and NOT.
class Leaf {
public:
  enum class Kind : std::uint8_t { comparison, one_of, like, prefix, is_null, exists, contains };

  /// `table`: whose slots they are; null: slots are columns of a result.
  Leaf(const Expr& expression, NameSlots& names, const FieldTable* table);
  /// The text in `slot` begins with `prefix`.
  static Leaf has_prefix(std::size_t slot, std::string prefix, const FieldTable& table);

  [[nodiscard]] Kind kind() const noexcept { return kind_; }
  /// The fields it reads, each once.
  [[nodiscard]] std::span<const std::size_t> slots() const noexcept { return slots_; }
  /// It reads exactly one field, as it is, and compares it with literals.
  [[nodiscard]] bool is_simple() const noexcept { return simple_; }
  /// The one field. Precondition: is_simple().
  [[nodiscard]] std::size_t slot() const noexcept { return slots_.front(); }
  /// The core field that it looks at, if it is simple and looks at one that is no document or path.
  [[nodiscard]] std::optional<Core> core() const noexcept { return core_; }
  /// It looks into a payload or metadata.
  [[nodiscard]] bool in_document() const noexcept { return in_document_; }
  /// Of a simple one: of =, != ..., the operator with the field on its left.
  [[nodiscard]] Comparison comparison() const noexcept { return comparison_; }
  /// Of a simple comparison the one it compares with, of IN all of them in total_order.
  [[nodiscard]] std::span<const Value> literals() const noexcept { return literals_; }
  /// It demands the field to equal one of its literals, all of which are texts.
  [[nodiscard]] bool demands_texts() const noexcept { return demands_texts_; }
  /// The texts one of which it demands the field to equal: of = and IN with texts only. Empty otherwise.
  [[nodiscard]] std::vector<std::string_view> required_texts() const;

  /// For the value of the one field. Precondition: is_simple(). With a `watch` that is over it means nothing.
  [[nodiscard]] Outcomes evaluate(const ValueView& value, Watch* watch = nullptr) const;
  /// For any value from `low` to `high`, of one type that is neither null nor JSON. Precondition: is_simple().
  [[nodiscard]] Outcomes evaluate_range(const ValueView& low, const ValueView& high) const noexcept;
  /// For a row. Means nothing if the watch of `scratch` is over.
  [[nodiscard]] Outcomes evaluate(RowValues row, Scratch& scratch) const;

private:
  Leaf() = default;
  void compile(const Expr& expression, NameSlots& names);
  void finish(const FieldTable* table);
  [[nodiscard]] Outcomes evaluate_list(const ValueView& value) const noexcept;
  [[nodiscard]] Outcomes evaluate_text_range(const ValueView& low, const ValueView& high) const noexcept;
  [[nodiscard]] Outcomes list_miss(Rank rank) const noexcept;
  [[nodiscard]] bool list_has(Rank rank) const noexcept;

  Kind kind_ = Kind::comparison;
  bool simple_ = false;
  bool in_document_ = false;
  std::optional<Core> core_;
  Comparison comparison_ = Comparison::equal;
  std::vector<std::size_t> slots_;
  std::vector<Value> literals_; ///< Of a simple comparison, IN (sorted by total_order), CONTAINS.
  bool demands_texts_ = false;
  unsigned ranks_ = 0;                    ///< Of a list: bit per Rank that occurs.
  std::string prefix_;                    ///< Of prefix and like: what a text that fits begins with.
  std::optional<LikePattern> pattern_;    ///< Of like.
  std::vector<ValueExpression> operands_; ///< Of a comparison both, of all others the one.
};

/// Made of other conditions; anything else is a leaf.
[[nodiscard]] constexpr bool is_tree(Expr::Kind kind) noexcept {
  return kind == Expr::Kind::conjunction || kind == Expr::Kind::disjunction || kind == Expr::Kind::negation;
}

class Predicate {
public:
  struct Node {
    Expr::Kind kind = Expr::Kind::conjunction; ///< conjunction, disjunction, negation, or any other: a leaf.
    std::size_t leaf = 0;
    std::vector<Node> terms;
  };

  /// Holds for everything.
  Predicate() = default;
  /// What `query` demands of an event: types, contexts, times, and WHERE unless it is a sequence. Precondition: `query`
  /// is valid. Fields are added to `table`.
  static Predicate of_events(const Query& query, FieldTable& table);

  /// From now on `expression`, a valid condition, must hold, too. See Leaf for `table`.
  void require(const Expr& expression, NameSlots& names, const FieldTable* table);

  /// What `of(leaf number, leaf)` says of every leaf, combined. Recursion is bounded by limits::query_depth_max + 2.
  template <class LeafOutcomes> [[nodiscard]] Outcomes evaluate(const LeafOutcomes& of) const {
    return evaluate(root_, of);
  }
  /// For one row. Without `documents` what looks into them counts as open. Clears `scratch`,
  /// whose watch says whether the outcome means anything.
  [[nodiscard]] Outcomes evaluate(RowValues row, Scratch& scratch, bool documents = true) const;

  [[nodiscard]] const std::vector<Leaf>& leaves() const noexcept { return leaves_; }
  [[nodiscard]] const Node& root() const noexcept { return root_; }
  /// The contexts one of which all matches belong to, if the query says so; empty: it does not.
  [[nodiscard]] std::vector<std::string_view> contexts() const;

private:
  Node compile(const Expr& expression, NameSlots& names, const FieldTable* table);
  Node add_leaf(Leaf leaf);
  template <class LeafOutcomes> Outcomes evaluate(const Node& node, const LeafOutcomes& of) const;

  std::vector<Leaf> leaves_;
  Node root_;
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
