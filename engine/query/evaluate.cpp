#include "engine/query/evaluate.hpp"

#include "engine/json/json.hpp"
#include "engine/query/arithmetic.hpp"
#include "engine/query/column_names.hpp"
#include "engine/time_text.hpp"

#include <algorithm>
#include <bit>
#include <span>

namespace weir::query {
namespace {

using Kind = Value::Kind;

ValueView lower(std::string_view text, Scratch& scratch) {
  const auto capital = [](char c) { return c >= 'A' && c <= 'Z'; };
  if (std::none_of(text.begin(), text.end(), capital))
    return ValueView::of(text);
  char* const out = scratch.take(text.size());
  std::transform(text.begin(), text.end(), out,
                 [&](char c) { return capital(c) ? static_cast<char>(c - 'A' + 'a') : c; });
  return ValueView::of(std::string_view(out, text.size()));
}

ValueView length(const ValueView& of) {
  if (of.kind == Kind::string) {
    const auto begins = [](char c) { return (static_cast<unsigned char>(c) & 0xC0u) != 0x80u; };
    return ValueView::of_integer(std::count_if(of.text.begin(), of.text.end(), begins));
  }
  if (of.kind == Kind::json) {
    std::int64_t elements = 0;
    const auto count = [&](const json::Scalar&) { return ++elements, true; };
    if (json::for_each_element(of.text, count))
      return ValueView::of_integer(elements);
  }
  return {};
}

ValueView date_trunc(TimeUnit unit, const ValueView& of) noexcept {
  if (of.kind != Kind::timestamp)
    return {};
  return ValueView::of(truncated(Timestamp(std::chrono::microseconds(of.integer)), unit));
}

} // namespace

char* Scratch::take(std::size_t bytes) {
  constexpr std::size_t block_bytes = 4'096;
  while (block_ < blocks_.size() && blocks_[block_].size - used_ < bytes) {
    ++block_;
    used_ = 0;
  }
  if (block_ == blocks_.size()) {
    // Powers of two, so that all those that became too small take together no more than the one that did not.
    const std::size_t size = std::bit_ceil(std::max(bytes, block_bytes));
    blocks_.push_back({std::make_unique_for_overwrite<char[]>(size), size});
  }
  char* const taken = blocks_[block_].bytes.get() + used_;
  used_ += bytes;
  return taken;
}

std::size_t Scratch::bytes() const noexcept {
  std::size_t bytes = 0;
  for (const Block& block : blocks_)
    bytes += block.size;
  return bytes;
}

ValueExpression::ValueExpression(const Expr& expression, NameSlots& names) : kind_(expression.kind()) {
  switch (kind_) {
  case Expr::Kind::literal: literal_ = expression.value(); return;
  case Expr::Kind::field: slot_ = names.slot(expression.name()); return;
  case Expr::Kind::arithmetic: arithmetic_ = expression.arithmetic(); break;
  case Expr::Kind::call: function_ = expression.function(); break;
  default: break;
  }
  std::span<const Expr> terms = expression.terms();
  if (kind_ == Expr::Kind::call && function_ == Function::date_trunc) {
    unit_ = unit_of(*terms.front().value().as_string()).value_or(TimeUnit::minute);
    terms = terms.subspan(1);
  } else if (kind_ == Expr::Kind::call && function_ == Function::round && terms.size() == 2) {
    digits_ = static_cast<int>(*terms[1].value().as_int64());
    terms = terms.first(1);
  }
  for (const Expr& term : terms)
    terms_.emplace_back(term, names);
  if (std::all_of(terms_.begin(), terms_.end(), [](const ValueExpression& term) { return term.constant(); })) {
    Scratch scratch;
    literal_ = to_value(evaluate({}, scratch));
    kind_ = Expr::Kind::literal;
    terms_.clear();
  }
}

ValueView ValueExpression::evaluate(RowValues row, Scratch& scratch) const {
  switch (kind_) {
  case Expr::Kind::literal: return ValueView::of(literal_);
  case Expr::Kind::field: return row[slot_];
  default: break;
  }
  const Scratch::Mark before = scratch.mark();
  const ValueView made = compute(row, scratch);
  if (made.text.empty()) // nothing of it lies in scratch
    scratch.release(before);
  return made;
}

ValueView ValueExpression::compute(RowValues row, Scratch& scratch) const {
  switch (kind_) {
  case Expr::Kind::arithmetic:
    return computed(arithmetic_, terms_[0].evaluate(row, scratch), terms_[1].evaluate(row, scratch));
  case Expr::Kind::minus: return negated(terms_[0].evaluate(row, scratch));
  case Expr::Kind::call: return call(row, scratch);
  default: return {};
  }
}

ValueView ValueExpression::call(RowValues row, Scratch& scratch) const {
  const ValueView value = terms_[0].evaluate(row, scratch);
  if (!scratch.watch().spend_bytes(value.text.size()))
    return {};
  switch (function_) {
  case Function::lower: return value.kind == Kind::string ? lower(value.text, scratch) : ValueView{};
  case Function::length: return length(value);
  case Function::abs: return magnitude(value);
  case Function::round: return rounded(value, digits_);
  case Function::date_trunc: return date_trunc(unit_, value);
  case Function::time: return as_time(value);
  }
  return {};
}

void ValueExpression::collect_slots(std::vector<std::size_t>& slots) const {
  if (kind_ == Expr::Kind::field && std::find(slots.begin(), slots.end(), slot_) == slots.end())
    slots.push_back(slot_);
  for (const ValueExpression& term : terms_)
    term.collect_slots(slots);
}

Timestamp truncated(Timestamp time, TimeUnit unit) noexcept {
  using namespace std::chrono;
  switch (unit) {
  case TimeUnit::minute: return floor<minutes>(time);
  case TimeUnit::hour: return floor<hours>(time);
  default: break;
  }
  const sys_days day = floor<days>(time);
  const year_month_day date(day);
  switch (unit) {
  case TimeUnit::week: return day - (weekday(day) - Monday);
  case TimeUnit::month: return sys_days(date.year() / date.month() / 1);
  case TimeUnit::year: return sys_days(date.year() / January / 1);
  default: return day;
  }
}

ValueView as_time(const ValueView& value) noexcept {
  if (value.kind == Kind::timestamp)
    return value;
  if (value.kind == Kind::string) {
    // Most texts are none, and the message of an error takes long to write.
    if (value.text.size() < std::string_view("2024-01-01T00:00:00Z").size() || value.text[4] != '-' ||
        value.text[7] != '-')
      return {};
    const auto time = parse_timestamp(value.text);
    return time ? ValueView::of(*time) : ValueView{};
  }
  // A number of the engine's own (sequence) comes as a natural number even where it is small.
  if (const ValueView number = value.kind == Kind::uint64 ? normalized(value) : value; number.kind == Kind::int64) {
    const auto time = timestamp_from_ms(number.integer);
    return time ? ValueView::of(*time) : ValueView{};
  }
  return {};
}

} // namespace weir::query
