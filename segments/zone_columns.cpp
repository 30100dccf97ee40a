#include "segments/zone_columns.hpp"

#include "segments/context_rows.hpp"
#include "segments/field_column.hpp"
#include "segments/field_marks.hpp"
#include "segments/filter.hpp"
#include "segments/integer_column.hpp"
#include "segments/zone_directory.hpp"

#include <algorithm>
#include <array>
#include <bit>
#include <limits>
#include <numeric>
#include <optional>
#include <string>
#include <vector>

namespace weir::segments {
namespace {

constexpr std::string_view unknown_type = "a type is not in the dictionary";
constexpr std::string_view field_differs = "the column of a field and what is known of it differ";

/// A block that is wanted, and whose it is.
struct Wanted {
  BlockRef ref;
  BlockKind core{};      ///< Or a field:
  std::size_t field = 0; ///< Its place among those asked for.
  BlockPtr block;
};

/// The block of a core column of numbers. Times that equal recorded_at everywhere in a zone are found there.
Result<BlockRef> number_block(const BlockSource& source, const Footer& footer, std::size_t zone, BlockKind kind) {
  if (footer.zones_are_pages) {
    const PageNumbers& numbers = footer.page_numbers[zone];
    if (kind != BlockKind::timestamp && kind != BlockKind::type)
      return fail(Errc::invalid_argument, "pages have no positions and no times but timestamps", source.path());
    return kind == BlockKind::timestamp ? numbers.timestamps : numbers.types;
  }
  const auto directory = ZoneDirectory::read(source, footer, zone);
  if (!directory)
    return directory.error();
  if (kind == BlockKind::timestamp && (*directory)->count(kind) == 0)
    kind = BlockKind::recorded_at;
  return (*directory)->at(kind, 0).ref;
}

class SegmentZoneColumns final : public ZoneColumns {
public:
  SegmentZoneColumns(std::shared_ptr<const Footer> footer, std::size_t zone, RowWords wanted)
      : footer_(std::move(footer)), meta_(footer_->zones[zone]), wanted_(wanted) {
    rows_ = meta_.rows;
  }

  Status read(const BlockSource& source, std::size_t zone, ColumnSet core, std::span<const FieldZones* const> fields) {
    std::vector<Wanted> wanted;
    WEIR_TRY(want_core(source, zone, core, wanted));
    fields_.resize(fields.size());
    for (std::size_t i = 0; i < fields.size(); ++i) {
      fields_[i].type = fields[i]->zones[zone].type;
      if (const BlockRef& ref = fields[i]->places[zone].column; ref.offset != 0)
        wanted.push_back({ref, {}, i, {}});
    }
    std::sort(wanted.begin(), wanted.end(),
              [](const Wanted& a, const Wanted& b) { return a.ref.offset < b.ref.offset; });
    WEIR_TRY(read_blocks(source, wanted));
    for (const Wanted& want : wanted) {
      if (want.ref.kind == BlockKind::field_column)
        WEIR_TRY(decode_field(source, want, fields[want.field]->zones[zone]));
      else
        WEIR_TRY(decode_core(source, want));
    }
    if ((core & column_timestamp) != 0 && timestamps_.empty())
      timestamps_ = recorded_;
    if ((core & column_recorded_at) != 0)
      recorded_at_ = recorded_;
    if ((core & (column_context | column_sequence)) != 0)
      WEIR_TRY(read_contexts(source, core));
    wanted_ = {}; // the caller's
    return {};
  }

private:
  Status want_core(const BlockSource& source, std::size_t zone, ColumnSet core, std::vector<Wanted>& wanted) const {
    constexpr std::pair<ColumnBit, BlockKind> numbers[] = {{column_position, BlockKind::position},
                                                           {column_timestamp, BlockKind::timestamp},
                                                           {column_recorded_at, BlockKind::recorded_at},
                                                           {column_type, BlockKind::type}};
    for (const auto& [column, kind] : numbers) {
      if ((core & column) == 0)
        continue;
      const auto ref = number_block(source, *footer_, zone, kind);
      if (!ref)
        return ref.error();
      wanted.push_back({*ref, ref->kind, 0, {}});
    }
    return {};
  }

