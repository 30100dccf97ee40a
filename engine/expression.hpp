// Expressions of a query: values made of fields and literals, and conditions on them.
//
// Purpose: WHERE and HAVING, in the text form and from C++ (docs/query-language.md).
// Threading: plain values.
// Invariants: see query.hpp; chains of the same AND or OR are one node, so their length adds no depth. Canonical on the
// way in: `x = null` is kept as is_null(x), `x != null` as NOT of it; a literal that stands beside a time (the fields
// timestamp and recorded_at, time() and date_trunc()) in a comparison, IN or BETWEEN is a Timestamp; a minus before a
// number is that number.
#pragma once

#include <weir/event.hpp>
#include <weir/query_result.hpp>

#include <concepts>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace weir {

enum class Comparison : std::uint8_t { equal, not_equal, less, less_equal, greater, greater_equal };

enum class Arithmetic : std::uint8_t { add, subtract, multiply, divide, remainder };

/// null of null, and of what they are not made for.
enum class Function : std::uint8_t {
  lower,      ///< lower(s): ASCII letters small.
  length,     ///< length(s): characters of a string, elements of an array.
  abs,        ///< abs(n)
  round,      ///< round(n) or round(n, digits): halves away from zero.
  date_trunc, ///< date_trunc('unit', t): the beginning of the minute, hour, day, week, month or year.
  time,       ///< time(x): RFC 3339 text or integer milliseconds as a time; a time as it is.
};

/// A node of an expression. Conditions are true, false or unknown: what compares null, or values of different types, is
/// unknown; NOT, AND and OR follow three-valued logic; an event is found where the whole is true.
class Expr {
public:
  enum class Kind : std::uint8_t {
    // values
    literal,    ///< value()
    field,      ///< name(); in HAVING a column of the result
    arithmetic, ///< terms()[0] arithmetic() terms()[1]
    minus,      ///< - terms()[0]
    call,       ///< function() of terms()
    // conditions
    comparison,  ///< terms()[0] comparison() terms()[1]
    one_of,      ///< terms()[0] IN terms()[1 ...], literals all
    between,     ///< terms()[0] BETWEEN terms()[1] AND terms()[2], both inclusive
    like,        ///< terms()[0] LIKE value(): % any characters, _ one, \ takes the next as it is
    is_null,     ///< terms()[0] IS NULL
    exists,      ///< EXISTS name(): the document has it, be it null
    contains,    ///< terms()[0] CONTAINS value(): an array with an element equal to it
    conjunction, ///< terms(), all of them
    disjunction, ///< terms(), one of them
    negation,    ///< not terms()[0]
    too_deep,    ///< Stands for an expression beyond the depth limit.
  };

  static Expr literal(Value value);
  static Expr field(std::string_view name);
  static Expr arithmetic(Arithmetic arithmetic, Expr left, Expr right);
  static Expr minus(Expr operand);
  static Expr call(Function function, std::vector<Expr> arguments);
  static Expr compare(Expr left, Comparison comparison, Expr right);
  static Expr one_of(Expr operand, std::vector<Value> values);
  static Expr between(Expr operand, Expr low, Expr high);
  static Expr like(Expr operand, std::string pattern);
  static Expr is_null(Expr operand);
  static Expr exists(std::string_view field);
  static Expr contains(Expr operand, Value element);

  friend Expr operator&&(Expr left, Expr right);
  friend Expr operator||(Expr left, Expr right);
  friend Expr operator!(Expr term);

  [[nodiscard]] Kind kind() const noexcept { return kind_; }
  [[nodiscard]] bool is_condition() const noexcept { return kind_ >= Kind::comparison; }
  [[nodiscard]] const std::string& name() const noexcept { return name_; }
  [[nodiscard]] const Value& value() const noexcept { return value_; }
  [[nodiscard]] Comparison comparison() const noexcept { return static_cast<Comparison>(operation_); }
  [[nodiscard]] Arithmetic arithmetic() const noexcept { return static_cast<Arithmetic>(operation_); }
  [[nodiscard]] Function function() const noexcept { return static_cast<Function>(operation_); }
  [[nodiscard]] const std::vector<Expr>& terms() const noexcept { return terms_; }
  /// Nodes from here down to the deepest one: 1 for a literal or field.
  [[nodiscard]] std::size_t depth() const noexcept { return depth_; }

