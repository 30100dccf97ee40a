#include "engine/query/value_steps.hpp"

#include "engine/query/column_loops.hpp"

#include <algorithm>
#include <array>
#include <optional>

namespace weir::query {
namespace {

/// More ranges of one outcome than this, and a search per row is cheaper than a pass over the rows for each.
constexpr std::size_t passes_max = 8;

/// The value of the domain that is the literal, where that can be told at once.
template <class Domain> std::optional<typename Domain::Type> same_value(const ValueView& literal) noexcept {
  using Type = typename Domain::Type;
  std::optional<Type> candidate;
  switch (literal.kind) {
  case Value::Kind::int64:
  case Value::Kind::timestamp:
  case Value::Kind::boolean: candidate = static_cast<Type>(literal.integer); break;
  case Value::Kind::uint64: candidate = static_cast<Type>(literal.natural); break;
  case Value::Kind::float64:
    if constexpr (std::is_floating_point_v<Type>)
      candidate = literal.real;
    break;
  default: break;
  }
  const bool same = candidate && compare(Domain::view(*candidate), literal) == std::weak_ordering::equivalent;
  return same ? candidate : std::nullopt;
}

/// The least key `test` holds for; one past the largest if there is none. `test` holds from there on.
template <class Domain, class Test> std::optional<std::uint64_t> first_key(const Test& test) {
  if (!test(Domain::view(Domain::of_key(Domain::key_max))))
    return std::nullopt;
  std::uint64_t low = Domain::key_min, high = Domain::key_max;
  while (low < high) {
    const std::uint64_t middle = low + (high - low) / 2;
    if (test(Domain::view(Domain::of_key(middle))))
      high = middle;
    else
      low = middle + 1;
  }
  return low;
}

} // namespace

template <class Domain> std::vector<std::uint64_t> ValueSteps<Domain>::cuts(std::span<const Value> literals) {
  std::vector<std::uint64_t> keys{Domain::key_min};
  const auto add = [&](std::optional<std::uint64_t> key) {
    if (key)
      keys.push_back(*key);
  };
  for (const Value& value : literals) {
    const ValueView literal = ValueView::of(value);
    if (!compare(Domain::view(Domain::of_key(Domain::key_min)), literal))
      continue; // of another type: how values compare with it is the same for all
    const auto same = same_value<Domain>(literal);
    if (same && *same != Type{}) { // a zero may be spelled in two ways
      const std::uint64_t key = Domain::key(*same);
      keys.push_back(key);
      if (key != Domain::key_max)
        keys.push_back(key + 1);
      continue;
    }
    add(first_key<Domain>([&](const ValueView& view) { return *compare(view, literal) >= 0; }));
    add(first_key<Domain>([&](const ValueView& view) { return *compare(view, literal) > 0; }));
  }
  std::sort(keys.begin(), keys.end());
  keys.erase(std::unique(keys.begin(), keys.end()), keys.end());
  return keys;
}

template <class Domain> Outcomes ValueSteps<Domain>::at(Type value) const noexcept {
  const auto behind =
      std::upper_bound(steps_.begin(), steps_.end(), value, [](Type v, const Step& step) { return v < step.low; });
  return behind == steps_.begin() ? steps_.front().outcomes : (behind - 1)->outcomes;
}

template <class Domain> void ValueSteps<Domain>::search(std::span<const Type> values, OutcomeBits& out) const {
  out.fill(Outcomes());
  for (std::size_t i = 0; i < values.size(); ++i)
    out.set(i, at(values[i]));
}

template <class Domain> void ValueSteps<Domain>::evaluate(std::span<const Type> values, OutcomeBits& out) const {
  constexpr std::array kinds = {Outcomes::never(), Outcomes::unknown(), Outcomes::always()};
  std::array<std::size_t, 3> count{};
  for (const Step& step : steps_)
    for (std::size_t kind = 0; kind < 3; ++kind)
      count[kind] += step.outcomes == kinds[kind] ? 1 : 0;
  // The outcome that takes most ranges is what is left of the others.
  const auto rest = static_cast<std::size_t>(std::max_element(count.begin(), count.end()) - count.begin());
  if (steps_.size() - count[rest] > passes_max)
    return search(values, out);
  out.fill(Outcomes());
  const std::array<std::span<std::uint64_t>, 3> parts = {out.may_be_false(), out.may_be_unknown(), out.may_be_true()};
  for (const Step& step : steps_)
    for (std::size_t kind = 0; kind < 3; ++kind)
      if (kind != rest && step.outcomes == kinds[kind])
        mark_range<Type>(values, step.low, step.high, parts[kind]);
  const auto& one = parts[(rest + 1) % 3];
  const auto& other = parts[(rest + 2) % 3];
  for (std::size_t w = 0; w < out.words(); ++w)
    parts[rest][w] = ~(one[w] | other[w]);
}

template class ValueSteps<IntegerDomain>;
template class ValueSteps<TimeDomain>;
template class ValueSteps<BooleanDomain>;
template class ValueSteps<NaturalDomain>;
template class ValueSteps<RealDomain>;

} // namespace weir::query
