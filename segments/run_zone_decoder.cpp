#include "segments/run_zone_decoder.hpp"

#include "segments/bytes.hpp"
#include "segments/codec.hpp"
#include "segments/context_index.hpp"

#include <iterator>
#include <utility>

namespace weir::segments {
namespace {

constexpr std::size_t blocks_at_once = 16;
constexpr std::size_t events_at_once = 32;
constexpr std::size_t rows_ahead = 16;

} // namespace

void decode(const IntegerColumn& column, std::size_t rows, std::vector<std::uint64_t>& out) {
  out.resize(rows);
  column.decode(0, out);
}

Status RunZoneDecoder::read(std::size_t zone) {
  const ZoneTail& columns = *plan_.tails[zone];
  const auto wanted = plan_.places(zone);
  decode(*columns.column(BlockKind::position), wanted.size(), positions_);
  decode(*columns.column(BlockKind::recorded_at), wanted.size(), recorded_);
  decode(*columns.column(BlockKind::type), wanted.size(), types_);
  const bool timestamps = columns.column(BlockKind::timestamp).has_value();
  if (timestamps)
    decode(*columns.column(BlockKind::timestamp), wanted.size(), timestamps_);
  std::span<std::byte> room;
  event_of_row_.assign(wanted.size(), nullptr);
  for (std::size_t row = 0; row < wanted.size(); ++row) {
    // Places lie about: their memory is asked for ahead.
    if (const std::size_t later = row + rows_ahead; later < wanted.size() && wanted[later] != RunPlan::nothing) {
      __builtin_prefetch(&plan_.events[wanted[later]], 1);
      __builtin_prefetch(&plan_.positions[wanted[later]], 1);
    }
    if (wanted[row] == RunPlan::nothing)
      continue;
    if (types_[row] >= plan_.footer->types.size())
      return source_.damaged("a type is not in the dictionary", columns.directory().at(BlockKind::type, 0).ref.offset);
    if (room.size() < sizeof(EventView))
      room = memory_->room(events_at_once * sizeof(EventView), alignof(EventView));
    EventView& event = *new (room.data()) EventView;
    room = room.subspan(sizeof(EventView));
    event_of_row_[row] = &event;
    plan_.events[wanted[row]] = &event;
    plan_.positions[wanted[row]] = positions_[row];
    event.position = positions_[row];
    event.recorded_at = time_of(recorded_[row]);
    event.timestamp = timestamps ? time_of(timestamps_[row]) : event.recorded_at;
    const auto type = static_cast<std::size_t>(types_[row]);
    event.event_type = plan_.footer->types[type];
    event.schema_version = plan_.footer->schema_version(type);
  }
  WEIR_TRY(read_contexts(zone));
  return read_strings(columns, wanted);
}

std::uint64_t RunZoneDecoder::give(std::vector<std::shared_ptr<const void>>& owners) {
  owners.push_back(memory_);
  return memory_->bytes();
}

/// Begins another chunk, of which `size` bytes are wanted at once.
void* RunZoneDecoder::Memory::grow(std::size_t size) {
  constexpr std::size_t small_chunk_bytes = 16 * KiB;
  if (slabs_ != nullptr && size <= io::SlabPool::slab_bytes) {
    chunks_.push_back(slabs_->take());
    left_ = io::SlabPool::slab_bytes;
  } else {
    left_ = std::max(size, small_chunk_bytes);
    chunks_.push_back(std::make_shared_for_overwrite<char[]>(left_));
  }
  bytes_ += left_;
  return chunks_.back().get();
}

/// Contexts and sequences of the zone's chosen rows, out of the context index.
Status RunZoneDecoder::read_contexts(std::size_t zone) {
  const std::uint64_t begin = plan_.footer->zones[zone].first_row, end = begin + event_of_row_.size();
  auto block =
      std::prev(std::upper_bound(plan_.footer->index.begin(), plan_.footer->index.end(), begin,
                                 [](std::uint64_t row, const IndexBlockRef& place) { return row < place.first_row; }));
  for (std::uint64_t row = begin; row < end; ++block) {
    if (block == plan_.footer->index.end())
      return source_.damaged("the context index ends before the rows do", plan_.footer->index.back().ref.offset);
    auto cursor = IndexCursor::open(source_, *block);
    if (!cursor)
      return std::move(cursor).error();
    auto found = cursor->seek_row(row);
    if (found && !*found)
      return source_.damaged("the context index has a gap", block->ref.offset);
    for (; found && *found && row < end; found = cursor->next()) {
      const IndexEntry entry = cursor->entry();
      std::string_view name;
      for (; row < std::min(entry.first_row + entry.rows, end); ++row) {
        EventView* const event = event_of_row_[static_cast<std::size_t>(row - begin)];
        if (event == nullptr)
          continue;
        if (name.empty())
          name = memory_->keep(entry.context_id);
        event->context_id = name;
        event->sequence = entry.first_sequence + (row - entry.first_row);
      }
    }
    if (!found)
      return std::move(found).error();
  }
  return {};
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
    WEIR_TRY(plan_.large ? read_some(some) : read_some_cached(some));
    left = left.subspan(some.size());
  }
  return {};
}

Status RunZoneDecoder::read_some(std::span<const Strings> some) {
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
    slice(some[i], as_text(outs[i]), some[i].keep());
  return {};
}

Status RunZoneDecoder::read_some_cached(std::span<const Strings> some) {
  std::array<BlockRef, blocks_at_once> refs;
  std::array<BlockPtr, blocks_at_once> blocks;
  for (std::size_t i = 0; i < some.size(); ++i)
    refs[i] = some[i].ref;
  WEIR_TRY(source_.read_all(std::span(refs).first(some.size()), std::span(blocks).first(some.size()),
                            &plan_.footer->dictionary));
  for (std::size_t i = 0; i < some.size(); ++i) {
    if (blocks[i]->size() != some[i].bytes)
      return source_.wrong_size(some[i].ref, blocks[i]->size() < some[i].bytes);
    slice(some[i], blocks[i]->text(), false);
  }
  return {};
}

/// Gives the wanted rows their strings, out of the `text` of their block: as they are there, or copied.
void RunZoneDecoder::slice(const Strings& strings, std::string_view text, bool keep) {
  static constexpr std::array fields = {&EventView::event_id, &EventView::metadata, &EventView::payload};
  const std::vector<std::uint64_t>& lengths = string_lengths_[strings.column];
  const auto field = fields[strings.column];
  const char* at = text.data();
  for (std::uint32_t row = strings.first_row; row < strings.row_end; ++row) {
    const std::string_view each(at, static_cast<std::size_t>(lengths[row]));
    at += each.size();
    if (EventView* const event = event_of_row_[row])
      event->*field = keep ? each : memory_->keep(each);
  }
}

} // namespace weir::segments