  /// Fields called by the first of a pair are called by its second from now on.
  void rename(const std::vector<std::pair<std::string, std::string>>& names);

  friend bool operator==(const Expr& left, const Expr& right);

private:
  explicit Expr(Kind kind) : kind_(kind) {}
  static Expr join(Kind kind, Expr left, Expr right);
  void add_term(Expr term);

  Kind kind_;
  std::uint8_t operation_ = 0; ///< A Comparison, Arithmetic or Function.
  std::uint16_t depth_ = 1;
  std::string name_;
  Value value_;
  std::vector<Expr> terms_;
};

/// A value to be compared or computed with: see field().
class Operand {
public:
  explicit Operand(Expr expression) : expression_(std::move(expression)) {}
  template <class T>
  requires(std::constructible_from<Value, T> && !std::same_as<std::remove_cvref_t<T>, Operand>) Operand(T&& value)
      : expression_(Expr::literal(Value(std::forward<T>(value)))) {}

  [[nodiscard]] const Expr& expression() const noexcept { return expression_; }

  friend Expr operator==(Operand a, Operand b) { return make(std::move(a), Comparison::equal, std::move(b)); }
  friend Expr operator!=(Operand a, Operand b) { return make(std::move(a), Comparison::not_equal, std::move(b)); }
  friend Expr operator<(Operand a, Operand b) { return make(std::move(a), Comparison::less, std::move(b)); }
  friend Expr operator<=(Operand a, Operand b) { return make(std::move(a), Comparison::less_equal, std::move(b)); }
  friend Expr operator>(Operand a, Operand b) { return make(std::move(a), Comparison::greater, std::move(b)); }
  friend Expr operator>=(Operand a, Operand b) { return make(std::move(a), Comparison::greater_equal, std::move(b)); }
  friend Operand operator+(Operand a, Operand b) { return make(Arithmetic::add, std::move(a), std::move(b)); }
  friend Operand operator-(Operand a, Operand b) { return make(Arithmetic::subtract, std::move(a), std::move(b)); }
  friend Operand operator*(Operand a, Operand b) { return make(Arithmetic::multiply, std::move(a), std::move(b)); }
  friend Operand operator/(Operand a, Operand b) { return make(Arithmetic::divide, std::move(a), std::move(b)); }
  friend Operand operator%(Operand a, Operand b) { return make(Arithmetic::remainder, std::move(a), std::move(b)); }
  friend Operand operator-(Operand a) { return Operand(Expr::minus(std::move(a.expression_))); }

  [[nodiscard]] Expr in(std::vector<Value> values) const { return Expr::one_of(expression_, std::move(values)); }
  [[nodiscard]] Expr between(Operand low, Operand high) const {
    return Expr::between(expression_, std::move(low.expression_), std::move(high.expression_));
  }
  [[nodiscard]] Expr like(std::string pattern) const { return Expr::like(expression_, std::move(pattern)); }
  [[nodiscard]] Expr is_null() const { return Expr::is_null(expression_); }
  [[nodiscard]] Expr contains(Value element) const { return Expr::contains(expression_, std::move(element)); }

private:
  static Expr make(Operand a, Comparison comparison, Operand b) {
    return Expr::compare(std::move(a.expression_), comparison, std::move(b.expression_));
  }
  static Operand make(Arithmetic arithmetic, Operand a, Operand b) {
    return Operand(Expr::arithmetic(arithmetic, std::move(a.expression_), std::move(b.expression_)));
  }
  Expr expression_;
};

/// `name` as in the text form: a core field ("context_id", "timestamp"), a path ("payload.a.b", `payload."odd key"`),
/// in a sequence a step's ("order_placed.payload.total"), in HAVING a column of the result ("count").
[[nodiscard]] inline Operand field(std::string_view name) {
  return Operand(Expr::field(name));
}
/// The document has the field, be it null.
[[nodiscard]] inline Expr exists(std::string_view field) {
  return Expr::exists(field);
}
/// As in the text form: call(Function::lower, {field("payload.city")}) == "oslo".
[[nodiscard]] inline Operand call(Function function, const std::vector<Operand>& arguments) {
  std::vector<Expr> terms;
  terms.reserve(arguments.size());
  for (const Operand& argument : arguments)
    terms.push_back(argument.expression());
  return Operand(Expr::call(function, std::move(terms)));
}

} // namespace weir
