#include "engine/query/zone_groups.hpp"

#include <algorithm>
#include <limits>
#include <numeric>
#include <utility>

namespace weir::query {
namespace {

/// More codes than this cost more to number than rows to hash.
constexpr std::size_t codes_max = 16'384;
constexpr std::uint32_t none = std::numeric_limits<std::uint32_t>::max();

/// The beginnings of all units from the one `first` is in to the one `last` is in; empty if there are too many.
void list_units(TimeUnit unit, std::int64_t first, std::int64_t last, std::vector<std::int64_t>& bounds) {
  using namespace std::chrono;
  // Longer than the longest of its kind and shorter than two: a step leads into the next one.
  constexpr auto step_of = [](TimeUnit of) -> microseconds {
    switch (of) {
    case TimeUnit::minute: return minutes(1);
    case TimeUnit::hour: return hours(1);
    case TimeUnit::day: return days(1);
    case TimeUnit::week: return days(7);
    case TimeUnit::month: return days(32);
    case TimeUnit::year: return days(367);
    }
    return days(1);
  };
  bounds.clear();
  Timestamp begin = truncated(time_of(first), unit);
  while (begin.time_since_epoch().count() <= last) {
    if (bounds.size() == codes_max)
      return bounds.clear();
    bounds.push_back(begin.time_since_epoch().count());
    begin = truncated(begin + step_of(unit), unit);
  }
}

} // namespace

template <class CodeOf> bool ZoneGroups::add_key(std::size_t count, const CodeOf& code_of) {
  if (count == 0 || code_count_ * count > codes_max)
    return false;
  std::uint32_t* const codes = codes_.data();
  const std::uint32_t* const rows = rows_.data();
  const std::size_t size = rows_.size();
  if (code_count_ == 1) { // the first key: all codes are 0 so far
    for (std::size_t i = 0; i < size; ++i)
      codes[i] = static_cast<std::uint32_t>(code_of(rows[i]));
  } else {
    for (std::size_t i = 0; i < size; ++i)
      codes[i] = static_cast<std::uint32_t>(codes[i] * count + code_of(rows[i]));
  }
  code_count_ *= count;
  return true;
}

bool ZoneGroups::add_times(std::span<const std::int64_t> times) {
  std::int64_t first = times[rows_.front()], last = first;
  for (const std::uint32_t row : rows_) {
    first = std::min(first, times[row]);
    last = std::max(last, times[row]);
  }
  list_units(query_.per->unit, first, last, bounds_);
  std::size_t at = 0;
  return add_key(bounds_.size(), [&](std::uint32_t row) {
    const std::int64_t time = times[row];
    if (time < bounds_[at] || (at + 1 < bounds_.size() && time >= bounds_[at + 1]))
      at = static_cast<std::size_t>(std::upper_bound(bounds_.begin(), bounds_.end(), time) - bounds_.begin()) - 1;
    return at;
  });
}

bool ZoneGroups::code_rows(const ZoneValues& values, const RowBits& rows) {
  rows_.resize(rows.count());
  if (rows_.size() == rows.rows()) {
    std::iota(rows_.begin(), rows_.end(), std::uint32_t{0});
  } else {
    std::uint32_t* next = rows_.data();
    rows.each([&next](std::size_t row) { *next++ = static_cast<std::uint32_t>(row); });
  }
  codes_.assign(rows_.size(), 0);
  code_count_ = 1;
  if (rows_.empty())
    return true;
  if (query_.per) {
    const auto times = values.times(query_.per->slot);
    if (times.empty() || !add_times(times))
      return false;
  }
  for (const std::size_t slot : query_.group_slots) {
    const ZoneValues::Codes codes = values.codes(slot);
    if (!codes.codes.empty()) {
      // What has no value shares a code of its own: null and absent are one group.
      const std::uint32_t* const of_row = codes.codes.data();
      const bool added = codes.presence.empty()
                             ? add_key(codes.count, [=](std::uint32_t row) { return of_row[row]; })
                             : add_key(codes.count + 1, [&](std::uint32_t row) {
                                 return codes.presence[row] == Presence::value ? std::size_t{of_row[row]} : codes.count;
                               });
      if (!added)
        return false;
      continue;
    }
    if (!values.is_field(slot))
      return false;
    const FieldColumn& column = values.field(slot);
    if (column.type == FieldForm::none)
      continue; // null for all
    if (column.type != FieldForm::boolean)
      return false;
    const bool added = add_key(3, [&](std::uint32_t row) {
      const bool value = column.presence.empty() || column.presence[row] == Presence::value;
      return value ? static_cast<std::size_t>(column.integers[row] != 0 ? 1 : 0) : std::size_t{2};
    });
    if (!added)
      return false;
  }
  return true;
}

/// In the order in which they turn up.
void ZoneGroups::number_groups() {
  groups_.assign(code_count_, none);
  begins_.clear();
  first_rows_.clear();
  std::uint32_t* const groups = groups_.data();
  for (std::size_t i = 0; i < codes_.size(); ++i) {
    std::uint32_t& code = codes_[i];
    if (groups[code] == none) {
      groups[code] = static_cast<std::uint32_t>(begins_.size());
      begins_.push_back(0);
      first_rows_.push_back(rows_[i]);
    }
    code = groups[code];
    ++begins_[code];
  }
}

void ZoneGroups::sort_rows() {
  std::uint32_t total = 0;
  for (std::uint32_t& begin : begins_)
    total += std::exchange(begin, total);
  sorted_.resize(rows_.size());
  for (std::size_t i = 0; i < rows_.size(); ++i)
    sorted_[begins_[codes_[i]]++] = rows_[i];
  // Each begins now where the next one does.
  begins_.insert(begins_.begin(), 0);
}

Result<bool> ZoneGroups::add(const ZoneValues& values, const RowBits& rows, Collector& collector, Pacer& pacer) {
  if (!code_rows(values, rows))
    return false;
  if (rows_.empty())
    return true;
  WEIR_TRY(pacer.spend(rows_.size() / 8));
  number_groups();
  std::vector<Group*> groups;
  groups.reserve(first_rows_.size());
  std::vector<ValueView> keys(query_.key_count());
  for (const std::size_t row : first_rows_) {
    std::size_t key = 0;
    if (query_.per)
      keys[key++] = bucket_of(*query_.per, values.value(query_.per->slot, row));
    for (const std::size_t slot : query_.group_slots)
      keys[key++] = values.value(slot, row);
    const auto found = collector.groups().at(keys, collector.budget());
    if (!found)
      return found.error();
    groups.push_back(*found);
    WEIR_TRY(pacer.spend(1));
  }
  using Kind = CompiledQuery::StateSpec::Kind;
  bool sorts = false;
  for (std::size_t state = 0; state < query_.states.size(); ++state) {
    sorts = sorts || query_.states[state].kind != Kind::count;
    for (std::size_t group = 0; query_.states[state].kind == Kind::count && group < groups.size(); ++group)
      groups[group]->states[state].add_count(begins_[group]);
  }
  if (!sorts)
    return true;
  sort_rows();
  for (std::size_t state = 0; state < query_.states.size(); ++state)
    if (query_.states[state].kind != Kind::count)
      WEIR_TRY(add_state(values, state, groups, collector, pacer));
  return true;
}

Result<bool> ZoneGroups::add_types(const ZoneValues& values, const RowBits& rows, Collector& collector, Pacer& pacer) {
  const auto counted = values.count_types(rows, counts_);
  if (!counted || !*counted)
    return counted;
  WEIR_TRY(pacer.spend(counts_.size()));
  for (std::uint32_t type = 0; type < counts_.size(); ++type) {
    if (counts_[type] == 0)
      continue;
    const ValueView key = ValueView::of(values.type_text(type));
    const auto found = collector.groups().at({&key, 1}, collector.budget());
    if (!found)
      return found.error();
    (*found)->states.front().add_count(counts_[type]);
  }
  return true;
}

Status ZoneGroups::add_state(const ZoneValues& values, std::size_t state, std::span<Group* const> groups,
                             Collector& collector, Pacer& pacer) {
  using Kind = CompiledQuery::StateSpec::Kind;
  const CompiledQuery::StateSpec& spec = query_.states[state];
  const bool by_position = spec.kind == Kind::first || spec.kind == Kind::last;
  const bool numbers =
      !by_position && values.is_field(spec.slot) &&
      (values.field(spec.slot).type == FieldForm::int64 || values.field(spec.slot).type == FieldForm::float64);
  const ZoneValues::Codes texts = by_position ? ZoneValues::Codes{} : values.codes(spec.slot);
  seen_by_.assign(texts.count, none);
  std::uint64_t bytes = 0;
  for (std::uint32_t group = 0; group < groups.size(); ++group) {
    const auto rows = rows_of(group);
    AggregateState& to = groups[group]->states[state];
    if (numbers) {
      bytes += add_numbers(values.field(spec.slot), rows, to);
      WEIR_TRY(pacer.spend(rows.size() / 8 + 1));
    } else if (!texts.codes.empty()) {
      bytes += add_texts(values, spec.slot, group, rows, to);
      WEIR_TRY(pacer.spend(rows.size() / 8 + 1));
    } else {
      for (const std::uint32_t row : rows)
        bytes += to.add(values.value(spec.slot, row), by_position ? values.positions()[row] : 0);
      WEIR_TRY(pacer.spend(rows.size()));
    }
  }
  return bytes == 0 ? Status{} : collector.budget().take(bytes);
}

std::uint64_t ZoneGroups::add_numbers(const FieldColumn& column, std::span<const std::uint32_t> rows,
                                      AggregateState& state) {
  const auto gather = [&](auto& out, const auto& from) {
    out.clear();
    for (const std::uint32_t row : rows)
      if (column.presence.empty() || column.presence[row] == Presence::value)
        out.push_back(from[row]);
  };
  if (column.type == FieldForm::int64) {
    gather(integers_, column.integers);
    return state.add_integers(integers_);
  }
  gather(reals_, column.reals);
  return state.add_reals(reals_);
}

/// Each text once a group: for what is neither counted nor summed, more of the same change nothing. Sums and
/// percentiles take no texts at all.
std::uint64_t ZoneGroups::add_texts(const ZoneValues& values, std::size_t slot, std::uint32_t group,
                                    std::span<const std::uint32_t> rows, AggregateState& state) {
  const ZoneValues::Codes codes = values.codes(slot);
  std::uint64_t bytes = 0;
  for (const std::uint32_t row : rows) {
    if (!codes.presence.empty() && codes.presence[row] != Presence::value)
      continue;
    std::uint32_t& seen = seen_by_[codes.codes[row]];
    if (seen == group)
      continue;
    seen = group;
    bytes += state.add(values.value(slot, row), 0);
  }
  return bytes;
}

} // namespace weir::query
