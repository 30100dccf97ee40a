#include "segments/run_zone_decoder.hpp"

#include "segments/bytes.hpp"
#include "segments/codec.hpp"
#include "segments/context_rows.hpp"

#include <new>
#include <utility>

namespace weir::segments {
namespace {

constexpr std::size_t blocks_at_once = 16;
constexpr std::size_t rows_ahead = 16;

} // namespace

void decode(const IntegerColumn& column, std::size_t rows, std::vector<std::uint64_t>& out) {
  out.resize(rows);
  column.decode(0, out);
}

Status RunZoneDecoder::read(std::size_t zone) {
  const ZoneTail& columns = *plan_.tails[zone];
  const auto wanted = plan_.places(zone);
  WEIR_TRY(read_columns(columns, wanted));
  WEIR_TRY(read_contexts(zone, wanted));
  WEIR_TRY(read_strings(columns, wanted));
  hand_over(wanted);
  return {};
}

Status RunZoneDecoder::read_columns(const ZoneTail& columns, std::span<const std::uint32_t> wanted) {
  WEIR_TRY(columns_.decode(source_, *plan_.footer, columns, 0, wanted.size()));
  events_.resize(std::max(events_.size(), wanted.size()));
  for (std::size_t row = 0; row < wanted.size(); ++row)
    if (wanted[row] != RunPlan::nothing)
      columns_.fill(row, events_[row]);
  return {};
}

/// Puts the zone's events into their places. These lie about, so it is done once for each, and their memory is asked
/// for ahead.
void RunZoneDecoder::hand_over(std::span<const std::uint32_t> wanted) {
  for (std::size_t row = 0; row < wanted.size(); ++row) {
    if (const std::size_t later = row + rows_ahead; later < wanted.size() && wanted[later] != RunPlan::nothing) {
      const auto* const place = reinterpret_cast<const char*>(plan_.at(wanted[later]));
      __builtin_prefetch(place, 1);
      __builtin_prefetch(place + sizeof(EventView) / 2, 1);
      __builtin_prefetch(place + sizeof(EventView) - 1, 1);
    }
    if (wanted[row] != RunPlan::nothing)
      new (plan_.at(wanted[row])) EventView(events_[row]);
  }
}

std::uint64_t RunZoneDecoder::give(std::vector<std::shared_ptr<const void>>& owners) {
  owners.push_back(memory_);
  return memory_->bytes();
}

/// Contexts and sequences of the zone's chosen rows, out of the context index.
Status RunZoneDecoder::read_contexts(std::size_t zone, std::span<const std::uint32_t> wanted) {
  const std::uint64_t begin = plan_.footer->zones[zone].first_row;
  return visit_contexts(source_, *plan_.footer, begin, begin + wanted.size(), [&](const ContextRows& context) {
    std::string_view name;
    for (std::uint64_t row = context.begin; row < context.end; ++row) {
      const auto here = static_cast<std::size_t>(row - begin);
      if (wanted[here] == RunPlan::nothing)
        continue;
      if (name.empty())
        name = memory_->keep(context.context_id);
      events_[here].context_id = name;
      events_[here].sequence = context.first_sequence + (row - context.begin);
    }
  });
}

/// Which blocks have strings of wanted rows.
void RunZoneDecoder::find_strings(const ZoneTail& columns, std::span<const std::uint32_t> wanted) {
  const ZoneDirectory& directory = columns.directory();
  strings_.clear();
  for (std::size_t column = 0; column < run_string_kinds.size(); ++column) {
    const BlockKind kind = run_string_kinds[column];
    if (!columns.column(lengths_of(kind)))
      continue;
    std::vector<std::uint64_t>& lengths = string_lengths_[column];
    decode(*columns.column(lengths_of(kind)), wanted.size(), lengths);
    for (std::size_t i = 0; i < directory.count(kind); ++i) {
      const ZoneBlock block = directory.at(kind, i);
      Strings strings{block.ref, column, block.first_row, directory.row_end(kind, i)};
      bool any = false;
      for (std::uint32_t row = strings.first_row; row < strings.row_end; ++row) {
        const std::uint64_t bytes = std::min<std::uint64_t>(lengths[row], block_raw_bytes_max + 1); // no sum overflows
        strings.bytes += bytes;
        strings.wanted_bytes += wanted[row] != RunPlan::nothing ? bytes : 0;
        any = any || wanted[row] != RunPlan::nothing;
      }
      if (any)
        strings_.push_back(strings);
    }
  }
  // By offset: columns share a stretch of the file, and one read gets neighbours of all of them.
  std::sort(strings_.begin(), strings_.end(),
            [](const Strings& a, const Strings& b) { return a.ref.offset < b.ref.offset; });
}

Status RunZoneDecoder::read_strings(const ZoneTail& columns, std::span<const std::uint32_t> wanted) {
  find_strings(columns, wanted);
  for (std::span<const Strings> left = strings_; !left.empty();) {
    const auto some = left.first(std::min(blocks_at_once, left.size()));
    WEIR_TRY(plan_.large ? read_some(some, wanted) : read_some_cached(some, wanted));
    left = left.subspan(some.size());
  }
  return {};
}

Status RunZoneDecoder::read_some(std::span<const Strings> some, std::span<const std::uint32_t> wanted) {
  std::array<BlockRef, blocks_at_once> refs;
  std::array<std::span<std::byte>, blocks_at_once> outs;
  std::uint64_t scratch = 0;
  for (const Strings& strings : some) {
    // Before room is made for it; this code is the one that makes most of what is stored.
    if (!source_.contains(strings.ref) ||
        !plausible_sizes(static_cast<std::uint8_t>(Codec::text), strings.ref.stored_bytes, strings.bytes))
      return source_.wrong_size(strings.ref, true);
    scratch += strings.keep() ? 0 : strings.bytes;
  }
  scratch_.resize(std::max(scratch_.size(), static_cast<std::size_t>(scratch)));
  std::span<std::byte> room(scratch_);
  for (std::size_t i = 0; i < some.size(); ++i) {
    const auto size = static_cast<std::size_t>(some[i].bytes);
    refs[i] = some[i].ref;
    outs[i] = some[i].keep() ? memory_->room(size) : room.first(size);
    room = some[i].keep() ? room : room.subspan(size);
  }
  WEIR_TRY(source_.read_into(std::span(refs).first(some.size()), std::span(outs).first(some.size()),
                             &plan_.footer->dictionary, frames_));
  for (std::size_t i = 0; i < some.size(); ++i)
    slice(some[i], as_text(outs[i]), some[i].keep(), wanted);
  return {};
}

Status RunZoneDecoder::read_some_cached(std::span<const Strings> some, std::span<const std::uint32_t> wanted) {
  std::array<BlockRef, blocks_at_once> refs;
  std::array<BlockPtr, blocks_at_once> blocks;
  for (std::size_t i = 0; i < some.size(); ++i)
    refs[i] = some[i].ref;
  WEIR_TRY(source_.read_all(std::span(refs).first(some.size()), std::span(blocks).first(some.size()),
                            &plan_.footer->dictionary));
  for (std::size_t i = 0; i < some.size(); ++i) {
    if (blocks[i]->size() != some[i].bytes)
      return source_.wrong_size(some[i].ref, blocks[i]->size() < some[i].bytes);
    slice(some[i], blocks[i]->text(), false, wanted);
  }
  return {};
}

/// Gives the wanted rows their strings, out of the `text` of their block: as they are there, or copied.
void RunZoneDecoder::slice(const Strings& strings, std::string_view text, bool keep,
                           std::span<const std::uint32_t> wanted) {
  static constexpr std::array fields = {&EventView::event_id, &EventView::metadata, &EventView::payload};
  const std::vector<std::uint64_t>& lengths = string_lengths_[strings.column];
  const auto field = fields[strings.column];
  const char* at = text.data();
  for (std::uint32_t row = strings.first_row; row < strings.row_end; ++row) {
    const std::string_view each(at, static_cast<std::size_t>(lengths[row]));
    at += each.size();
    if (wanted[row] != RunPlan::nothing)
      events_[row].*field = keep ? each : memory_->keep(each);
  }
}

} // namespace weir::segments
