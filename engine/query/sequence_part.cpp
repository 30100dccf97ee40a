#include "engine/query/sequence_part.hpp"

#include "engine/check.hpp"
#include "engine/text.hpp"

#include <bit>
#include <utility>

namespace weir::query {

std::uint64_t bytes_of(const SequencePart& part) noexcept {
  std::uint64_t bytes = part.values.bytes() + part.link_bytes;
  for (const SequencePart::Bin& bin : part.bins)
    bytes += bin.candidates.size() * sizeof(SequencePart::Candidate) + bin.details.size() * sizeof(SequenceDetail);
  return bytes;
}

Status take_for_sequence(ResultBudget& budget, std::uint64_t bytes, std::uint64_t bytes_max) {
  const Status taken = budget.take(bytes);
  if (taken || taken.code() != Errc::too_large)
    return taken;
  return fail(
      Errc::too_large,
      format("the events that may take part in the sequence need more than {} bytes of memory; narrow FOR, SINCE "
             "or UNTIL, or add conditions on single steps",
             bytes_max));
}

template <class Of>
std::uint64_t SequenceGatherer::keep(Position position, std::uint32_t steps, Link link, const Of& of) {
  SequencePart::Bin& bin = part_.bins[link.bin];
  bin.candidates.push_back({position, steps, link.number});
  if (!query_.has_details())
    return sizeof(SequencePart::Candidate);
  SequenceDetail detail{SequenceDetail::no_time, 0};
  if (query_.within_us) {
    const ValueView time = as_time(of(query_.time));
    if (time.kind == Value::Kind::timestamp)
      detail.time_us = time.integer;
  }
  packed_.clear();
  for (const CompiledSequence::Kept& kept : query_.kept) {
    if ((kept.steps & steps) != 0 && !kept.is_position)
      pack(packed_, of(kept.source));
  }
  detail.values = part_.values.add(packed_);
  bin.details.push_back(detail);
  return sizeof(SequencePart::Candidate) + sizeof detail + packed_.size();
}

Status SequenceGatherer::add(Position position, RowValues row, ResultBudget& budget) {
  const ValueView& link_value = row[query_.link];
  if (link_value.kind == Value::Kind::null || link_value.kind == Value::Kind::json)
    return {};
  const std::uint32_t steps = steps_of(row);
  WEIR_TRY(scratch_.watch().going());
  if (steps == 0)
    return {};
  Link link;
  WEIR_TRY(link_of(link_value, budget, link));
  const std::uint64_t bytes =
      keep(position, steps, link, [&](std::size_t slot) -> const ValueView& { return row[slot]; });
  return take_for_sequence(budget, bytes, bytes_max_);
}

/// Types and links by their codes, so that neither is compared for a row.
Result<bool> SequenceGatherer::add_zone(const ZoneValues& values, const RowBits& rows, ResultBudget& budget,
                                        Pacer& pacer) {
  constexpr std::uint64_t taken_at_once = 64 * KiB;
  const ZoneValues::Codes types = values.codes(query_.event_type);
  const ZoneValues::Codes links = values.codes(query_.link);
  if (!query_.scan_is_exact || types.codes.empty() || links.codes.empty() || values.positions().empty())
    return false;
  type_steps_.resize(types.count);
  for (std::size_t type = 0; type < types.count; ++type) {
    const std::uint32_t steps = steps_of_type(values.type_text(static_cast<std::uint32_t>(type)));
    if ((steps & (steps - 1)) != 0)
      return false; // which of them a row fits is judged by its values
    type_steps_[type] = steps;
  }
  WEIR_TRY(number_links(values, rows, budget, pacer));
  std::uint64_t bytes = 0; // not taken of the budget yet
  Status going = pacer.spend(rows.count() / 8);
  rows.each([&](std::size_t row) {
    if (!going || (!links.presence.empty() && links.presence[row] != Presence::value))
      return;
    const std::uint32_t steps = type_steps_[types.codes[row]];
    WEIR_CHECK(steps != 0); // the scan's condition asks for some step, whose type that is
    bytes += keep(values.positions()[row], steps, code_links_[links.codes[row]],
                  [&](std::size_t slot) { return values.value(slot, row); });
    if (bytes >= taken_at_once)
      going = take_for_sequence(budget, std::exchange(bytes, 0), bytes_max_);
  });
  WEIR_TRY(going);
  WEIR_TRY(take_for_sequence(budget, bytes, bytes_max_));
  return true;
}

Status SequenceGatherer::number_links(const ZoneValues& values, const RowBits& rows, ResultBudget& budget,
                                      Pacer& pacer) {
  constexpr std::size_t ahead = 8;
  const ZoneValues::Codes links = values.codes(query_.link);
  code_links_.assign(links.count, {});
  asked_.clear();
  keys_.clear();
  rows.each([&](std::size_t row) {
    if (!links.presence.empty() && links.presence[row] != Presence::value)
      return;
    Link& link = code_links_[links.codes[row]];
    link = {0, static_cast<std::uint32_t>(row), link.events + 1};
  });
  for (std::size_t code = 0; code < links.count; ++code) { // in the order in which the values lie in memory
    Link& link = code_links_[code];
    if (link.bin == Link::no_bin)
      continue;
    const std::size_t begin = keys_.size();
    pack(keys_, normalized(values.value(query_.link, link.number)));
    const std::uint64_t hash = LinkTable::hash(std::string_view(keys_).substr(begin));
    link.bin = static_cast<std::uint32_t>(SequencePart::bin_of(hash));
    part_.bins[link.bin].links.fetch_slot(hash);
    asked_.push_back({hash, keys_.size(), static_cast<std::uint32_t>(code)});
  }
  WEIR_TRY(pacer.spend(asked_.size() + keys_.size() / Watch::bytes_per_work));
  std::size_t begin = 0;
  for (std::size_t i = 0; i < asked_.size(); ++i) {
    if (i + ahead < asked_.size()) {
      const std::uint64_t later = asked_[i + ahead].hash;
      part_.bins[SequencePart::bin_of(later)].links.fetch_link(later);
    }
    const Asked& asked = asked_[i];
    const auto key = std::string_view(keys_).substr(begin, asked.end - begin);
    Link& link = code_links_[asked.code];
    LinkTable::Entry entry;
    WEIR_TRY(number_of(key, asked.hash, budget, entry));
    part_.bins[link.bin].links.add_events(entry.place, link.events);
    link.number = entry.number;
    begin = asked.end;
  }
  return {};
}

std::uint32_t SequenceGatherer::steps_of_type(std::string_view type) const noexcept {
  std::uint32_t of_type = 0;
  for (std::size_t i = 0; i < query_.steps.size(); ++i)
    of_type |= query_.steps[i].event_type == type ? std::uint32_t{1} << i : 0;
  return of_type;
}

/// Steps whose conditions on their event alone are true.
std::uint32_t SequenceGatherer::steps_of(RowValues row) {
  const std::uint32_t of_type = steps_of_type(row[query_.event_type].text);
  if (query_.scan_is_exact && (of_type & (of_type - 1)) == 0)
    return of_type; // The scan has found one of the steps true, and it can only be this one.
  std::uint32_t fits = 0;
  for (std::uint32_t left = of_type; left != 0; left &= left - 1) {
    const auto& alone = query_.steps[static_cast<std::size_t>(std::countr_zero(left))].alone;
    if (!alone || alone->evaluate(row, scratch_).is_true())
      fits |= left & -left;
  }
  return fits;
}

Status SequenceGatherer::link_of(const ValueView& value, ResultBudget& budget, Link& link) {
  key_.clear();
  pack(key_, normalized(value));
  if (key_ != last_key_) {
    const std::uint64_t hash = LinkTable::hash(key_);
    last_link_.bin = static_cast<std::uint32_t>(SequencePart::bin_of(hash));
    LinkTable::Entry entry;
    WEIR_TRY(number_of(key_, hash, budget, entry));
    last_link_.number = entry.number;
    last_place_ = entry.place;
    last_key_.swap(key_);
  }
  part_.bins[last_link_.bin].links.add_events(last_place_, 1);
  link = last_link_;
  return {};
}

Status SequenceGatherer::number_of(std::string_view key, std::uint64_t hash, ResultBudget& budget,
                                   LinkTable::Entry& entry) {
  SequencePart::Bin& bin = part_.bins[SequencePart::bin_of(hash)];
  if (bin.links.size() == LinkTable::size_max)
    return fail(Errc::too_large, "the sequence has more than 4294967295 different values of its link");
  entry = bin.links.number_of(key, hash);
  if (!entry.added)
    return {};
  const std::uint64_t bytes = LinkTable::bytes_of(key);
  WEIR_TRY(take_for_sequence(budget, bytes, bytes_max_));
  part_.link_bytes += bytes;
  return {};
}

} // namespace weir::query
