#include "segments/segment_reader.hpp"

#include "engine/hash.hpp"
#include "engine/sabotage.hpp"
#include "engine/text.hpp"
#include "segments/bytes.hpp"
#include "segments/position_run.hpp"
#include "segments/row_run.hpp"
#include "segments/time_index.hpp"
#include "segments/zone_rows.hpp"
#include "segments/zone_slice.hpp"

#include <algorithm>
#include <array>
#include <limits>

namespace weir::segments {
namespace {

/// The format version.
Result<std::uint32_t> check_header(const BlockSource& source, const SegmentMeta& meta) {
  std::array<std::byte, segment_header_bytes> bytes;
  auto got = source.file().pread(bytes, 0);
  if (!got)
    return std::move(got).error();
  if (*got != bytes.size())
    return source.damaged("the file ends inside its header", 0);
  const std::string_view header = as_text(bytes);
  ByteSource in(header.substr(segment_magic_bytes));
  const auto version = in.take<std::uint32_t>();
  const auto shard = in.take<std::uint32_t>();
  const auto number = in.take<std::uint64_t>();
  const auto identity = in.take<std::uint64_t>();
  const std::size_t checked = header.size() - sizeof(std::uint64_t);
  if (!header.starts_with(segment_magic) || identity != source.identity() ||
      load<std::uint64_t>(header.data() + checked) !=
          hash64(header.substr(0, checked), checksum_seed(source.identity(), 0)))
    return source.damaged("this is not the header of this segment", 0);
  if (version < segment_format_version_min || version > segment_format_version)
    return fail(Errc::incompatible, format("segment format {} is not supported", version), source.path() + ":0");
  if (shard != meta.shard || number != meta.number)
    return source.damaged("the header names another segment", 0);
  return version;
}

} // namespace

Result<Footer> read_footer(const BlockSource& source, const SegmentMeta& meta) {
  const auto version = check_header(source, meta);
  if (!version)
    return version.error();
  const std::uint64_t bytes = meta.file_bytes - meta.footer_offset - block_header_bytes;
  // Unlike blocks, the footer has its checksum outside as well: in the catalog, which ties the catalog to this file.
  if (meta.file_bytes < meta.footer_offset + block_header_bytes || bytes > std::numeric_limits<std::uint32_t>::max())
    return source.damaged("the catalog's footer does not lie in the file", meta.footer_offset);
  std::array<std::byte, sizeof(std::uint64_t)> checksum{};
  auto got = source.file().pread(checksum, meta.footer_offset);
  if (!got)
    return std::move(got).error();
  if (*got != checksum.size() ||
      (load<std::uint64_t>(checksum.data()) != meta.footer_checksum && !sabotaged(Sabotage::ignore_footer_checksum)))
    return source.damaged("the footer is not the one the catalog recorded", meta.footer_offset);
  auto block = source.read({meta.footer_offset, static_cast<std::uint32_t>(bytes), BlockKind::footer});
  if (!block)
    return std::move(block).error();
  const BlockSource before_footer = source.ending_at(meta.footer_offset);
  auto footer = parse_footer(before_footer, (*block)->text(), meta, *version);
  if (footer)
    WEIR_TRY(read_dictionary(before_footer, *footer));
  return footer;
}

Status read_dictionary(const BlockSource& source, Footer& footer) {
  if (footer.dictionary_block.offset == 0)
    return {};
  auto block = source.read(footer.dictionary_block);
  if (!block)
    return std::move(block).error();
  footer.dictionary = TextDictionary((*block)->text());
  return {};
}

Result<bool> filter_may_hold(const BlockSource& source, const FilterShape& shape, BlockKind kind, std::uint64_t hash) {
  if (shape.lines == 0)
    return false;
  const std::uint32_t line = shape.line_of(hash);
  auto block = source.read(shape.block(line / filter_lines_per_block, kind));
  if (!block)
    return std::move(block).error();
  const std::size_t at = line % filter_lines_per_block * filter_line_bytes;
  if ((*block)->size() < at + filter_line_bytes)
    return source.damaged("a filter's block is too short", shape.block(line / filter_lines_per_block, kind).offset);
  return line_may_hold((*block)->text().substr(at, filter_line_bytes), hash, shape.probes);
}

bool filter_excludes(const BlockSource& source, const FilterShape& shape, BlockKind kind, std::uint64_t hash) {
  if (shape.lines == 0)
    return true;
  const std::uint32_t line = shape.line_of(hash);
  const BlockPtr block = source.find_cached(shape.block(line / filter_lines_per_block, kind));
  const std::size_t at = line % filter_lines_per_block * filter_line_bytes;
  return block && block->size() >= at + filter_line_bytes &&
         !line_may_hold(block->text().substr(at, filter_line_bytes), hash, shape.probes);
}

SegmentFileReader::SegmentFileReader(const SegmentMeta& meta, std::unique_ptr<io::File> file, std::string path,
                                     std::uint64_t identity, BlockCache& cache)
    : meta_(meta), file_(std::move(file)),
      source_(*file_, std::move(path), identity, meta.footer_checksum, meta.file_bytes, cache),
      hints_(meta.event_count) {
}

Result<const SegmentFileReader::Opened*> SegmentFileReader::opened() const {
  if (const Opened* const known = opened_.load(std::memory_order_acquire))
    return known;
  // Without the lock: a merge that yields to everybody may be the first to come, and a store must not wait for it.
  auto footer = read_footer(source_, meta_);
  if (!footer)
    return std::move(footer).error();
  std::unique_ptr<Opened> made(new Opened{{source_, std::make_shared<const Footer>(*std::move(footer)), false}, {}});
  if (!made->zones.footer()->pages.empty())
    made->pages.emplace(source_, std::make_shared<const Footer>(footer_of_pages(*made->zones.footer())), true);
  const std::lock_guard lock(opening_mutex_);
  if (!owned_) { // or another reader was faster
    owned_ = std::move(made);
    opened_.store(owned_.get(), std::memory_order_release);
  }
  return owned_.get();
}

Result<const SegmentFileReader::FooterPtr*> SegmentFileReader::footer() const {
  const auto opened = this->opened();
  if (!opened)
    return opened.error();
  return &(*opened)->zones.footer();
}

Result<std::span<const std::string>> SegmentFileReader::types() const {
  const auto opened = this->opened();
  return opened ? (*opened)->zones.types() : opened.error();
}

Result<std::span<const ZoneMeta>> SegmentFileReader::zones() const {
  const auto opened = this->opened();
  return opened ? (*opened)->zones.zones() : opened.error();
}

Result<bool> SegmentFileReader::may_hold_event_id(std::string_view context_id, std::string_view event_id) const {
  auto footer = this->footer();
  if (!footer)
    return std::move(footer).error();
  return filter_may_hold(source_, (**footer)->event_id_filter, BlockKind::event_id_filter,
                         event_id_filter_hash(context_id, event_id, source_.identity()));
}

bool SegmentFileReader::excludes_event_id(std::string_view context_id, std::string_view event_id) const {
  const Opened* const opened = opened_.load(std::memory_order_acquire);
  return opened != nullptr &&
         filter_excludes(source_, opened->zones.footer()->event_id_filter, BlockKind::event_id_filter,
                         event_id_filter_hash(context_id, event_id, source_.identity()));
}

Status SegmentFileReader::find_event_ids(std::string_view context_id, std::span<const std::string_view> event_ids,
                                         std::span<FoundId> found) const {
  auto footer = this->footer();
  if (!footer)
    return std::move(footer).error();
  EventIdSearch search(source_, ***footer, event_ids, found);
  for (std::size_t i = 0; i < event_ids.size(); ++i) {
    if (found[i].sequence != 0)
      continue;
    const auto maybe = filter_may_hold(source_, (**footer)->event_id_filter, BlockKind::event_id_filter,
                                       event_id_filter_hash(context_id, event_ids[i], source_.identity()));
    if (!maybe)
      return maybe.error();
    if (*maybe)
      search.want(i);
  }
  if (!search.wants_any())
    return {};
  const auto context = find_context(***footer, context_id);
  if (!context)
    return context.error();
  return *context ? search.run(**context, hints_) : Status{};
}

Result<std::optional<ContextRange>> SegmentFileReader::find_context(std::string_view context_id) const {
  auto footer = this->footer();
  if (!footer)
    return std::move(footer).error();
  return find_context(***footer, context_id);
}

Result<std::optional<ContextRange>> SegmentFileReader::find_context(const Footer& footer,
                                                                    std::string_view context_id) const {
  using Found = std::optional<ContextRange>;
  auto maybe = may_hold_context(footer, context_id);
  if (!maybe)
    return std::move(maybe).error();
  const std::vector<IndexBlockRef>& index = footer.index;
  if (!*maybe || index.empty() || context_id < index.front().first_context)
    return Found{};
  const auto after =
      std::upper_bound(index.begin(), index.end(), context_id,
                       [](std::string_view id, const IndexBlockRef& block) { return id < block.first_context; });
  auto cursor = IndexCursor::open(source_, *std::prev(after));
  if (!cursor)
    return std::move(cursor).error();
  auto found = cursor->seek(context_id);
  if (!found)
    return std::move(found).error();
  if (!*found)
    return Found{};
  const IndexEntry entry = cursor->entry();
  if (entry.first_row + entry.rows > meta_.event_count)
    return source_.damaged("the context index names rows that are not there", std::prev(after)->ref.offset);
  return Found{{entry.first_sequence, entry.first_sequence + entry.rows - 1, entry.first_row, entry.rows}};
}

Result<bool> SegmentFileReader::may_hold_context(const Footer& footer, std::string_view context_id) const {
  return filter_may_hold(source_, footer.context_filter, BlockKind::context_filter,
                         context_filter_hash(context_id, source_.identity()));
}

Result<bool> SegmentFileReader::has_marks() const {
  auto footer = this->footer();
  if (!footer)
    return std::move(footer).error();
  return !(**footer)->marks.empty();
}

Result<std::optional<ContextMark>> SegmentFileReader::find_mark(std::string_view context_id) const {
  using Found = std::optional<ContextMark>;
  auto footer = this->footer();
  if (!footer)
    return std::move(footer).error();
  const std::vector<MarkBlockRef>& marks = (**footer)->marks;
  if (marks.empty() || context_id < marks.front().first_context)
    return Found{};
  auto maybe = may_hold_context(***footer, context_id);
  if (!maybe)
    return std::move(maybe).error();
  if (!*maybe)
    return Found{};
  const auto after =
      std::upper_bound(marks.begin(), marks.end(), context_id,
                       [](std::string_view id, const MarkBlockRef& block) { return id < block.first_context; });
  auto cursor = MarkCursor::open(source_, *std::prev(after));
  if (!cursor)
    return std::move(cursor).error();
  auto moved = cursor->next();
  while (moved && *moved && cursor->context_id() < context_id)
    moved = cursor->next();
  if (!moved)
    return std::move(moved).error();
  return *moved && cursor->context_id() == context_id ? Found(cursor->mark()) : Found{};
}

Result<bool> SegmentFileReader::read_context(std::string_view context_id, const SequenceRange& range,
                                             const ReadBounds& bounds, EventBatch& out) const {
  auto footer = this->footer();
  if (!footer)
    return std::move(footer).error();
  auto found = find_context(***footer, context_id);
  if (!found)
    return std::move(found).error();
  if (!*found)
    return false;
  const ContextRange& context = **found;
  const Sequence from = std::max(range.from, context.first_sequence);
  const Sequence to = std::min(range.to, context.last_sequence);
  if (from > to)
    return false;
  const auto full = [&] {
    return out.size() >= bounds.events_max || (!out.empty() && out.bytes() >= bounds.bytes_max);
  };
  if (full())
    return true;

  std::string_view name;
  if (!out.empty() && out.back().context_id == context_id) {
    name = out.back().context_id; // the batch keeps it already
  } else {
    auto owner = std::make_shared<const std::string>(context_id);
    name = *owner;
    out.pin(std::move(owner));
  }
  out.pin(**footer);
  const std::uint32_t zone_rows = (**footer)->zone_rows;
  for (Sequence left = to - from + 1; left != 0;) {
    // The next row in the order of the read, and the rows of its zone that may still be wanted.
    const std::uint64_t low_row = context.first_row + (from - context.first_sequence);
    const std::uint64_t row = range.backward ? low_row + left - 1 : low_row + (to - from + 1 - left);
    const auto in_zone = static_cast<std::uint32_t>(row % zone_rows);
    const auto zone = static_cast<std::size_t>(row / zone_rows);
    const std::uint32_t available = range.backward ? in_zone + 1 : (**footer)->zones[zone].rows - in_zone;
    const auto count = static_cast<std::uint32_t>(
        std::min<std::uint64_t>({left, available, std::uint64_t{bounds.events_max - out.size()}}));
    const std::uint32_t first = range.backward ? in_zone + 1 - count : in_zone;

    const Sequence first_sequence =
        context.first_sequence + ((**footer)->zones[zone].first_row + first - context.first_row);
    const auto appended = append_rows(source_, ***footer, {zone, first, count, name, first_sequence, range.backward},
                                      bounds.bytes_max, out);
    if (!appended)
      return appended.error();
    left -= *appended;
    if (left != 0 && full())
      return true;
  }
  return false;
}

Result<std::shared_ptr<const ZoneRows>> SegmentFileReader::read_zone(std::size_t zone, ColumnSet columns,
                                                                     RowWords wanted) const {
  auto footer = this->footer();
  if (!footer)
    return std::move(footer).error();
  if (zone >= (**footer)->zones.size())
    return fail(Errc::invalid_argument, format("zone {} of {}", zone, (**footer)->zones.size()), source_.path());
  return read_zone_rows(source_, **footer, zone, columns, wanted);
}

Result<std::shared_ptr<const PositionRun>>
SegmentFileReader::read_positions(const PositionRange& range, const ReadBounds& bounds, const WithHelp& help) const {
  auto footer = this->footer();
  if (!footer)
    return std::move(footer).error();
  return read_position_run(source_, **footer, range, bounds, help);
}

Result<std::span<const FieldInfo>> SegmentFileReader::fields() const {
  const auto opened = this->opened();
  return opened ? (*opened)->zones.fields() : opened.error();
}

Result<std::span<const FieldZone>> SegmentFileReader::field_zones(std::size_t field) const {
  const auto opened = this->opened();
  return opened ? (*opened)->zones.field_zones(field) : opened.error();
}

Result<bool> SegmentFileReader::may_hold(std::size_t zone, std::size_t field, std::string_view text) const {
  const auto opened = this->opened();
  return opened ? (*opened)->zones.may_hold(zone, field, text) : opened.error();
}

Result<std::shared_ptr<const ZoneColumns>> SegmentFileReader::read_columns(std::size_t zone, ColumnSet core,
                                                                           std::span<const std::size_t> fields,
                                                                           RowWords wanted) const {
  const auto opened = this->opened();
  return opened ? (*opened)->zones.read_columns(zone, core, fields, wanted) : opened.error();
}

Result<bool> SegmentFileReader::mark_rows(std::size_t zone, ColumnBit column, std::span<const NumberRange> ranges,
                                          RowWords rows, std::span<std::uint64_t> out) const {
  const auto opened = this->opened();
  return opened ? (*opened)->zones.mark_rows(zone, column, ranges, rows, out) : opened.error();
}

Result<bool> SegmentFileReader::count_types(std::size_t zone, RowWords rows, std::span<std::uint64_t> counts) const {
  const auto opened = this->opened();
  return opened ? (*opened)->zones.count_types(zone, rows, counts) : opened.error();
}

Result<bool> SegmentFileReader::mark_field(std::size_t zone, std::size_t field, const FieldRanges& ranges,
                                           RowWords rows, const FieldMarks& out) const {
  const auto opened = this->opened();
  return opened ? (*opened)->zones.mark_field(zone, field, ranges, rows, out) : opened.error();
}

Result<const ColumnReader*> SegmentFileReader::by_position() const {
  const auto opened = this->opened();
  if (!opened)
    return opened.error();
  return (*opened)->pages ? &*(*opened)->pages : nullptr;
}

Result<std::optional<SelectedRows>> SegmentFileReader::select_rows(std::span<const CoreCondition> conditions,
                                                                   const MayGoOn& may_go_on) const {
  auto footer = this->footer();
  if (!footer)
    return std::move(footer).error();
  return select_by_time(source_, ***footer, conditions, may_go_on);
}

Status SegmentFileReader::verify() const {
  return verify_segment(*file_, source_.path(), source_.identity(), meta_);
}

} // namespace weir::segments
