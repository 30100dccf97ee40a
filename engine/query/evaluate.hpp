// Values of an expression: what a row makes of it.
//
// Purpose: arithmetic and functions over the values of one row, compiled once (engine/expression.hpp says what they
// mean). A condition is compiled elsewhere (predicate.hpp); here are only values.
// Threading: a ValueExpression is immutable; a Scratch has one owner.
// Invariants: evaluation never fails: what has no value is null. Recursion is bounded by limits::query_depth_max.
#pragma once

#include <weir/expression.hpp>
#include <weir/query.hpp>

#include "engine/query/compare.hpp"
#include "engine/query/control.hpp"

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <string_view>
#include <vector>

namespace weir::query {

/// Memory for texts that are made while one row is evaluated, which is kept for the next row, and the watch over what
/// evaluating takes. A text is given back with what was computed of it, so terms by the thousand take no more than one.
class Scratch {
public:
  /// Nobody watches.
  Scratch() = default;
  /// `pacer` must outlive this. Whoever evaluates asks watch().going() afterwards.
  explicit Scratch(Pacer& pacer) : watch_(pacer) {}

  [[nodiscard]] Watch& watch() noexcept { return watch_; }
  /// A place in what was given.
  struct Mark {
    std::size_t block = 0, used = 0;
  };
  [[nodiscard]] Mark mark() const noexcept { return {block_, used_}; }
  /// What take() gave since `mark` is given again.
  void release(const Mark& mark) noexcept {
    block_ = mark.block;
    used_ = mark.used;
  }
  /// What take() gave before is given again.
  void clear() noexcept { release({}); }
  /// Room for `bytes` characters until clear() or release().
  [[nodiscard]] char* take(std::size_t bytes);
  /// Memory that is kept: a small multiple of the most that was in use at once.
  [[nodiscard]] std::size_t bytes() const noexcept;

private:
  struct Block {
    std::unique_ptr<char[]> bytes;
    std::size_t size = 0;
  };
  std::vector<Block> blocks_;
  std::size_t block_ = 0; ///< The one that is being filled.
  std::size_t used_ = 0;  ///< Of it.
  Watch watch_;
};

/// What the names in an expression stand for.
class NameSlots {
public:
  virtual ~NameSlots() = default;
  /// The slot of `name`, a valid name of the plan in its canonical spelling.
  virtual std::size_t slot(std::string_view name) = 0;
};

class ValueExpression {
public:
  /// Precondition: a valid expression that is no condition. What needs no field is computed here and now.
  ValueExpression(const Expr& expression, NameSlots& names);

  /// Views point into the row, this expression or `scratch`.
  [[nodiscard]] ValueView evaluate(RowValues row, Scratch& scratch) const;
  /// Its value, if it is the same for every row.
  [[nodiscard]] const Value* constant() const noexcept { return kind_ == Expr::Kind::literal ? &literal_ : nullptr; }
  /// The slot, if it is a field and nothing else.
  [[nodiscard]] std::optional<std::size_t> field() const noexcept {
    return kind_ == Expr::Kind::field ? std::optional(slot_) : std::nullopt;
  }
  /// Adds the slots it reads to `slots`, each once.
  void collect_slots(std::vector<std::size_t>& slots) const;

private:
  [[nodiscard]] ValueView compute(RowValues row, Scratch& scratch) const;
  [[nodiscard]] ValueView call(RowValues row, Scratch& scratch) const;

  Expr::Kind kind_;
  Arithmetic arithmetic_ = Arithmetic::add;
  Function function_ = Function::lower;
  TimeUnit unit_ = TimeUnit::minute; ///< Of date_trunc.
  int digits_ = 0;                   ///< Of round.
  std::size_t slot_ = 0;
  Value literal_;
  std::vector<ValueExpression> terms_; ///< Those that are evaluated.
};

/// The beginning of the unit that `time` is in, UTC; weeks begin on Monday. Precondition: years 1 to 9999.
[[nodiscard]] Timestamp truncated(Timestamp time, TimeUnit unit) noexcept;
/// RFC 3339 text, integer milliseconds or a time as a time; null for all else.
[[nodiscard]] ValueView as_time(const ValueView& value) noexcept;

} // namespace weir::query
