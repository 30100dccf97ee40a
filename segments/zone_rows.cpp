#include "segments/zone_rows.hpp"

#include "segments/context_rows.hpp"
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
  SegmentZoneRows(std::shared_ptr<const Footer> footer, std::uint32_t rows, std::uint32_t texts_end, ColumnSet columns,
                  ZoneSlice slice, Runs runs)
      : footer_(std::move(footer)), rows_(rows), texts_end_(texts_end), columns_(columns), slice_(std::move(slice)),
        runs_(std::move(runs)) {}

  [[nodiscard]] std::uint32_t rows() const noexcept override { return rows_; }
  [[nodiscard]] std::uint32_t texts_end() const noexcept override { return texts_end_; }

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
  std::uint32_t rows_, texts_end_;
  ColumnSet columns_;
  ZoneSlice slice_;
  Runs runs_;
};

/// Contexts and sequences of the zone out of the context index.
Result<Runs> read_runs(const BlockSource& source, const Footer& footer, const ZoneMeta& zone) {
  Runs runs;
  runs.run_of.reserve(zone.rows);
  WEIR_TRY(visit_contexts(source, footer, zone.first_row, zone.first_row + zone.rows, [&](const ContextRows& context) {
    runs.first_rows.push_back(static_cast<std::uint32_t>(context.begin - zone.first_row));
    runs.run_of.insert(runs.run_of.end(), static_cast<std::size_t>(context.end - context.begin),
                       static_cast<std::uint32_t>(runs.runs.size()));
    runs.runs.push_back({std::string(context.context_id), context.first_sequence});
  }));
  return runs;
}

} // namespace

Result<std::shared_ptr<const ZoneRows>> read_zone_rows(const BlockSource& source, std::shared_ptr<const Footer> footer,
                                                       std::size_t zone, ColumnSet columns, RowWords wanted) {
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
  std::uint32_t texts_end = meta.rows;
  if (!wanted.empty())
    texts_end = slice->texts_within(wanted, zone_texts_bytes_max);
  std::vector<std::uint64_t> some(wanted.begin(), wanted.end());
  for (std::uint32_t row = texts_end; row < meta.rows; row = (row / 64 + 1) * 64)
    some[row / 64] &= (std::uint64_t{1} << row % 64) - 1;
  WEIR_TRY(slice->read_strings(0, meta.rows, columns, some));
  return std::shared_ptr<const ZoneRows>(std::make_shared<SegmentZoneRows>(
      std::move(footer), meta.rows, texts_end, columns, *std::move(slice), std::move(runs)));
}

} // namespace weir::segments
