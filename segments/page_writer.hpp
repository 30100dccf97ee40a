// Writes the columns of some zones a second time, in the order of positions.
//
// Purpose: rows lie in the order of their contexts, so every zone spans all times. The pages of a band of zones each
// have their own stretch of positions, and mostly of time, so a query over a span of it reads only theirs. Within a
// page rows lie by type: what only some types have is side by side. Memory: the
// encoded columns of a band's zones, one of them decoded, and 20 bytes a row while they are put in order. Owner:
// SegmentWriter; one thread. Format: docs/formats/segment.md, "Pages".
// Invariants: pages say nothing that zones do not say. The same rows give the same bytes.
#pragma once

#include <weir/result.hpp>

#include "segments/field_column.hpp"
#include "segments/field_directory.hpp"
#include "segments/footer.hpp"
#include "segments/segment_output.hpp"

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace weir::segments {

class PageWriter {
public:
  /// All zones have `zone_rows` rows, but for the last.
  PageWriter(SegmentOutput& out, std::uint32_t zone_rows) : out_(out), zone_rows_(zone_rows) {}

  /// A column of numbers of the zone that is being written: position, recorded_at, timestamp (where it differs) or
  /// type.
  void add_numbers(BlockKind kind, std::string_view content);
  /// The segment has one more field; `none_before`: no row of the zones that have ended has a value of it, or null.
  void new_field(bool none_before);
  /// A field of the zone that is being written, and its column if it has one. Precondition: its number is that of a
  /// new_field().
  void add_field(std::size_t field, const FieldZone& zone, std::string_view content);
  /// The zone has so many rows. Every field was added.
  void end_zone(std::uint32_t rows);

  /// No zone should be added to the band any more.
  [[nodiscard]] bool full() const noexcept;
  [[nodiscard]] bool empty() const noexcept { return zones_.empty(); }
  /// Writes the pages of the zones since the last band, and tells `footer` of them. Errors: `invalid_argument` if two
  /// rows have the same position.
  Status write_band(Footer& footer);
  /// What the directory of fields says of all pages. Precondition: as for add_field().
  [[nodiscard]] std::string_view field_pages(std::size_t field) const noexcept { return fields_[field].pages; }

private:
  struct Zone {
    std::uint32_t rows = 0;
    std::string positions, recorded_at, timestamps, types;
  };
  struct FieldZoneContent {
    FieldZone zone; ///< Without the bounds of strings.
    std::string content;
  };
  struct Field {
    std::vector<FieldZoneContent> zones; ///< Of the band.
    std::string pages;
  };
  struct Page {
    ZoneMeta meta;
    PageNumbers numbers;
    std::span<std::uint32_t> rows; ///< Of the band, counted through all its zones.
  };
  /// A field in the band's rows.
  struct Values {
    FieldForm form = FieldForm::none;
    bool all = true; ///< Every row has a value.
    std::vector<Presence> presence;
    std::vector<std::uint64_t> values;   ///< Bits, or codes of strings; 0 where there is none.
    std::vector<std::string_view> texts; ///< By code, ascending.
  };
  /// A field in one page.
  struct PageField {
    FieldZone zone;
    std::string content;
  };

  [[nodiscard]] std::vector<std::uint64_t> numbers(std::string Zone::*column) const;
  void gather(const Page& page, std::span<const std::uint64_t> values);
  Result<std::vector<std::uint32_t>> start_pages(std::vector<Page>& pages);
  /// Calls `visit(page, values)` with this column of the band's zones.
  template <class Visit> void each_page(std::vector<Page>& pages, std::string Zone::*column, const Visit& visit);
  BlockRef write_numbers(BlockKind kind);
  void sort_by_type(Page& page, std::span<const std::uint64_t> types);
  void write_field(Field& field, std::span<const Page> pages);
  [[nodiscard]] static FieldForm form_of(const Field& field);
  [[nodiscard]] FieldColumn column_of(const Field& field, std::size_t zone, ZoneArrays& memory) const;
  [[nodiscard]] Values values_of(const Field& field, FieldForm form) const;
  /// False: its strings are not worth a column.
  bool encode(const Values& values, const Page& page, PageField& out);

  SegmentOutput& out_;
  std::uint32_t zone_rows_;
  std::vector<Zone> zones_; ///< Of the band.
  Zone zone_;               ///< Being written.
  std::vector<Field> fields_;
  std::size_t kept_bytes_ = 0;
  std::size_t pages_ = 0;  ///< Written.
  std::uint64_t rows_ = 0; ///< In them.
  std::vector<std::uint64_t> gathered_;
  std::vector<std::uint32_t> by_type_;
  std::string integers_;
};

} // namespace weir::segments
