#include "segments/event_id_search.hpp"

#include "engine/hash.hpp"
#include "segments/bytes.hpp"
#include "segments/zone_tail.hpp"

#include <algorithm>
#include <bit>

namespace weir::segments {
namespace {

constexpr std::size_t nowhere = SIZE_MAX;
constexpr std::size_t hash_bytes = sizeof(Hash128);
constexpr std::uint64_t hints_max = 1u << 18; // 1 MiB of them

} // namespace

EventIdHints::EventIdHints(std::uint64_t rows) noexcept
    : shift_(std::max(5u, static_cast<unsigned>(std::bit_width(rows / hints_max)))),
      places_(static_cast<std::size_t>((rows >> shift_) + 1)) {
}

std::uint64_t EventIdHints::row(const ContextRange& context) const noexcept {
  const auto* const rows = rows_.load(std::memory_order_acquire);
  const auto place = static_cast<std::size_t>(context.first_row >> shift_);
  if (rows == nullptr || context.rows < rows_per_place() || place >= places_)
    return context.first_row;
  return std::max<std::uint64_t>(context.first_row, rows[place].load(std::memory_order_relaxed));
}

void EventIdHints::set(const ContextRange& context, std::uint64_t row) {
  const auto place = static_cast<std::size_t>(context.first_row >> shift_);
  if (context.rows < rows_per_place() || place >= places_)
    return;
  std::call_once(made_, [this] {
    owner_ = std::make_unique<std::atomic<std::uint32_t>[]>(places_);
    rows_.store(owner_.get(), std::memory_order_release);
  });
  owner_[place].store(static_cast<std::uint32_t>(row), std::memory_order_relaxed);
}

std::size_t EventIdSearch::TextHash::operator()(std::string_view text) const noexcept {
  return hash64(text, 0);
}

Status EventIdSearch::run(const ContextRange& context, EventIdHints& hints) {
  constexpr std::uint64_t rows_at_once = 512, more_than_wanted = 8;
  context_ = context;
  left_ = wanted_.size();
  const std::uint64_t rows_end = context_.first_row + context_.rows;
  for (std::uint64_t begin = hints.row(context_); begin >= context_.first_row && begin < rows_end && left_ != 0;) {
    const std::uint64_t end =
        std::min({rows_end, zone_begin(begin) + footer_.zone_rows, begin + left_ + more_than_wanted});
    const std::size_t before = left_;
    WEIR_TRY(look_at(begin, end, false));
    if (left_ == before)
      break;
    begin = end;
  }
  for (std::uint64_t end = rows_end; end != context_.first_row && left_ != 0;) {
    const std::uint64_t begin = std::max({context_.first_row, zone_begin(end - 1), end - std::min(end, rows_at_once)});
    WEIR_TRY(look_at(begin, end, true));
    end = begin;
  }
  if (behind_ != 0)
    hints.set(context_, behind_);
  return {};
}

/// Which of ids_ this is, if it is looked for.
std::size_t EventIdSearch::place_of(std::string_view id) {
  if (next_ < wanted_.size() && ids_[wanted_[next_]] == id)
    return wanted_[next_++];
  return place_of_any(id);
}

std::size_t EventIdSearch::place_of_any(std::string_view id) {
  constexpr std::size_t worth_a_table = 4;
  if (wanted_.size() < worth_a_table) {
    const auto same = std::find_if(wanted_.begin(), wanted_.end(), [&](std::size_t i) { return ids_[i] == id; });
    return same == wanted_.end() ? nowhere : *same;
  }
  if (places_.empty()) {
    places_.reserve(wanted_.size());
    for (const std::size_t i : wanted_)
      places_.emplace(ids_[i], i);
  }
  const auto place = places_.find(id);
  return place == places_.end() ? nowhere : place->second;
}

/// Looks at the rows from `begin` to below `end`, of one zone.
Status EventIdSearch::look_at(std::uint64_t begin, std::uint64_t end, bool backward) {
  const auto zone = static_cast<std::size_t>(begin / footer_.zone_rows);
  const auto first = static_cast<std::uint32_t>(begin % footer_.zone_rows);
  const auto count = static_cast<std::uint32_t>(end - begin);
  auto slice = ZoneSlice::open(source_, footer_, zone, true);
  if (!slice)
    return std::move(slice).error();
  if (slice->directory().count(BlockKind::event_ids) == 0)
    return {};
  WEIR_TRY(slice->read_numbers(first, count, column_event_id | column_position | column_timestamp));
  WEIR_TRY(slice->read_strings(0, count, column_event_id));
  for (std::uint32_t i = 0; i < count && left_ != 0; ++i) {
    const std::uint32_t row = backward ? count - 1 - i : i;
    EventView event;
    slice->fill(row, event);
    const std::size_t place = event.event_id.empty() ? nowhere : place_of(event.event_id);
    if (place == nowhere || found_[place].sequence != 0)
      continue;
    FoundId found{context_.first_sequence + (begin + row - context_.first_row), event.position, event.timestamp, {}};
    WEIR_TRY(fill_content(*slice, zone, first + row, found));
    found_[place] = found;
    --left_;
    behind_ = std::max(behind_, begin + row + 1);
  }
  return {};
}

/// Reads the content hash of a row of the zone. Rows without an id have none.
Status EventIdSearch::fill_content(const ZoneSlice& slice, std::size_t zone, std::uint32_t row, FoundId& found) {
  const auto damaged = [&](std::uint64_t offset) {
    return source_.damaged("content hashes and event ids differ in number", offset);
  };
  if (slice.directory().count(BlockKind::content_hash) == 0)
    return damaged(footer_.places[zone].directory.offset);
  const BlockRef ref = slice.directory().at(BlockKind::content_hash, 0).ref;
  const auto block = source_.read(ref);
  if (!block)
    return block.error();
  std::size_t place = row;
  if ((*block)->size() != footer_.zones[zone].rows * hash_bytes) {
    const auto tail = ZoneTail::read(source_, footer_, zone);
    if (!tail)
      return tail.error();
    std::vector<std::uint64_t> lengths(row);
    (*tail)->column(BlockKind::event_id_lengths)->decode(0, lengths); // it is there: the row has an id
    place -= static_cast<std::size_t>(std::count(lengths.begin(), lengths.end(), 0u));
  }
  const std::string_view hashes = (*block)->text();
  if (hashes.size() / hash_bytes <= place)
    return damaged(ref.offset);
  found.content.low = load<std::uint64_t>(hashes.data() + place * hash_bytes);
  found.content.high = load<std::uint64_t>(hashes.data() + place * hash_bytes + sizeof(std::uint64_t));
  return {};
}

} // namespace weir::segments
