// Compares the pages of a segment with its zones.
//
// Purpose: the part of verify() that checks every value, bound and count of pages: each has the rows of its band's
// zones whose positions are its own. Reads the columns of one zone or page at a time. Owner: verify_segment; one
// thread.
#pragma once

#include <weir/result.hpp>

#include "engine/ports.hpp"
#include "segments/block_source.hpp"
#include "segments/field_directory.hpp"
#include "segments/footer.hpp"

#include <cstddef>
#include <cstdint>
#include <memory>
#include <vector>

namespace weir::segments {

class PageVerifier {
public:
  /// What it borrows must outlive it; `fields` are those of zones.
  PageVerifier(const BlockSource& source, std::shared_ptr<const Footer> footer, const SegmentFields& fields);

  /// Appends every block of pages.
  Status append_blocks(std::vector<BlockRef>& refs) const;
  Status run();

private:
  /// What the rows of a page are, whatever their order.
  struct Rows {
    ZoneMeta bounds; ///< But for sequences.
    std::uint64_t sum = 0;
  };
  Status check_band(const Band& band, std::size_t first_zone, std::size_t first_page);
  Status add_zone(std::size_t zone, std::size_t first_page, std::vector<Rows>& pages) const;
  Status check_page(std::size_t page, const Rows& rows) const;
  [[nodiscard]] std::uint64_t hash_of(const ZoneColumns& columns, std::size_t row, std::size_t page) const;
  [[nodiscard]] Error differs(std::size_t page) const;

  const BlockSource& source_;
  std::shared_ptr<const Footer> footer_;
  std::shared_ptr<const Footer> pages_; ///< As footer_of_pages() has it.
  const SegmentFields& fields_;
  SegmentFields page_fields_{true};
  std::vector<const FieldZones*> of_zones_, of_pages_; ///< By field.
};

} // namespace weir::segments
