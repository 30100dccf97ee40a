#include "segments/zone_rows.hpp"

#include "segments/context_index.hpp"
#include "segments/zone_slice.hpp"

#include <algorithm>
#include <string>
#include <vector>

namespace weir::segments {
namespace {

/// One context's rows inside the zone.
struct Run {
  std::string context_id;
  Sequence first_sequence = 0; ///< Of the run's first row.
};

struct Runs {
  std::vector<Run> runs;
  std::vector<std::uint32_t> run_of;     ///< By row.
  std::vector<std::uint32_t> first_rows; ///< By run.
};

class SegmentZoneRows final : public ZoneRows {
public:
  SegmentZoneRows(std::shared_ptr<const Footer> footer, std::uint32_t rows, ColumnSet columns, ZoneSlice slice,
                  Runs runs)
      : footer_(std::move(footer)), rows_(rows), columns_(columns), slice_(std::move(slice)), runs_(std::move(runs)) {}

  [[nodiscard]] std::uint32_t rows() const noexcept override { return rows_; }

  [[nodiscard]] EventView row(std::uint32_t i) const override {
    EventView event;
    if (!runs_.run_of.empty()) {
      const std::uint32_t run = runs_.run_of[i];
      if ((columns_ & column_context) != 0)
        event.context_id = runs_.runs[run].context_id;
      if ((columns_ & column_sequence) != 0)
        event.sequence = runs_.runs[run].first_sequence + (i - runs_.first_rows[run]);
    }
    slice_.fill(i, event);
    return event;
  }

private:
  std::shared_ptr<const Footer> footer_;
  std::uint32_t rows_;
  ColumnSet columns_;
  ZoneSlice slice_;
  Runs runs_;
};

/// Contexts and sequences of the zone out of the context index.
Result<Runs> read_runs(const BlockSource& source, const Footer& footer, const ZoneMeta& zone) {
  const std::uint64_t end = zone.first_row + zone.rows;
  Runs runs;
  runs.run_of.reserve(zone.rows);
  auto block =
      std::prev(std::upper_bound(footer.index.begin(), footer.index.end(), zone.first_row,
                                 [](std::uint64_t row, const IndexBlockRef& place) { return row < place.first_row; }));
  for (std::uint64_t row = zone.first_row; row < end; ++block) {
    if (block == footer.index.end())
      return source.damaged("the context index ends before the rows do", footer.index.back().ref.offset);
    auto cursor = IndexCursor::open(source, *block);
    if (!cursor)
      return std::move(cursor).error();
    auto found = cursor->seek_row(row);
    if (found && !*found)
      return source.damaged("the context index has a gap", block->ref.offset);
    for (; found && *found && row < end; found = cursor->next()) {
      const IndexEntry entry = cursor->entry();
      const std::uint64_t run_end = std::min(entry.first_row + entry.rows, end);
      runs.first_rows.push_back(static_cast<std::uint32_t>(row - zone.first_row));
      runs.run_of.insert(runs.run_of.end(), static_cast<std::size_t>(run_end - row),
                         static_cast<std::uint32_t>(runs.runs.size()));
      runs.runs.push_back({std::string(entry.context_id), entry.first_sequence + (row - entry.first_row)});
      row = run_end;
    }
    if (!found)
      return std::move(found).error();
  }
  return runs;
}

} // namespace

Result<std::shared_ptr<const ZoneRows>> read_zone_rows(const BlockSource& source, std::shared_ptr<const Footer> footer,
                                                       std::size_t zone, ColumnSet columns) {
  const ZoneMeta& meta = footer->zones[zone];
  Runs runs;
  if ((columns & (column_context | column_sequence)) != 0) {
    auto read = read_runs(source, *footer, meta);
    if (!read)
      return std::move(read).error();
    runs = *std::move(read);
  }
  auto slice = ZoneSlice::open(source, *footer, zone, columns == columns_all);
  if (!slice)
    return std::move(slice).error();
  WEIR_TRY(slice->read_numbers(0, meta.rows, columns));
  WEIR_TRY(slice->read_strings(0, meta.rows, columns));
  return std::shared_ptr<const ZoneRows>(
      std::make_shared<SegmentZoneRows>(std::move(footer), meta.rows, columns, *std::move(slice), std::move(runs)));
}

} // namespace weir::segments