  static Status read_blocks(const BlockSource& source, std::vector<Wanted>& wanted) {
    // A block may be wanted twice: the times, or a field.
    std::vector<BlockRef> refs;
    for (const Wanted& want : wanted)
      if (refs.empty() || refs.back().offset != want.ref.offset)
        refs.push_back(want.ref);
    std::vector<BlockPtr> blocks(refs.size());
    WEIR_TRY(source.read_all(refs, blocks));
    std::size_t at = 0;
    for (Wanted& want : wanted) {
      if (refs[at].offset != want.ref.offset)
        ++at;
      want.block = blocks[at];
    }
    return {};
  }

  template <class Out> Status decode(const BlockSource& source, const Wanted& want, std::span<const Out>& out) {
    const auto column = IntegerColumn::open(want.block->text(), rows_);
    if (!column)
      return source.damaged("a column does not have the zone's rows", want.ref.offset);
    using Word = std::conditional_t<sizeof(Out) == 4, std::uint32_t, std::uint64_t>;
    const auto room = memory_.room<Out>(rows_);
    const std::span words(reinterpret_cast<Word*>(room.data()), rows_); // times are these words, signed
    if (wanted_.empty())
      column->decode(0, words);
    else
      column->decode_rows(wanted_, words);
    out = room;
    return {};
  }

  Status decode_core(const BlockSource& source, const Wanted& want) {
    switch (want.core) {
    case BlockKind::position: return decode(source, want, positions_);
    case BlockKind::recorded_at: return recorded_.empty() ? decode(source, want, recorded_) : Status{};
    case BlockKind::timestamp: return decode(source, want, timestamps_);
    default: break;
    }
    WEIR_TRY(decode(source, want, types_));
    std::uint32_t largest = 0;
    if (wanted_.empty()) {
      for (const std::uint32_t type : types_)
        largest = std::max(largest, type);
    }
    for (std::size_t w = 0; w < wanted_.size(); ++w)
      for (std::uint64_t word = wanted_[w]; word != 0; word &= word - 1)
        largest = std::max(largest, types_[w * 64 + static_cast<std::size_t>(std::countr_zero(word))]);
    if (largest >= footer_->types.size())
      return source.damaged(unknown_type, want.ref.offset);
    return {};
  }

  Status decode_field(const BlockSource& source, const Wanted& want, const FieldZone& zone) {
    const auto column = decode_field_column(want.block->text(), zone, rows_, memory_, wanted_);
    if (!column)
      return source.damaged(field_differs, want.ref.offset);
    fields_[want.field] = *column;
    pins_.push_back(want.block); // strings lie there
    return {};
  }

  /// Contexts and sequences out of the context index, where they are run lengths.
  Status read_contexts(const BlockSource& source, ColumnSet core) {
    const std::uint64_t end = meta_.first_row + meta_.rows;
    const auto codes = memory_.room<std::uint32_t>((core & column_context) != 0 ? rows_ : 0);
    const auto sequences = memory_.room<std::uint64_t>((core & column_sequence) != 0 ? rows_ : 0);
    std::vector<std::size_t> ends; // of the texts in context_bytes_
    WEIR_TRY(visit_contexts(source, *footer_, meta_.first_row, end, [&](const ContextRows& context) {
      const auto first = static_cast<std::size_t>(context.begin - meta_.first_row);
      const auto count = static_cast<std::size_t>(context.end - context.begin);
      if (!codes.empty()) {
        std::fill_n(codes.begin() + first, count, static_cast<std::uint32_t>(ends.size()));
        context_bytes_ += context.context_id;
        ends.push_back(context_bytes_.size());
      }
      if (!sequences.empty())
        std::iota(sequences.begin() + first, sequences.begin() + first + count, context.first_sequence);
    }));
    contexts_ = codes;
    sequences_ = sequences;
    const auto texts = memory_.room<std::string_view>(ends.size());
    for (std::size_t i = 0; i < ends.size(); ++i) {
      const std::size_t begin = i == 0 ? 0 : ends[i - 1];
      texts[i] = std::string_view(context_bytes_).substr(begin, ends[i] - begin);
    }
    context_texts_ = texts;
    return {};
  }

