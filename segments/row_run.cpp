#include "segments/row_run.hpp"

#include <weir/limits.hpp>

#include "segments/scoped_bytes.hpp"
#include "segments/zone_tail.hpp"

#include <algorithm>
#include <array>
#include <limits>
#include <span>

namespace weir::segments {
namespace {

constexpr std::size_t block_refs_max = 16;

/// A column of integers, decoded from `first` on.
struct Numbers {
  const IntegerColumn* column = nullptr; ///< Null: the zone has none.
  std::uint32_t first = 0;
  std::uint32_t count = 0;
  std::uint64_t* values = nullptr;
};

/// A column of strings. Whole blocks are looked at: where a string begins is the sum of the lengths before it.
struct Strings {
  BlockKind kind;
  Numbers lengths;
  const char** begins = nullptr; ///< Of the run's rows.
  std::size_t next_block = 0, end_block = 0;

  [[nodiscard]] bool there() const noexcept { return lengths.column != nullptr; }
};

class RunReader {
public:
  RunReader(const BlockSource& source, const Footer& footer, const RowRun& run, const ZoneTail& tail)
      : source_(source), footer_(footer), run_(run), directory_(tail.directory()) {
    const auto number = [&](BlockKind kind) {
      const auto& column = tail.column(kind);
      return Numbers{column ? &*column : nullptr, run.first, run.count};
    };
    positions_ = number(BlockKind::position);
    recorded_ = number(BlockKind::recorded_at);
    timestamps_ = number(BlockKind::timestamp);
    types_ = number(BlockKind::type);
    for (Strings* strings : {&event_ids_, &metadata_, &payloads_}) {
      strings->lengths = number(static_cast<BlockKind>(static_cast<std::uint8_t>(strings->kind) - 1));
      if (!strings->there())
        continue;
      choose_blocks(*strings, run.first, run.count);
      strings->lengths.first = directory_.at(strings->kind, strings->next_block).first_row;
      strings->lengths.count = directory_.row_end(strings->kind, strings->end_block - 1) - strings->lengths.first;
    }
  }

  /// Bytes that append() works in.
  [[nodiscard]] std::size_t scratch_bytes() const noexcept {
    std::size_t words = 0;
    for (const Numbers* numbers : all_)
      words += numbers->column != nullptr ? numbers->count : 0;
    for (const Strings* strings : all_strings_)
      words += strings->there() ? run_.count : 0;
    return words * sizeof(std::uint64_t);
  }

  Result<std::uint32_t> append(std::byte* scratch, std::size_t bytes_max, EventBatch& out) {
    decode(scratch);
    for (std::uint32_t i = 0; i < run_.count; ++i)
      if (types_.values[i] >= footer_.types.size())
        return source_.damaged("a type is not in the dictionary", directory_.at(BlockKind::type, 0).ref.offset);
    const std::uint32_t take = rows_within(bytes_max, out);
    const std::uint32_t skip = run_.backward ? run_.count - take : 0;
    if (take != run_.count)
      for (Strings* strings : all_strings_)
        if (strings->there())
          choose_blocks(*strings, run_.first + skip, take);
    WEIR_TRY(read_blocks(out));
    out.reserve(take);
    for (std::uint32_t i = 0; i < take; ++i)
      out.add_filled([this, row = nth(i)](EventView& event) { fill(row, event); });
    return take;
  }

private:
  void fill(std::uint32_t row, EventView& event) const {
    event.context_id = run_.context_id;
    event.sequence = run_.first_sequence + row;
    event.position = positions_.values[row];
    event.recorded_at = time_of(recorded_.values[row]);
    event.timestamp = timestamps_.values == nullptr ? event.recorded_at : time_of(timestamps_.values[row]);
    const auto type = static_cast<std::size_t>(types_.values[row]);
    event.event_type = footer_.types[type];
    event.schema_version = footer_.schema_version(type);
    if (event_ids_.there())
      event.event_id = string(event_ids_, row);
    if (metadata_.there())
      event.metadata = string(metadata_, row);
    if (payloads_.there())
      event.payload = string(payloads_, row);
  }
  [[nodiscard]] std::uint32_t nth(std::uint32_t i) const noexcept { return run_.backward ? run_.count - 1 - i : i; }
  [[nodiscard]] std::uint64_t length(const Strings& strings, std::uint32_t row) const noexcept {
    return strings.lengths.values[run_.first - strings.lengths.first + row];
  }
  [[nodiscard]] std::string_view string(const Strings& strings, std::uint32_t row) const noexcept {
    return {strings.begins[row], static_cast<std::size_t>(length(strings, row))};
  }

  /// Those that hold `count` rows from the zone's row `first` on.
  void choose_blocks(Strings& strings, std::uint32_t first, std::uint32_t count) const noexcept {
    strings.next_block = directory_.find(strings.kind, first);
    strings.end_block = directory_.find(strings.kind, first + count - 1) + 1;
  }

