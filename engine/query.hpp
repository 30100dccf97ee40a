// A query as a plain value: what the text form parses to and what the builder makes.
//
// Purpose: one plan for both forms (docs/query-language.md), so that they cannot differ in meaning.
// Threading: plain values.
// Invariants: names of fields are kept in their canonical spelling (`payload."a"` is kept as `payload.a`), literals for
// times as Timestamp, so plans that mean the same by spelling alone compare equal. An expression is never deeper than
// limits::query_depth_max; building it deeper yields one that validate() refuses. Nothing is checked before validate().
//
//   auto query = Query::types({"order_placed"})
//                    .since(a_day_ago)
//                    .where(field("payload.total") >= 100 && field("payload.currency").in({"EUR", "USD"}))
//                    .count()
//                    .by({"payload.country"})
//                    .order_by("count", SortOrder::descending)
//                    .limit(10);
#pragma once

#include <weir/event.hpp>
#include <weir/query_result.hpp>
#include <weir/result.hpp>

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace weir {

enum class Comparison : std::uint8_t { equal, not_equal, less, less_equal, greater, greater_equal };

/// A condition on one event, in three-valued logic: comparing what is absent, null or of another type is unknown, and
/// only `= null` and `!= null` (a null Value) test for absence.
class Expr {
public:
  enum class Kind : std::uint8_t {
    comparison,  ///< field() comparison() values()[0]
    one_of,      ///< field() IN values()
    conjunction, ///< terms(), all of them
    disjunction, ///< terms(), one of them
    negation,    ///< not terms()[0]
    too_deep,    ///< Stands for an expression beyond the depth limit.
  };

  static Expr compare(std::string_view field, Comparison comparison, Value value);
  /// True where the field equals one of `values`.
  static Expr one_of(std::string_view field, std::vector<Value> values);

  /// Chains of the same operator are kept as one node, so their length adds no depth.
  friend Expr operator&&(Expr left, Expr right);
  friend Expr operator||(Expr left, Expr right);
  friend Expr operator!(Expr term);

  [[nodiscard]] Kind kind() const noexcept { return kind_; }
  [[nodiscard]] const std::string& field() const noexcept { return field_; }
  [[nodiscard]] Comparison comparison() const noexcept { return comparison_; }
  [[nodiscard]] const std::vector<Value>& values() const noexcept { return values_; }
  [[nodiscard]] const std::vector<Expr>& terms() const noexcept { return terms_; }
  /// Nodes from here down to the deepest one: 1 for a comparison.
  [[nodiscard]] std::size_t depth() const noexcept { return depth_; }

  friend bool operator==(const Expr& left, const Expr& right);

private:
  explicit Expr(Kind kind) : kind_(kind) {}
  static Expr join(Kind kind, Expr left, Expr right);
  void add_term(Expr term);

  Kind kind_;
  Comparison comparison_ = Comparison::equal;
  std::uint16_t depth_ = 1;
  std::string field_;
  std::vector<Value> values_;
  std::vector<Expr> terms_;
};

/// A field to be compared: see field().
class FieldExpr {
public:
  explicit FieldExpr(std::string_view name) : name_(name) {}

  [[nodiscard]] Expr operator==(Value value) const { return compare(Comparison::equal, std::move(value)); }
  [[nodiscard]] Expr operator!=(Value value) const { return compare(Comparison::not_equal, std::move(value)); }
  [[nodiscard]] Expr operator<(Value value) const { return compare(Comparison::less, std::move(value)); }
  [[nodiscard]] Expr operator<=(Value value) const { return compare(Comparison::less_equal, std::move(value)); }
  [[nodiscard]] Expr operator>(Value value) const { return compare(Comparison::greater, std::move(value)); }
  [[nodiscard]] Expr operator>=(Value value) const { return compare(Comparison::greater_equal, std::move(value)); }
  [[nodiscard]] Expr in(std::vector<Value> values) const { return Expr::one_of(name_, std::move(values)); }

private:
  [[nodiscard]] Expr compare(Comparison comparison, Value value) const {
    return Expr::compare(name_, comparison, std::move(value));
  }
  std::string name_;
};

/// `name` as in the text form: a core field ("context_id", "timestamp") or a path ("payload.a.b", `payload."odd key"`).
[[nodiscard]] inline FieldExpr field(std::string_view name) {
  return FieldExpr(name);
}

enum class SortOrder : std::uint8_t { ascending, descending };

/// One key of ORDER BY: a field, or a column of the result.
struct OrderTerm {
  std::string name;
  SortOrder order = SortOrder::ascending;
  friend bool operator==(const OrderTerm&, const OrderTerm&) = default;
};

class Query {
public:
  /// The start of a query over events of these types.
  static Query types(const std::vector<std::string>& event_types);
  /// ... over events of every type.
  static Query all_types() { return {}; }

  Query& for_context(std::string id);
  /// Only events whose `timestamp` is not before `time`.
  Query& since(Timestamp time);
  /// Only events whose `timestamp` is before `time`.
  Query& until(Timestamp time);
  /// Only events `expression` is true for. Called again, both must be.
  Query& where(Expr expression);
  Query& returning(const std::vector<std::string>& names);
  Query& count();
  Query& by(const std::vector<std::string>& names);
  /// Called again, adds a key that decides where the earlier ones tie.
  Query& order_by(std::string_view name, SortOrder order = SortOrder::ascending);
  Query& limit(std::uint64_t rows);
  Query& offset(std::uint64_t rows);

  /// `invalid_argument`, or `too_large` for an expression that is too deep: what is wrong with this plan.
  [[nodiscard]] Status validate() const;

  // The plan. Readers may look at it; builders go through the calls above, which keep names canonical.
  std::vector<std::string> event_types; ///< Empty: every type.
  std::optional<std::string> context_id;
  std::optional<Timestamp> since_time; ///< Inclusive.
  std::optional<Timestamp> until_time; ///< Exclusive.
  std::optional<Expr> condition;
  std::vector<std::string> fields; ///< Of RETURN; empty: all core fields.
  bool counted = false;
  std::vector<std::string> group_by;
  std::vector<OrderTerm> order; ///< Empty: by position, groups by their keys.
  std::optional<std::uint64_t> rows_max;
  std::uint64_t rows_skipped = 0;

  friend bool operator==(const Query&, const Query&) = default;
};

/// Parses the text form. `parse_error` with what was expected, what was found and, in `where`, "line 1, column 17"
/// (columns count characters); `too_large` for text beyond limits::query_text_bytes_max. Equal to what the builder
/// makes, and valid.
Result<Query> parse_query(std::string_view text);

/// The canonical text of a valid plan: parse_query(to_text(q)) gives q again.
[[nodiscard]] std::string to_text(const Query& query);

/// Two lines for a terminal: the line of `text` that `error` names (shortened if long) and a `^` under the place. Empty
/// if `error` names no place in `text`.
[[nodiscard]] std::string caret(std::string_view text, const Error& error);

} // namespace weir
