// Compares the fields of a segment with its payloads.
//
// Purpose: the part of verify() that checks every value of every column, every bound, count and filter. Reads payloads
// and columns of one zone at a time. Owner: verify_segment; one thread.
#pragma once

#include <weir/event.hpp>
#include <weir/result.hpp>

#include "engine/json/field_reader.hpp"
#include "engine/ports.hpp"
#include "segments/block_source.hpp"
#include "segments/field_directory.hpp"
#include "segments/footer.hpp"

#include <cstddef>
#include <cstdint>
#include <memory>
#include <vector>

namespace weir::segments {

/// Appends every block that the directory of fields names, and those of what it says of each zone.
Status append_field_blocks(const BlockSource& source, const Footer& footer, const SegmentFields& fields,
                           std::vector<BlockRef>& refs);

class FieldVerifier {
public:
  /// What it borrows must outlive it.
  FieldVerifier(const BlockSource& source, std::shared_ptr<const Footer> footer, const SegmentFields& fields)
      : source_(source), footer_(std::move(footer)), fields_(fields) {}

  Status begin_zone(std::size_t zone);
  /// The next row of the zone.
  Status check(const EventView& event);
  /// Precondition: all rows of the zone were checked.
  Status end_zone();

private:
  /// What the rows of the zone have of a field.
  struct Seen {
    std::uint32_t values = 0, nulls = 0;
    std::uint32_t last_row = UINT32_MAX;
    std::vector<bool> codes; ///< Those that occur.
    std::uint32_t distinct = 0;
    FieldZone bounds;
  };
  Status check_value(const json::FieldValue& value);
  Status check_text(std::size_t field, std::string_view text);
  [[nodiscard]] bool same(const FieldColumn& column, const json::FieldValue& value, Seen& seen) const;
  [[nodiscard]] bool bounds_hold(std::size_t field) const;
  [[nodiscard]] Error differs(std::size_t field) const;

  const BlockSource& source_;
  std::shared_ptr<const Footer> footer_;
  const SegmentFields& fields_;
  std::vector<const FieldZones*> zones_; ///< By field.
  std::unique_ptr<json::FieldReader> reader_;

  std::size_t zone_ = 0;
  std::uint32_t row_ = 0;
  bool all_mixed_ = false; ///< The columns say nothing of this zone.
  std::shared_ptr<const ZoneColumns> columns_;
  std::vector<Seen> seen_;
};

} // namespace weir::segments
