// The columns of a segment whose footer is read: of its zones, or of its pages.
//
// Owner: the segment's reader. Threading: thread-safe; what is known of fields is read on first use.
#pragma once

#include "engine/ports.hpp"
#include "segments/block_source.hpp"
#include "segments/field_directory.hpp"
#include "segments/footer.hpp"

#include <memory>
#include <utility>

namespace weir::segments {

class SegmentColumns final : public ColumnReader {
public:
  /// `source` must outlive this. `pages`: `footer` is what footer_of_pages() makes.
  SegmentColumns(const BlockSource& source, std::shared_ptr<const Footer> footer, bool pages)
      : source_(source), footer_(std::move(footer)), fields_(pages) {}

  [[nodiscard]] const std::shared_ptr<const Footer>& footer() const noexcept { return footer_; }
  Result<std::span<const std::string>> types() const override { return std::span<const std::string>(footer_->types); }
  Result<std::span<const ZoneMeta>> zones() const override { return std::span<const ZoneMeta>(footer_->zones); }
  Result<std::span<const FieldInfo>> fields() const override { return fields_.fields(source_, *footer_); }
  Result<std::span<const FieldZone>> field_zones(std::size_t field) const override;
  Result<bool> may_hold(std::size_t zone, std::size_t field, std::string_view text) const override;
  /// `invalid_argument` for core columns of pages that are neither timestamps nor types.
  Result<std::shared_ptr<const ZoneColumns>> read_columns(std::size_t zone, ColumnSet core,
                                                          std::span<const std::size_t> fields,
                                                          RowWords wanted = {}) const override;
  Result<bool> mark_rows(std::size_t zone, ColumnBit column, std::span<const NumberRange> ranges, RowWords rows,
                         std::span<std::uint64_t> out) const override;
  Result<bool> count_types(std::size_t zone, RowWords rows, std::span<std::uint64_t> counts) const override;
  Result<bool> mark_field(std::size_t zone, std::size_t field, const FieldRanges& ranges, RowWords rows,
                          const FieldMarks& out) const override;

private:
  [[nodiscard]] Status check_zone(std::size_t zone) const;

  const BlockSource& source_;
  std::shared_ptr<const Footer> footer_;
  SegmentFields fields_;
};

} // namespace weir::segments
