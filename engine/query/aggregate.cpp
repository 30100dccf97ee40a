#include "engine/query/aggregate.hpp"

#include "engine/query/order.hpp"

#include <algorithm>
#include <functional>

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

std::uint64_t AggregateState::add_repeated(const ValueView& value, std::uint64_t times) {
  if (kind_ == Kind::count) {
    add_count(times);
    return 0;
  }
  const bool counts = kind_ == Kind::sum || kind_ == Kind::numbers;
  if (counts && rank(value.kind) != Rank::number)
    return 0;
  std::uint64_t bytes = 0;
  for (std::uint64_t i = 0; i < (counts ? times : std::min<std::uint64_t>(times, 1)); ++i)
    bytes += add(value, 0);
  return bytes;
}

std::uint64_t AggregateState::add_integers(std::span<const std::int64_t> values) {
  if (values.empty())
    return 0;
  switch (kind_) {
  case Kind::count: add_count(values.size()); return 0;
  case Kind::sum: std::get<ExactSum>(state_).add_integers(values); return 0;
  case Kind::minimum: return choose(ValueView::of_integer(*std::min_element(values.begin(), values.end())), 0);
  case Kind::maximum: return choose(ValueView::of_integer(*std::max_element(values.begin(), values.end())), 0);
  case Kind::numbers: {
    Numbers& numbers = std::get<Numbers>(state_);
    const std::size_t before = numbers.integers.capacity();
    numbers.integers.insert(numbers.integers.end(), values.begin(), values.end());
    numbers.sorted = false;
    return growth(before, numbers.integers.capacity()) * sizeof(std::int64_t);
  }
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
  if (key.kind == Value::Kind::int64)
    return unique.integers.insert(key.integer).second ? entry_bytes : 0;
  std::string bytes;
  append_key(bytes, key);
  const std::size_t size = bytes.size();
  return unique.others.insert(std::move(bytes)).second ? entry_bytes + sizeof(std::string) + size : 0;
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
  numbers.sorted = false;
  const auto push = [](auto& list, auto number) {
    const std::size_t before = list.capacity();
    list.push_back(number);
    return growth(before, list.capacity()) * sizeof number;
  };
  const ValueView number = normalized(value);
  switch (number.kind) {
  case Value::Kind::int64: return push(numbers.integers, number.integer);
  case Value::Kind::uint64: return push(numbers.naturals, number.natural);
  default: return push(numbers.reals, number.real);
  }
}

Status AggregateState::merge(AggregateState&& other, Pacer& pacer) {
  const auto move_entries = [&](auto& from, auto& into) -> Status {
    while (!from.empty()) {
      into.insert(from.extract(from.begin()));
      WEIR_TRY(pacer.spend(1));
    }
    return {};
  };
  switch (kind_) {
  case Kind::count: add_count(std::get<Count>(other.state_).events); return {};
  case Kind::unique: {
    Unique& into = std::get<Unique>(state_);
    Unique& from = std::get<Unique>(other.state_);
    if (into.integers.size() < from.integers.size())
      into.integers.swap(from.integers);
    if (into.others.size() < from.others.size())
      into.others.swap(from.others);
    WEIR_TRY(move_entries(from.integers, into.integers));
    return move_entries(from.others, into.others);
  }
  case Kind::sum: std::get<ExactSum>(state_).add(std::get<ExactSum>(other.state_)); return pacer.spend(1);
  case Kind::numbers: {
    Numbers& into = std::get<Numbers>(state_);
    const Numbers& from = std::get<Numbers>(other.state_);
    into.integers.insert(into.integers.end(), from.integers.begin(), from.integers.end());
    into.naturals.insert(into.naturals.end(), from.naturals.begin(), from.naturals.end());
    into.reals.insert(into.reals.end(), from.reals.begin(), from.reals.end());
    into.sorted = false;
    return pacer.spend((from.integers.size() + from.naturals.size() + from.reals.size()) / 64);
  }
  default: break;
  }
  const Chosen& from = std::get<Chosen>(other.state_);
  if (!from.value.is_null())
    choose(ValueView::of(from.value), from.position);
  return {};
}

Result<Value> AggregateState::percentile(unsigned percent, Pacer& pacer) {
  Numbers& numbers = std::get<Numbers>(state_);
  if (!numbers.sorted) {
    WEIR_TRY(sort_paced(numbers.integers, std::less<>(), pacer));
    WEIR_TRY(sort_paced(numbers.naturals, std::less<>(), pacer));
    WEIR_TRY(sort_paced(numbers.reals, std::less<>(), pacer));
    numbers.sorted = true;
  }
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
