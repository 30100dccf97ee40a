#include "segments/zone_slice.hpp"

#include <algorithm>
#include <bit>
#include <numeric>

namespace weir::segments {
namespace {

/// Whether one of the rows from `begin` to before `end` is among `rows`. Precondition: begin < end.
bool any_row(RowWords rows, std::uint32_t begin, std::uint32_t end) noexcept {
  const std::uint64_t first = ~std::uint64_t{0} << begin % 64, last = ~std::uint64_t{0} >> (63 - (end - 1) % 64);
  const std::size_t first_word = begin / 64, last_word = (end - 1) / 64;
  if (first_word == last_word)
    return (rows[first_word] & first & last) != 0;
  const auto between = rows.subspan(first_word + 1, last_word - first_word - 1);
  return (rows[first_word] & first) != 0 || (rows[last_word] & last) != 0 ||
         std::any_of(between.begin(), between.end(), [](std::uint64_t word) { return word != 0; });
}

} // namespace

Result<ZoneSlice> ZoneSlice::open(const BlockSource& source, const Footer& footer, std::size_t zone, bool whole_tail) {
  ZoneSlice slice(source, footer, footer.zones[zone]);
  if (whole_tail) {
    auto tail = ZoneTail::read(source, footer, zone);
    if (!tail)
      return std::move(tail).error();
    slice.tail_ = *std::move(tail);
    return slice;
  }
  const BlockRef& place = footer.places[zone].directory;
  auto block = source.read(place);
  if (!block)
    return std::move(block).error();
  auto directory = ZoneDirectory::open(source, place, *std::move(block), footer.zones[zone].rows);
  if (!directory)
    return std::move(directory).error();
  slice.directory_ = *std::move(directory);
  return slice;
}

Status ZoneSlice::decode_wanted(std::span<const Wanted> wanted) {
  numbers_ = std::make_unique_for_overwrite<std::uint64_t[]>(wanted.size() * count_);
  // Blocks of the tail ascend by kind, as the writer puts them; whatever order a file has them in, it is read right.
  std::vector<BlockPtr> blocks;
  if (!tail_) {
    std::vector<BlockRef> refs;
    for (const Wanted& want : wanted)
      refs.push_back(directory_->at(want.kind, 0).ref);
    blocks.resize(refs.size());
    WEIR_TRY(source_->read_all(refs, blocks));
  }
  // Columns of a zone lie far apart: ask for all of them, then look.
  for (const Wanted& want : wanted)
    if (tail_)
      tail_->column(want.kind)->prefetch_group(first_);
  for (const Wanted& want : wanted)
    if (tail_)
      tail_->column(want.kind)->prefetch_values(first_);
  for (std::size_t i = 0; i < wanted.size(); ++i) {
    const auto column = tail_ ? tail_->column(wanted[i].kind) : IntegerColumn::open(blocks[i]->text(), meta_->rows);
    if (!column)
      return source_->damaged("a column does not have the zone's rows", directory().at(wanted[i].kind, 0).ref.offset);
    *wanted[i].out = {numbers_.get() + i * count_, count_};
    column->decode(first_, *wanted[i].out);
    if (wanted[i].strings == nullptr)
      continue;
    wanted[i].strings->length_column = column;
    if (!tail_)
      wanted[i].strings->lengths_block = std::move(blocks[i]);
  }
  return {};
}

Status ZoneSlice::read_numbers(std::uint32_t first, std::uint32_t count, ColumnSet columns) {
  first_ = first;
  count_ = count;
  std::array<Wanted, 7> wanted;
  std::size_t wanted_count = 0;
  const auto want = [&](BlockKind kind, std::span<std::uint64_t>& out, Strings* strings = nullptr) {
    if (directory().count(kind) != 0)
      wanted[wanted_count++] = {kind, &out, strings};
  };
  const bool timestamps = (columns & column_timestamp) != 0;
  if ((columns & column_position) != 0)
    want(BlockKind::position, positions_);
  const bool timestamps_apart = timestamps && directory().count(BlockKind::timestamp) != 0;
  if ((columns & column_recorded_at) != 0 || (timestamps && !timestamps_apart))
    want(BlockKind::recorded_at, recorded_);
  if (timestamps_apart)
    want(BlockKind::timestamp, timestamps_);
  if ((columns & column_type) != 0)
    want(BlockKind::type, types_);
  for (Strings& column : strings_) {
    if ((columns & column.column) != 0)
      want(lengths_of(column.kind), column.lengths, &column);
  }
  WEIR_TRY(decode_wanted(std::span(wanted).first(wanted_count)));
  if (timestamps && !timestamps_apart) {
    timestamps_ = recorded_;
    if ((columns & column_recorded_at) == 0)
      recorded_ = {};
  }
  return check_types();
}

Status ZoneSlice::check_types() const {
  for (const std::uint64_t type : types_) {
    if (type >= footer_->types.size())
      return source_->damaged("a type is not in the dictionary", directory().at(BlockKind::type, 0).ref.offset);
  }
  return {};
}

Status ZoneSlice::read_strings(std::uint32_t skip, std::uint32_t count, ColumnSet columns, RowWords rows) {
  struct WantedBlock {
    BlockRef ref;
    Strings* column;
    std::size_t block;
  };
  std::vector<WantedBlock> wanted;
  for (Strings& column : strings_) {
    if ((columns & column.column) == 0)
      continue;
    if (!column.length_column || count == 0)
      continue;
    column.values.assign(count_, {});
    const std::size_t last = directory().find(column.kind, first_ + skip + count - 1);
    for (std::size_t block = directory().find(column.kind, first_ + skip); block <= last; ++block)
      if (rows.empty() ||
          any_row(rows, directory().at(column.kind, block).first_row, directory().row_end(column.kind, block)))
        wanted.push_back({directory().at(column.kind, block).ref, &column, block});
  }
  // Columns share a stretch of the file, their blocks in turn: by offset, one read gets neighbours of all of them.
  std::sort(wanted.begin(), wanted.end(),
            [](const WantedBlock& a, const WantedBlock& b) { return a.ref.offset < b.ref.offset; });
  std::vector<BlockRef> refs(wanted.size());
  std::transform(wanted.begin(), wanted.end(), refs.begin(), [](const WantedBlock& want) { return want.ref; });
  const std::size_t pinned = pins_.size();
  pins_.resize(pinned + refs.size());
  WEIR_TRY(source_->read_all(refs, std::span(pins_).subspan(pinned), &footer_->dictionary));
  for (std::size_t i = 0; i < wanted.size(); ++i)
    WEIR_TRY(slice_block(*wanted[i].column, wanted[i].block, pins_[pinned + i], skip, count));
  return {};
}

std::uint32_t ZoneSlice::texts_within(RowWords rows, std::uint64_t bytes_max) const noexcept {
  std::uint64_t bytes = 0;
  bool first = true;
  for (std::size_t w = 0; w < rows.size(); ++w)
    for (std::uint64_t word = rows[w]; word != 0; word &= word - 1) {
      const std::size_t row = w * 64 + static_cast<std::size_t>(std::countr_zero(word));
      for (const Strings& column : strings_)
        if (!column.lengths.empty())
          bytes += std::min(column.lengths[row], bytes_max + 1); // hostile lengths must not run over
      if (bytes > bytes_max && !first)
        return static_cast<std::uint32_t>(row);
      first = false;
    }
  return count_;
}

Status ZoneSlice::slice_block(Strings& column, std::size_t block, const BlockPtr& bytes, std::uint32_t skip,
                              std::uint32_t count) {
  const ZoneBlock place = directory().at(column.kind, block);
  const std::uint32_t row_end = directory().row_end(column.kind, block);
  block_lengths_.resize(row_end - place.first_row);
  column.length_column->decode(place.first_row, block_lengths_);
  std::uint64_t at = 0;
  for (std::uint32_t row = place.first_row; row < row_end; ++row) {
    const std::uint64_t length = block_lengths_[row - place.first_row];
    if (length > bytes->size() - at)
      return source_->damaged("a block holds less than the lengths of its rows", place.ref.offset);
    if (row >= first_ + skip && row - first_ - skip < count)
      column.values[row - first_] =
          bytes->text().substr(static_cast<std::size_t>(at), static_cast<std::size_t>(length));
    at += length;
  }
  if (at != bytes->size())
    return source_->damaged("a block holds more than the lengths of its rows", place.ref.offset);
  return {};
}

void ZoneSlice::fill(std::size_t i, EventView& event) const {
  if (!positions_.empty())
    event.position = positions_[i];
  if (!recorded_.empty())
    event.recorded_at = time_of(recorded_[i]);
  if (!timestamps_.empty())
    event.timestamp = time_of(timestamps_[i]);
  if (!types_.empty()) {
    const auto type = static_cast<std::size_t>(types_[i]);
    event.event_type = footer_->types[type];
    event.schema_version = footer_->schema_version(type);
  }
  if (!strings_[0].values.empty())
    event.event_id = strings_[0].values[i];
  if (!strings_[1].values.empty())
    event.metadata = strings_[1].values[i];
  if (!strings_[2].values.empty())
    event.payload = strings_[2].values[i];
}

} // namespace weir::segments