  void decode(std::byte* scratch) noexcept {
    auto* values = reinterpret_cast<std::uint64_t*>(scratch);
    // Columns of a zone lie far apart: ask for all of them, then look.
    for (Numbers* numbers : all_)
      if (numbers->column != nullptr)
        numbers->column->prefetch_group(numbers->first);
    for (Numbers* numbers : all_)
      if (numbers->column != nullptr)
        numbers->column->prefetch_values(numbers->first);
    for (Numbers* numbers : all_) {
      if (numbers->column == nullptr)
        continue;
      numbers->values = values;
      numbers->column->decode(numbers->first, {values, numbers->count});
      values += numbers->count;
    }
    for (Strings* strings : all_strings_) {
      if (!strings->there())
        continue;
      strings->begins = reinterpret_cast<const char**>(values);
      values += run_.count;
    }
  }

  [[nodiscard]] std::uint32_t rows_within(std::size_t bytes_max, const EventBatch& out) const noexcept {
    std::uint64_t bytes = out.bytes();
    // Mostly there is room for all of them, and then nobody needs to know how long each type is.
    std::uint64_t most = bytes + run_.count * (run_.context_id.size() + limits::event_type_bytes_max);
    for (const Strings* strings : all_strings_)
      for (std::uint32_t row = 0; strings->there() && row < run_.count; ++row)
        most += length(*strings, row);
    if (most <= bytes_max)
      return run_.count;
    for (std::uint32_t i = 0; i < run_.count; ++i) {
      if (bytes >= bytes_max && (i != 0 || !out.empty()))
        return i;
      const std::uint32_t row = nth(i);
      bytes += run_.context_id.size() + footer_.types[static_cast<std::size_t>(types_.values[row])].size();
      for (const Strings* strings : all_strings_)
        bytes += strings->there() ? length(*strings, row) : 0;
    }
    return run_.count;
  }

  /// The chosen blocks by offset, a few at a time: columns share a stretch of the file, their blocks in turn, so one
  /// read gets neighbours of all of them.
  Status read_blocks(EventBatch& out) {
    while (true) {
      std::array<BlockRef, block_refs_max> refs;
      std::array<std::pair<Strings*, std::size_t>, block_refs_max> wanted;
      std::size_t count = 0;
      for (; count < block_refs_max; ++count) {
        Strings* first = nullptr;
        for (Strings* strings : all_strings_)
          if (strings->next_block != strings->end_block &&
              (first == nullptr || offset_of_next(*strings) < offset_of_next(*first)))
            first = strings;
        if (first == nullptr)
          break;
        refs[count] = directory_.at(first->kind, first->next_block).ref;
        wanted[count] = {first, first->next_block++};
      }
      if (count == 0)
        return {};
      std::array<BlockPtr, block_refs_max> blocks;
      WEIR_TRY(source_.read_all(std::span(refs).first(count), std::span(blocks).first(count), &footer_.dictionary));
      for (std::size_t i = 0; i < count; ++i) {
        WEIR_TRY(find_strings(*wanted[i].first, wanted[i].second, *blocks[i]));
        out.pin(std::move(blocks[i]));
      }
    }
  }
  [[nodiscard]] std::uint64_t offset_of_next(const Strings& strings) const noexcept {
    return directory_.at(strings.kind, strings.next_block).ref.offset;
  }

  Status find_strings(Strings& strings, std::size_t number, const Block& block) const {
    const ZoneBlock place = directory_.at(strings.kind, number);
    const std::uint32_t row_end = directory_.row_end(strings.kind, number);
    const std::uint64_t* const lengths = strings.lengths.values + (place.first_row - strings.lengths.first);
    const char* at = block.text().data();
    std::uint64_t left = block.size();
    for (std::uint32_t row = place.first_row; row < row_end; ++row) {
      const std::uint64_t length = lengths[row - place.first_row];
      if (length > left)
        return source_.damaged("a block holds less than the lengths of its rows", place.ref.offset);
      if (row - run_.first < run_.count) // a row before the run wraps around
        strings.begins[row - run_.first] = at;
      at += length;
      left -= length;
    }
    return left == 0 ? Status{} : source_.damaged("a block holds more than the lengths of its rows", place.ref.offset);
  }

  const BlockSource& source_;
  const Footer& footer_;
  const RowRun& run_;
  const ZoneDirectory& directory_;
  Numbers positions_, recorded_, timestamps_, types_;
  Strings event_ids_{BlockKind::event_ids, {}}, metadata_{BlockKind::metadata, {}}, payloads_{BlockKind::payloads, {}};
  const std::array<Strings*, 3> all_strings_{&event_ids_, &metadata_, &payloads_};
  const std::array<Numbers*, 7> all_{&positions_,         &recorded_,         &timestamps_,      &types_,
                                     &event_ids_.lengths, &metadata_.lengths, &payloads_.lengths};
};

} // namespace

Result<std::uint32_t> append_rows(const BlockSource& source, const Footer& footer, const RowRun& run,
                                  std::size_t bytes_max, EventBatch& out) {
  const auto tail = ZoneTail::read(source, footer, run.zone);
  if (!tail)
    return tail.error();
  RunReader reader(source, footer, run, **tail);
  thread_local ScopedBytes::Kept kept;
  const ScopedBytes scratch(kept, reader.scratch_bytes());
  return reader.append(scratch.data(), bytes_max, out);
}

} // namespace weir::segments
