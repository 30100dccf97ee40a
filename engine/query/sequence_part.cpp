#include "engine/query/sequence_part.hpp"

#include "engine/text.hpp"

#include <bit>
#include <cstring>
#include <limits>
#include <utility>

namespace weir::query {
namespace {

constexpr std::uint64_t link_overhead_bytes = 128; ///< Node and bucket of the hash table, both strings' headers.
constexpr unsigned absent_bit = 0x80;

bool has_text(Value::Kind kind) noexcept {
  return kind == Value::Kind::string || kind == Value::Kind::json;
}

template <class T> void append_raw(std::string& out, T value) {
  char bytes[sizeof value];
  std::memcpy(bytes, &value, sizeof value);
  out.append(bytes, sizeof value);
}

template <class T> T read_raw(const char*& at) noexcept {
  T value;
  std::memcpy(&value, at, sizeof value);
  at += sizeof value;
  return value;
}

std::uint64_t bytes_of_link(std::string_view key) noexcept {
  return link_overhead_bytes + 2 * key.size();
}

} // namespace

void pack(std::string& out, const ValueView& value) {
  out.push_back(static_cast<char>(static_cast<unsigned>(value.kind) | (value.present ? 0 : absent_bit)));
  switch (value.kind) {
  case Value::Kind::null: break;
  case Value::Kind::boolean:
  case Value::Kind::int64:
  case Value::Kind::timestamp: append_raw(out, value.integer); break;
  case Value::Kind::uint64: append_raw(out, value.natural); break;
  case Value::Kind::float64: append_raw(out, value.real); break;
  case Value::Kind::string:
  case Value::Kind::json:
    append_raw(out, static_cast<std::uint64_t>(value.text.size()));
    out.append(value.text);
    break;
  }
}

ValueView unpack(const char*& at) noexcept {
  const auto head = static_cast<unsigned char>(*at++);
  ValueView value;
  value.kind = static_cast<Value::Kind>(head & ~absent_bit);
  value.present = (head & absent_bit) == 0;
  if (has_text(value.kind)) {
    const auto size = read_raw<std::uint64_t>(at);
    value.text = {at, size};
    at += size;
  } else if (value.kind == Value::Kind::uint64) {
    value.natural = read_raw<std::uint64_t>(at);
  } else if (value.kind == Value::Kind::float64) {
    value.real = read_raw<double>(at);
  } else if (value.kind != Value::Kind::null) {
    value.integer = read_raw<std::int64_t>(at);
  }
  return value;
}

std::uint64_t bytes_of(const SequencePart& part) noexcept {
  return part.events.size() * sizeof(SequenceEvent) + part.values.bytes() + part.link_bytes;
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

template <class Of> std::uint64_t SequenceGatherer::keep(SequenceEvent& event, const Of& of) {
  packed_.clear();
  for (const CompiledSequence::Kept& kept : query_.kept) {
    if ((kept.steps & event.steps) != 0 && !kept.is_position)
      pack(packed_, of(kept.source));
  }
  event.values = part_.values.add(packed_);
  part_.events.push_back(event);
  return sizeof event + packed_.size();
}

Status SequenceGatherer::add(Position position, RowValues row, ResultBudget& budget) {
  const ValueView& link_value = row[query_.link];
  if (link_value.kind == Value::Kind::null || link_value.kind == Value::Kind::json)
    return {};
  SequenceEvent event;
  event.steps = steps_of(row);
  WEIR_TRY(scratch_.watch().going());
  if (event.steps == 0)
    return {};
  WEIR_TRY(link_of(link_value, budget, event.link));
  event.position = position;
  if (query_.within_us) {
    const ValueView time = as_time(row[query_.time]);
    if (time.kind == Value::Kind::timestamp)
      event.time_us = time.integer;
  }
  const std::uint64_t bytes = keep(event, [&](std::size_t slot) -> const ValueView& { return row[slot]; });
  return take_for_sequence(budget, bytes, bytes_max_);
}

/// Types and links by their codes, so that neither is compared for a row.
Result<bool> SequenceGatherer::add_zone(const ZoneValues& values, const RowBits& rows, ResultBudget& budget,
                                        Pacer& pacer) {
  constexpr std::uint32_t no_link = std::numeric_limits<std::uint32_t>::max();
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
  code_links_.assign(links.count, no_link);
  std::uint64_t bytes = 0; // not taken of the budget yet
  Status going = pacer.spend(rows.count() / 8);
  rows.each([&](std::size_t row) {
    if (!going || (!links.presence.empty() && links.presence[row] != Presence::value))
      return;
    SequenceEvent event;
    event.steps = type_steps_[types.codes[row]];
    if (event.steps == 0)
      return;
    std::uint32_t& link = code_links_[links.codes[row]];
    if (link == no_link) {
      going = link_of(values.value(query_.link, row), budget, event.link);
      if (going)
        going = pacer.spend(1);
      if (!going)
        return;
      link = event.link;
    }
    event.link = link;
    event.position = values.positions()[row];
    if (query_.within_us) {
      const ValueView time = as_time(values.value(query_.time, row));
      if (time.kind == Value::Kind::timestamp)
        event.time_us = time.integer;
    }
    bytes += keep(event, [&](std::size_t slot) { return values.value(slot, row); });
    if (bytes >= taken_at_once)
      going = take_for_sequence(budget, std::exchange(bytes, 0), bytes_max_);
  });
  WEIR_TRY(going);
  WEIR_TRY(take_for_sequence(budget, bytes, bytes_max_));
  return true;
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

Status SequenceGatherer::link_of(const ValueView& value, ResultBudget& budget, std::uint32_t& link) {
  key_.clear();
  pack(key_, normalized(value));
  if (key_ != last_key_) {
    const Links& of_hash = links_.part_of(std::string_view(key_));
    auto known = of_hash.find(std::string_view(key_));
    if (known != of_hash.end()) {
      last_link_ = known->second;
    } else {
      if (part_.links.size() == std::numeric_limits<std::uint32_t>::max())
        return fail(Errc::too_large, "the sequence has more than 4294967295 different values of its link");
      WEIR_TRY(take_for_sequence(budget, bytes_of_link(key_), bytes_max_));
      part_.link_bytes += bytes_of_link(key_);
      last_link_ = static_cast<std::uint32_t>(part_.links.size());
      part_.links.push_back(key_);
      links_.make_room();
      links_.part_of(std::string_view(key_)).emplace(part_.links.back(), last_link_);
    }
    last_key_.swap(key_);
  }
  link = last_link_;
  return {};
}

} // namespace weir::query
