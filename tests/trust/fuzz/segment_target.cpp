// A segment file with any content: every read answers events or `corruption`, and what verify() finds whole can be read
// in every way, with the same events each time.
#include "trust/fuzz/segment_files.hpp"

#include "engine/json/json.hpp"
#include "segments/format.hpp"
#include "segments/segment_reader.hpp"

#include <algorithm>
#include <cstring>
#include <map>
#include <span>
#include <vector>

using namespace weir;
using namespace weir::fuzz;

namespace {

/// Enough of an event to tell it from others.
std::string line_of(const EventView& event) {
  return format("{} {} {} {} {} {} {} {} {}", event.context_id, event.sequence, event.position,
                event.recorded_at.time_since_epoch().count(), event.timestamp.time_since_epoch().count(),
                event.event_type, event.event_id, event.metadata, event.payload);
}
using Lines = std::vector<std::string>;

/// False if it was refused, which is allowed only where `whole` is not.
template <class T> bool taken(const Result<T>& result, bool whole) {
  if (result.ok())
    return true;
  if (whole)
    broken("verify() found nothing, and then: " + to_string(result.error()));
  require_honest(result.error());
  return false;
}

/// By the zones, with all columns.
bool scan(const SegmentReader& reader, bool whole, Lines& lines, std::map<std::string, Lines>& by_context) {
  const auto types = reader.types();
  const auto zones = reader.zones();
  if (!taken(types, whole) || !taken(zones, whole))
    return false;
  for (std::size_t zone = 0; zone < zones->size(); ++zone) {
    const auto rows = reader.read_zone(zone, columns_all);
    const auto few = reader.read_zone(zone, column_type | column_position);
    std::vector<std::uint64_t> third(((*zones)[zone].rows + 63) / 64);
    for (std::uint32_t row = 0; row < (*zones)[zone].rows; row += 3)
      third[row / 64] |= std::uint64_t{1} << row % 64;
    const auto some = reader.read_zone(zone, columns_all, third);
    if (!taken(rows, whole) || !taken(few, whole) || !taken(some, whole))
      return false;
    require((*rows)->rows() == (*zones)[zone].rows && (*few)->rows() == (*zones)[zone].rows, "a zone has its rows");
    for (std::uint32_t i = 0; i < (*rows)->rows(); ++i) {
      const EventView event = (*rows)->row(i);
      require((*few)->row(i).position == event.position && (*few)->row(i).event_type == event.event_type,
              "a row is the same with fewer columns");
      require(i % 3 != 0 || i >= (*some)->texts_end() || line_of((*some)->row(i)) == line_of(event),
              "a row is the same where others are not wanted");
      lines.push_back(line_of(event));
      by_context[std::string(event.context_id)].push_back(lines.back());
    }
  }
  return true;
}

bool replay(const SegmentReader& reader, const std::string& context, bool whole, bool backward, Lines& lines) {
  const auto found = reader.find_context(context);
  if (!taken(found, whole))
    return false;
  SequenceRange range{.from = 1, .to = sequence_max, .backward = backward};
  for (bool more = true; more;) {
    EventBatch batch;
    const auto read = reader.read_context(context, range, {.events_max = 5, .bytes_max = 4'096}, batch);
    if (!taken(read, whole))
      return false;
    more = *read && !batch.empty();
    for (const EventView& event : batch)
      lines.insert(backward ? lines.begin() : lines.end(), line_of(event));
    require(lines.size() < 100'000, "a replay ends");
    if (more && backward && batch.back().sequence <= 1)
      break;
    if (more)
      (backward ? range.to : range.from) = backward ? batch.back().sequence - 1 : batch.back().sequence + 1;
  }
  return true;
}

/// Whether the row of the column has what a look-up by path finds in its payload.
bool same(const FieldColumn& column, std::uint32_t row, const json::Scalar& found) {
  const Presence presence = !column.presence.empty()         ? column.presence[row]
                            : column.type == FieldForm::none ? Presence::absent
                                                             : Presence::value;
  if (std::holds_alternative<json::Absent>(found))
    return presence == Presence::absent;
  if (std::holds_alternative<std::monostate>(found))
    return presence == Presence::null;
  if (presence != Presence::value)
    return false;
  if (const auto* const flag = std::get_if<bool>(&found))
    return column.type == FieldForm::boolean && column.integers[row] == (*flag ? 1 : 0);
  if (const auto* const integer = std::get_if<std::int64_t>(&found))
    return column.type == FieldForm::int64 && column.integers[row] == *integer;
  if (const auto* const real = std::get_if<double>(&found))
    return column.type == FieldForm::float64 && column.reals[row] == *real;
  const auto* const text = std::get_if<std::string>(&found);
  return text != nullptr && column.type == FieldForm::string && column.texts[column.codes[row]] == *text;
}

bool is_set(std::span<const std::uint64_t> words, std::uint32_t row) {
  return (words[row / 64] >> (row % 64) & 1U) != 0;
}

/// Those of `rows` whose numbers in a core column lie between two of them, as the column itself finds them.
template <class T> void marks(const SegmentReader& reader, std::size_t zone, ColumnBit column,
                              std::span<const T> numbers, const std::vector<std::uint64_t>& rows, bool whole) {
  const auto word = [&](std::size_t row) { return static_cast<std::uint64_t>(numbers[row]); };
  const auto [low, high] = std::minmax({word(numbers.size() / 3), word(numbers.size() / 2)});
  const NumberRange range{low, high};
  std::vector<std::uint64_t> marked(rows.size());
  const auto done = reader.mark_rows(zone, column, {&range, 1}, rows, marked);
  if (!taken(done, whole) || !whole)
    return;
  for (std::uint32_t row = 0; row < numbers.size(); ++row)
    require(is_set(marked, row) == (is_set(rows, row) && low <= word(row) && word(row) <= high),
            "a column marks the rows that its array says");
}

/// How many of `rows` have each type, as the column itself finds them.
void type_counts(const ColumnReader& reader, std::size_t zone, std::span<const std::uint32_t> types,
                 const std::vector<std::uint64_t>& rows, bool whole) {
  std::vector<std::uint64_t> counts(reader.types()->size());
  if (!taken(reader.count_types(zone, rows, counts), whole) || !whole)
    return;
  for (std::uint32_t row = 0; row < types.size(); ++row)
    counts[types[row]] -= is_set(rows, row) ? 1 : 0;
  for (const std::uint64_t count : counts)
    require(count == 0, "a column counts the types that its array says");
}

/// Those of `rows` whose values of a field lie between two of them, as the column itself finds them.
template <class T> void field_marks(const SegmentReader& reader, std::size_t zone, std::size_t field,
                                    const FieldColumn& column, std::span<const T> values,
                                    const std::vector<std::uint64_t>& rows, std::size_t row_count, bool whole) {
  if (values.empty())
    return;
  const auto [low, high] = std::minmax({values[row_count / 3], values[row_count / 2]});
  const ValueRange<T> range{low, high};
  std::vector<std::uint64_t> inside(rows.size()), with_value(rows.size()), with_null(rows.size());
  const auto done = reader.mark_field(zone, field, std::span(&range, 1), rows, {inside, with_value, with_null});
  if (!taken(done, whole) || !whole)
    return;
  require(*done, "numbers are marked");
  for (std::uint32_t row = 0; row < row_count; ++row) {
    const Presence presence = column.presence.empty() ? Presence::value : column.presence[row];
    const bool asked = is_set(rows, row), has_value = presence == Presence::value;
    require(is_set(with_value, row) == (asked && has_value) &&
                is_set(with_null, row) == (asked && presence == Presence::null) &&
                is_set(inside, row) == (asked && has_value && low <= values[row] && values[row] <= high),
            "a field marks the rows that its array says");
  }
}

/// A few rows alone have what they have among all.
void few_rows(const SegmentReader& reader, std::size_t zone, std::size_t field, ColumnSet core, const ZoneColumns& all,
              bool whole) {
  const auto rows = static_cast<std::uint32_t>(all.positions().size());
  std::vector<std::uint64_t> wanted((rows + 63) / 64);
  for (std::uint32_t row = 0; row < rows; row += 23)
    wanted[row / 64] |= std::uint64_t{1} << (row % 64);
  const auto few = reader.read_columns(zone, core, {&field, 1}, wanted);
  if (!taken(few, whole))
    return;
  const FieldColumn &some = (*few)->fields()[0], &column = all.fields()[0];
  for (std::uint32_t row = 0; row < rows; row += 23) {
    require((*few)->positions()[row] == all.positions()[row] && (*few)->timestamps()[row] == all.timestamps()[row] &&
                (*few)->types()[row] == all.types()[row],
            "some rows have what they have among all");
    const Presence presence = !column.presence.empty()         ? column.presence[row]
                              : column.type == FieldForm::none ? Presence::absent
                                                               : Presence::value;
    require(column.presence.empty() || some.presence[row] == presence, "a value is there among some as among all");
    if (presence != Presence::value)
      continue;
    require((column.integers.empty() || some.integers[row] == column.integers[row]) &&
                (column.reals.empty() || std::memcmp(&some.reals[row], &column.reals[row], sizeof(double)) == 0) &&
                (column.codes.empty() || some.texts[some.codes[row]] == column.texts[column.codes[row]]),
            "a field has among some rows what it has among all");
  }
  std::vector<std::uint64_t> every(wanted.size());
  for (std::uint32_t row = 0; row < rows; ++row)
    every[row / 64] |= std::uint64_t{1} << (row % 64);
  for (const auto& marked : {wanted, every}) {
    field_marks(reader, zone, field, column, column.integers, marked, rows, whole);
    field_marks(reader, zone, field, column, column.reals, marked, rows, whole);
  }
  marks(reader, zone, column_position, all.positions(), wanted, whole);
  marks(reader, zone, column_timestamp, all.timestamps(), wanted, whole);
  marks(reader, zone, column_type, all.types(), wanted, whole);
}

/// Every field of every zone as arrays, beside the payloads.
bool columns(const SegmentReader& reader, bool whole) {
  const auto fields = reader.fields();
  const auto zones = reader.zones();
  if (!taken(fields, whole) || !taken(zones, whole))
    return false;
  for (std::size_t field = 0; field < fields->size(); ++field) {
    const auto known = reader.field_zones(field);
    if (!taken(known, whole))
      continue;
    for (std::size_t zone = 0; zone < zones->size(); ++zone) {
      constexpr ColumnSet core =
          column_context | column_sequence | column_position | column_recorded_at | column_timestamp | column_type;
      const auto read = reader.read_columns(zone, core, {&field, 1});
      const auto rows = reader.read_zone(zone, columns_all);
      (void)taken(reader.may_hold(zone, field, "text"), whole);
      if (!taken(read, whole) || !taken(rows, whole))
        continue;
      const FieldColumn& column = (*read)->fields()[0];
      std::size_t bytes = 0; // whatever a string points to can be read
      for (const std::string_view text : column.texts)
        bytes += static_cast<std::size_t>(std::count(text.begin(), text.end(), 'a'));
      for (const std::uint32_t code : column.codes)
        require(code < column.texts.size(), "codes have their texts");
      require(bytes <= (std::size_t{1} << 30), "texts are as long as their block");
      few_rows(reader, zone, field, core, **read, whole);
      for (std::uint32_t i = 0; whole && i < (*rows)->rows(); ++i) {
        const EventView event = (*rows)->row(i);
        std::vector<json::Scalar> found;
        require((*read)->sequences()[i] == event.sequence && (*read)->positions()[i] == event.position,
                "columns have what rows have");
        if (column.type == FieldForm::mixed || !json::validate_object(event.payload, "payload") ||
            !json::find_paths(event.payload, {&(*fields)[field].path, 1}, found))
          continue;
        require(same(column, i, found.front()), "a field has what its payload has");
      }
    }
  }
  return true;
}

/// In position order, a few at a time.
bool by_position(const SegmentReader& reader, bool whole, Lines& lines) {
  PositionRange range;
  while (true) {
    const auto run = reader.read_positions(range, {.events_max = 7, .bytes_max = 4'096});
    if (!taken(run, whole))
      return false;
    for (std::size_t i = 0; i < (*run)->size(); ++i) {
      require((**run)[i].position >= range.from, "positions ascend");
      lines.push_back(line_of((**run)[i]));
      range.from = (**run)[i].position + 1;
    }
    if ((*run)->size() == 0 || range.from == 0)
      return true;
  }
}

/// Rows by what the time index says, beside all rows.
void selected(const SegmentReader& reader, bool whole) {
  const auto zones = reader.zones();
  if (!taken(zones, whole))
    return;
  std::map<ColumnBit, std::vector<std::uint64_t>> numbers;
  for (std::size_t zone = 0; zone < zones->size(); ++zone) {
    const auto rows = reader.read_zone(zone, column_position | column_timestamp | column_recorded_at);
    if (!taken(rows, whole))
      return;
    for (std::uint32_t i = 0; i < (*rows)->rows(); ++i) {
      const EventView event = (*rows)->row(i);
      numbers[column_position].push_back(event.position);
      numbers[column_timestamp].push_back(segments::micros_of(event.timestamp));
      numbers[column_recorded_at].push_back(segments::micros_of(event.recorded_at));
    }
  }
  for (const auto& [column, all] : numbers) {
    const std::uint64_t one = all[all.size() / 3], other = all[all.size() / 3 + all.size() / 50];
    const NumberRange range{std::min(one, other), std::max(one, other)};
    const CoreCondition condition{column, {&range, 1}};
    const auto found = reader.select_rows({&condition, 1}, [] { return Status(); });
    if (!taken(found, whole) || !*found)
      continue;
    const auto& [selected, unsure] = **found;
    require(selected.size() == (all.size() + 63) / 64, "there is a bit for each row");
    for (std::uint32_t row = 0; whole && row < all.size(); ++row) {
      const bool asked = !unsure.empty() && is_set(unsure, row);
      require(is_set(selected, row) == (asked || (all[row] >= range.low && all[row] <= range.high)),
              "rows are selected as their numbers say");
    }
  }
}

/// Columns by position: all of them, and rows by their numbers.
void pages(const SegmentReader& reader, bool whole) {
  const auto by_position = reader.by_position();
  if (!taken(by_position, whole) || *by_position == nullptr)
    return;
  const ColumnReader& pages = **by_position;
  const auto zones = pages.zones();
  const auto fields = pages.fields();
  if (!taken(zones, whole) || !taken(fields, whole))
    return;
  std::uint64_t rows = 0;
  for (std::size_t page = 0; page < zones->size(); ++page) {
    rows += (*zones)[page].rows;
    const auto numbers = pages.read_columns(page, column_timestamp | column_type, {});
    if (!taken(numbers, whole))
      continue;
    for (const std::uint32_t type : (*numbers)->types())
      require(type < pages.types()->size(), "types have their names");
    const std::uint64_t time = static_cast<std::uint64_t>((*numbers)->timestamps()[0]);
    const NumberRange range{time, time};
    std::vector<std::uint64_t> all(((*zones)[page].rows + 63) / 64, ~std::uint64_t{0}), marked(all.size());
    all.back() >>= 64 * all.size() - (*zones)[page].rows;
    type_counts(pages, page, (*numbers)->types(), all, whole);
    if (taken(pages.mark_rows(page, column_timestamp, {&range, 1}, all, marked), whole))
      require(is_set(marked, 0), "a row is found by its time");
    for (std::size_t field = 0; field < fields->size(); ++field) {
      const auto read = pages.read_columns(page, 0, {&field, 1});
      if (!taken(read, whole))
        continue;
      const FieldColumn& column = (*read)->fields()[0];
      for (const std::uint32_t code : column.codes)
        require(code < column.texts.size(), "codes have their texts");
      std::vector<std::uint64_t> values(all.size()), nulls(all.size());
      const ValueRange<std::int64_t> integers{-5, 5};
      (void)taken(pages.mark_field(page, field, std::span(&integers, 1), all, {marked, values, nulls}), whole);
    }
  }
  require(!whole || rows == reader.meta().event_count, "pages have all rows");
}

void repair(std::string& input, Random&) {
  repair_segment(input);
}

} // namespace

extern "C" std::size_t LLVMFuzzerCustomMutator(std::uint8_t* data, std::size_t size, std::size_t size_max,
                                               unsigned seed) {
  return mutate_and_repair(data, size, size_max, seed, repair);
}

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const UnfoldedSegment segment = unfold_segment(text_of(data, size));
  io::MemoryFileSystem fs;
  require(fs.create_directory("segments").ok() && fs.create_directory(segments::segment_directory(0)).ok(),
          "the simulated disk takes directories");
  write_file(fs, segments::segment_path(0, 1), segment.file);
  segments::BlockCache cache(256 * KiB);
  segments::SegmentFiles files(fs, cache, segment_options);
  const auto reader = files.open(segment.meta);
  if (!taken(reader, false))
    return 0;
  const Status verified = (*reader)->verify();
  const bool whole = verified.ok();
  if (!whole)
    require_honest(verified.error());

  Lines lines;
  std::map<std::string, Lines> by_context;
  const bool scanned = scan(**reader, whole, lines, by_context);
  (void)columns(**reader, whole);
  selected(**reader, whole);
  pages(**reader, whole);
  if (Lines in_order; by_position(**reader, whole, in_order) && scanned && whole) {
    Lines sorted = lines;
    std::sort(sorted.begin(), sorted.end());
    std::sort(in_order.begin(), in_order.end());
    require(in_order == sorted, "the position order gives what a scan gives");
  }
  by_context.try_emplace("nobody");
  for (const auto& [context, expected] : by_context) {
    Lines forward, backward;
    if (replay(**reader, context, whole, false, forward) && scanned && whole)
      require(forward == expected, "a replay gives what a scan gives");
    if (replay(**reader, context, whole, true, backward) && scanned && whole)
      require(backward == expected, "a backward replay gives what a scan gives");
  }
  // Merging reads it on another path.
  const SegmentMeta inputs[] = {segment.meta};
  const auto merged = files.merge(inputs, 2, [] { return Status(); }, {});
  if (!whole && merged.code() == Errc::invalid_argument)
    return 0; // a position twice, say
  if (!taken(merged, whole))
    return 0;
  const auto again = files.open(merged->meta);
  require(again.ok() && (*again)->verify().ok(), "a merged segment is whole");
  Lines merged_lines;
  std::map<std::string, Lines> ignored;
  require(scan(**again, true, merged_lines, ignored) && (!scanned || merged_lines == lines),
          "a merge keeps every event");
  return 0;
}
