// The footer: what a reader keeps in memory of a segment it has used.
//
// Threading: plain values; immutable once shared.
// Invariants of a parsed footer: counts and places fit into the file and to each other; zones and index blocks ascend.
#pragma once

#include <weir/result.hpp>

#include "engine/ports.hpp"
#include "segments/block_source.hpp"
#include "segments/context_index.hpp"
#include "segments/filter.hpp"
#include "segments/format.hpp"
#include "segments/mark_blocks.hpp"
#include "segments/text_code.hpp"

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace weir::segments {

/// Where the blocks of one zone are.
struct ZonePlace {
  std::uint64_t begin = 0;
  std::uint64_t tail = 0; ///< First of the small columns, which end with the directory.
  BlockRef directory;
};

/// Some zones in a row whose columns are there a second time, in the order of positions.
struct Band {
  std::uint32_t zones = 0;
  std::uint32_t pages = 0;
  std::uint64_t begin = 0; ///< First block: a column of a field.
  std::uint64_t tail = 0;  ///< The columns of numbers begin.
  std::uint64_t end = 0;
};

/// The columns of numbers of one page.
struct PageNumbers {
  BlockRef timestamps{0, 0, BlockKind::timestamp};
  BlockRef types{0, 0, BlockKind::type};
};

struct Footer {
  std::uint32_t format_version = segment_format_version; ///< The header's.
  /// Only the sums and bounds that the footer holds; file facts are the catalog's.
  SegmentMeta totals;
  std::uint32_t zone_rows = 0;
  /// The dictionary of the type column. An entry is a type and the schema version of its rows, so a type that was
  /// stored under several of them is there several times.
  std::vector<std::string> types;
  std::vector<std::uint32_t> schema_versions; ///< One for every type; empty: 0 for all of them.
  std::vector<ZoneMeta> zones;
  std::vector<ZonePlace> places; ///< One for every zone.
  std::vector<IndexBlockRef> index;
  FilterShape context_filter;
  FilterShape event_id_filter;
  std::uint64_t order_offset = 0;
  BlockRef dictionary_block; ///< Offset 0: there is none.
  TextDictionary dictionary; ///< Of all strings; read_footer() reads it.
  /// The list of fields (segments/field_directory.hpp); offset 0: there are none.
  BlockRef fields_block{0, 0, BlockKind::field_list};
  /// Offset 0: there is none.
  BlockRef time_index_block{0, 0, BlockKind::time_index};
  /// All zones belong to one, or none does.
  std::vector<Band> bands;
  /// By band, within one by position. Sequences are not known; rows are counted by place in all pages.
  std::vector<ZoneMeta> pages;
  std::vector<PageNumbers> page_numbers; ///< One for every page.
  bool zones_are_pages = false;          ///< As footer_of_pages() makes it.
  std::vector<MarkBlockRef> marks;
  std::uint64_t mark_count = 0;
  std::uint64_t stub_count = 0; ///< Of the rows; where there is one, there are marks.

  [[nodiscard]] std::uint32_t schema_version(std::size_t type) const noexcept {
    return schema_versions.empty() ? 0 : schema_versions[type];
  }
  /// Bits of one row in the position order.
  [[nodiscard]] unsigned order_width() const noexcept;
  [[nodiscard]] std::size_t order_blocks() const noexcept;
  [[nodiscard]] BlockRef order_block(std::size_t number) const noexcept;
};

/// What a footer says whose zones are the pages of `footer`: for readers of their columns. It has neither contexts nor
/// an order; a place says where the fields of the page's band lie.
[[nodiscard]] Footer footer_of_pages(const Footer& footer);

/// Counts one more row into the zone's metadata.
void extend(ZoneMeta& zone, const EventView& event, std::uint32_t type);
/// Widens the segment's bounds by those of its next zone, whose rows are counted already.
void extend(SegmentMeta& totals, const ZoneMeta& zone);

/// Widens the segment's bounds by those of another.
void extend(SegmentMeta& totals, const SegmentMeta& other);
/// Widens the segment's bounds by a mark's; `first`: nothing is counted yet.
void extend(SegmentMeta& totals, const ContextMark& mark, bool first);

[[nodiscard]] std::string encode_footer(const Footer& footer);

/// Takes apart the content of the footer of a segment of this format and compares it with what the catalog recorded.
/// `corruption` with the footer's place if anything does not fit.
Result<Footer> parse_footer(const BlockSource& source, std::string_view bytes, const SegmentMeta& recorded,
                            std::uint32_t format_version);

} // namespace weir::segments