  std::shared_ptr<const Footer> footer_;
  const ZoneMeta& meta_;
  RowWords wanted_; ///< While it is read. Empty: all rows.
  ZoneArrays memory_;
  std::vector<BlockPtr> pins_;
  std::string context_bytes_;
  std::span<const std::int64_t> recorded_; ///< Also where only timestamps are wanted, which equal them.
};

} // namespace

Result<std::shared_ptr<const ZoneColumns>>
read_zone_columns(const BlockSource& source, const std::shared_ptr<const Footer>& footer, std::size_t zone,
                  ColumnSet core, std::span<const FieldZones* const> fields, RowWords wanted) {
  auto columns = std::make_shared<SegmentZoneColumns>(footer, zone, wanted);
  WEIR_TRY(columns->read(source, zone, core, fields));
  return std::shared_ptr<const ZoneColumns>(std::move(columns));
}

Result<std::optional<NumberBlock>> read_numbers(const BlockSource& source, const Footer& footer, std::size_t zone,
                                                ColumnBit column) {
  BlockKind kind{};
  switch (column) {
  case column_position: kind = BlockKind::position; break;
  case column_recorded_at: kind = BlockKind::recorded_at; break;
  case column_timestamp: kind = BlockKind::timestamp; break;
  case column_type: kind = BlockKind::type; break;
  default: return std::optional<NumberBlock>();
  }
  const auto ref = number_block(source, footer, zone, kind);
  if (!ref)
    return ref.error();
  auto block = source.read(*ref);
  if (!block)
    return std::move(block).error();
  const auto packed = IntegerColumn::open((*block)->text(), footer.zones[zone].rows);
  if (!packed)
    return source.damaged("a column does not have the zone's rows", ref->offset);
  return std::optional(NumberBlock{*std::move(block), *packed, *ref});
}

Result<bool> mark_zone_rows(const BlockSource& source, const Footer& footer, std::size_t zone, ColumnBit column,
                            std::span<const NumberRange> ranges, RowWords rows, std::span<std::uint64_t> out) {
  const auto numbers = read_numbers(source, footer, zone, column);
  if (!numbers)
    return numbers.error();
  if (!*numbers)
    return false;
  // A zone has rows, so there are types.
  const std::uint64_t limit =
      column == column_type ? footer.types.size() - 1 : std::numeric_limits<std::uint64_t>::max();
  if (!(*numbers)->column.mark(ranges, rows, limit, out))
    return source.damaged(unknown_type, (*numbers)->ref.offset);
  return true;
}

Result<bool> count_zone_types(const BlockSource& source, const Footer& footer, std::size_t zone, RowWords rows,
                              std::span<std::uint64_t> counts) {
  const auto types = read_numbers(source, footer, zone, column_type);
  if (!types)
    return types.error();
  if (!(*types)->column.count_values(rows, counts))
    return source.damaged(unknown_type, (*types)->ref.offset);
  return true;
}

Result<bool> mark_zone_field(const BlockSource& source, const Footer& footer, std::size_t zone, const FieldZones& field,
                             const FieldRanges& ranges, RowWords rows, const FieldMarks& out) {
  const BlockRef& ref = field.places[zone].column;
  if (ref.offset == 0)
    return false;
  const auto block = source.read(ref);
  if (!block)
    return block.error();
  const auto done = mark_field_column((*block)->text(), field.zones[zone], footer.zones[zone].rows, ranges, rows, out);
  if (!done)
    return source.damaged(field_differs, ref.offset);
  return *done;
}

Result<bool> field_may_hold(const BlockSource& source, const FieldZones& field, std::size_t zone,
                            std::string_view text) {
  const FieldZone& known = field.zones[zone];
  if (known.type == FieldForm::string &&
      (text < known.text_min || (text > known.text_max && !(known.text_max_open && text.starts_with(known.text_max)))))
    return false;
  if (!known.text_filter)
    return true;
  const FieldPlace& place = field.places[zone];
  auto block = source.read(place.filter);
  if (!block)
    return std::move(block).error();
  FilterShape shape;
  shape.lines = place.filter.stored_bytes / filter_line_bytes;
  const std::uint64_t hash = field_filter_hash(text, source.identity());
  const std::size_t at = shape.line_of(hash) * filter_line_bytes;
  if ((*block)->size() < at + filter_line_bytes)
    return source.damaged("a filter's block is too short", place.filter.offset);
  return line_may_hold((*block)->text().substr(at, filter_line_bytes), hash, place.filter_probes);
}

} // namespace weir::segments
