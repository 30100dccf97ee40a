#include "engine/query/aggregate.hpp"

#include <algorithm>
#include <utility>

namespace weir::query {
namespace {

/// Node, bucket and allocation of an entry of a hash set.
constexpr std::uint64_t entry_bytes = 48;

std::uint64_t growth(std::size_t before, std::size_t after) noexcept {
  return after > before ? after - before : 0;
}

} // namespace

AggregateState::State AggregateState::initial(Kind kind) {
  switch (kind) {
  case Kind::count: break;
  case Kind::unique: return Unique{};
  case Kind::sum: return ExactSum{};
  case Kind::minimum:
  case Kind::maximum:
  case Kind::first:
  case Kind::last: return Chosen{};
  case Kind::numbers: return Numbers{};
  }
  return Count{};
}

std::uint64_t AggregateState::add(const ValueView& value, Position position) {
  if (auto* const count = std::get_if<Count>(&state_)) {
    ++count->events;
    return 0;
  }
  if (value.kind == Value::Kind::null)
    return 0;
  switch (kind_) {
  case Kind::unique: return add_unique(value);
  case Kind::sum:
  case Kind::numbers: return add_number(value);
  default: return choose(value, position);
  }
}

void AggregateState::add_count(std::uint64_t events) noexcept {
  if (auto* const count = std::get_if<Count>(&state_))
    count->events += events;
}

std::uint64_t AggregateState::add_integers(std::span<const std::int64_t> values) {
  if (values.empty())
    return 0;
  switch (kind_) {
  case Kind::count: add_count(values.size()); return 0;
  case Kind::sum: std::get<ExactSum>(state_).add_integers(values); return 0;
  case Kind::minimum: return choose(ValueView::of_integer(*std::min_element(values.begin(), values.end())), 0);
  case Kind::maximum: return choose(ValueView::of_integer(*std::max_element(values.begin(), values.end())), 0);
  case Kind::numbers: return std::get<Numbers>(state_).integers.append(values);
  default: break;
  }
  std::uint64_t bytes = 0;
  for (const std::int64_t value : values)
    bytes += add(ValueView::of_integer(value), 0);
  return bytes;
}

std::uint64_t AggregateState::add_reals(std::span<const double> values) {
  if (values.empty())
    return 0;
  switch (kind_) {
  case Kind::count: add_count(values.size()); return 0;
  case Kind::sum: {
    ExactSum& sum = std::get<ExactSum>(state_);
    const std::uint64_t before = sum.bytes();
    sum.add_reals(values);
    return growth(before, sum.bytes());
  }
  case Kind::minimum: return choose(ValueView::of_real(*std::min_element(values.begin(), values.end())), 0);
  case Kind::maximum: return choose(ValueView::of_real(*std::max_element(values.begin(), values.end())), 0);
  default: break;
  }
  std::uint64_t bytes = 0;
  for (const double value : values)
    bytes += add(ValueView::of_real(value), 0);
  return bytes;
}

std::uint64_t AggregateState::add_unique(const ValueView& value) {
  Unique& unique = std::get<Unique>(state_);
  const ValueView key = normalized(value);
  if (key.kind == Value::Kind::int64) {
    unique.integers.make_room();
    return unique.integers.part_of(key.integer).insert(key.integer).second ? entry_bytes : 0;
  }
  std::string bytes;
  append_key(bytes, key);
  const std::size_t size = bytes.size();
  unique.others.make_room();
  auto& part = unique.others.part_of(bytes);
  return part.insert(std::move(bytes)).second ? entry_bytes + sizeof(std::string) + size : 0;
}

std::uint64_t AggregateState::choose(const ValueView& value, Position position) {
  Chosen& chosen = std::get<Chosen>(state_);
  const bool by_position = kind_ == Kind::first || kind_ == Kind::last;
  const ValueView current = ValueView::of(chosen.value);
  if (!chosen.value.is_null()) {
    const bool lower = by_position ? position < chosen.position : total_order(value, current) < 0;
    const bool higher = by_position ? position > chosen.position : total_order(value, current) > 0;
    if (!(kind_ == Kind::minimum || kind_ == Kind::first ? lower : higher))
      return 0;
  }
  const std::uint64_t bytes = growth(chosen.counted, value.text.size());
  chosen.counted = std::max<std::uint64_t>(chosen.counted, value.text.size());
  // Equal values of different spelling must not depend on which came first.
  chosen.value = to_value(by_position ? value : normalized(value));
  chosen.position = position;
  return bytes;
}

std::uint64_t AggregateState::add_number(const ValueView& value) {
  if (rank(value.kind) != Rank::number)
    return 0;
  if (auto* const sum = std::get_if<ExactSum>(&state_)) {
    const std::uint64_t before = sum->bytes();
    switch (value.kind) {
    case Value::Kind::int64: sum->add_integer(value.integer); break;
    case Value::Kind::uint64: sum->add_natural(value.natural); break;
    default: sum->add_real(value.real); break;
    }
    return growth(before, sum->bytes());
  }
  Numbers& numbers = std::get<Numbers>(state_);
  const ValueView number = normalized(value);
  switch (number.kind) {
  case Value::Kind::int64: return numbers.integers.push(number.integer);
  case Value::Kind::uint64: return numbers.naturals.push(number.natural);
  default: return numbers.reals.push(number.real);
  }
}

Status AggregateState::merge(AggregateState&& other, Pacer& pacer) {
  const auto both_have = [](const auto&, const auto&) { return Status{}; };
  switch (kind_) {
  case Kind::count: add_count(std::get<Count>(other.state_).events); return {};
  case Kind::unique: {
    Unique& into = std::get<Unique>(state_);
    Unique& from = std::get<Unique>(other.state_);
    if (into.integers.size() < from.integers.size())
      into.integers.swap(from.integers);
    if (into.others.size() < from.others.size())
      into.others.swap(from.others);
    WEIR_TRY(into.integers.take(from.integers, pacer, both_have));
    return into.others.take(from.others, pacer, both_have);
  }
  case Kind::sum: std::get<ExactSum>(state_).add(std::get<ExactSum>(other.state_)); return pacer.spend(1);
  case Kind::numbers: {
    Numbers& into = std::get<Numbers>(state_);
    Numbers& from = std::get<Numbers>(other.state_);
    WEIR_TRY(into.integers.take(std::move(from.integers), pacer));
    WEIR_TRY(into.naturals.take(std::move(from.naturals), pacer));
    return into.reals.take(std::move(from.reals), pacer);
  }
  default: break;
  }
  const Chosen& from = std::get<Chosen>(other.state_);
  if (!from.value.is_null())
    choose(ValueView::of(from.value), from.position);
  return {};
}

Result<AggregateState> AggregateState::copy(Pacer& pacer) const {
  WEIR_TRY(pacer.spend(1));
  AggregateState made(kind_);
  if (const auto* const unique = std::get_if<Unique>(&state_)) {
    Unique& into = std::get<Unique>(made.state_);
    WEIR_TRY(into.integers.copy(unique->integers, pacer));
    WEIR_TRY(into.others.copy(unique->others, pacer));
  } else if (const auto* const numbers = std::get_if<Numbers>(&state_)) {
    Numbers& into = std::get<Numbers>(made.state_);
    WEIR_TRY(into.integers.copy(numbers->integers, pacer));
    WEIR_TRY(into.naturals.copy(numbers->naturals, pacer));
    WEIR_TRY(into.reals.copy(numbers->reals, pacer));
  } else if (const auto* const count = std::get_if<Count>(&state_)) {
    made.state_ = *count;
  } else if (const auto* const sum = std::get_if<ExactSum>(&state_)) {
    made.state_ = *sum;
  } else if (const auto* const chosen = std::get_if<Chosen>(&state_)) {
    made.state_ = *chosen;
  } else if (const auto* const sorted = std::get_if<SortedNumbers>(&state_)) {
    made.state_ = *sorted;
  }
  return made;
}

Result<Value> AggregateState::percentile(unsigned percent, Pacer& pacer) {
  if (auto* const unsorted = std::get_if<Numbers>(&state_)) {
    auto integers = std::move(unsorted->integers).sorted(pacer);
    if (!integers)
      return std::move(integers).error();
    auto naturals = std::move(unsorted->naturals).sorted(pacer);
    if (!naturals)
      return std::move(naturals).error();
    auto reals = std::move(unsorted->reals).sorted(pacer);
    if (!reals)
      return std::move(reals).error();
    state_ = SortedNumbers{*std::move(integers), *std::move(naturals), *std::move(reals)};
  }
  const SortedNumbers& numbers = std::get<SortedNumbers>(state_);
  const std::uint64_t count = numbers.integers.size() + numbers.naturals.size() + numbers.reals.size();
  if (count == 0)
    return Value{};
  const std::uint64_t rank = (count * percent + 99) / 100; // From 1.
  // Naturals are above all integers, so those two are one list in order.
  const auto whole = [&](std::size_t i) {
    return i < numbers.integers.size() ? ValueView::of_integer(numbers.integers[i])
                                       : ValueView::of(numbers.naturals[i - numbers.integers.size()]);
  };
  const std::size_t wholes = numbers.integers.size() + numbers.naturals.size();
  std::size_t next_whole = 0;
  std::size_t next_real = 0;
  ValueView at;
  for (std::uint64_t i = 0; i < rank; ++i) {
    WEIR_TRY(pacer.spend(1));
    const bool take_real =
        next_whole == wholes || (next_real < numbers.reals.size() &&
                                 total_order(ValueView::of_real(numbers.reals[next_real]), whole(next_whole)) < 0);
    at = take_real ? ValueView::of_real(numbers.reals[next_real++]) : whole(next_whole++);
  }
  return to_value(at);
}

Result<Value> AggregateState::result(Aggregate::Kind kind, Pacer& pacer) {
  switch (kind) {
  case Aggregate::Kind::count: return Value(std::get<Count>(state_).events);
  case Aggregate::Kind::count_unique: {
    const Unique& unique = std::get<Unique>(state_);
    return Value(unique.integers.size() + unique.others.size());
  }
  case Aggregate::Kind::total: return std::get<ExactSum>(state_).total();
  case Aggregate::Kind::average: return std::get<ExactSum>(state_).average();
  case Aggregate::Kind::p50: return percentile(50, pacer);
  case Aggregate::Kind::p95: return percentile(95, pacer);
  case Aggregate::Kind::p99: return percentile(99, pacer);
  case Aggregate::Kind::minimum:
  case Aggregate::Kind::maximum:
  case Aggregate::Kind::first:
  case Aggregate::Kind::last: break;
  }
  return std::get<Chosen>(state_).value;
}

} // namespace weir::query
