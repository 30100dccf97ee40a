// Which payload fields a segment has as columns, and what is known of each in each zone.
//
// Purpose: queries choose zones by it; replays never read it. A list of the fields, which names for each of them a
// block with one entry for every zone. Format: docs/formats/segment.md, "Fields". Threading: SegmentFields is
// thread-safe, it reads on first use; the rest are pure functions. Invariants of what was parsed: numbers fit to each
// other and places into their zones.
#pragma once

#include <weir/result.hpp>

#include "engine/columns.hpp"
#include "segments/block_source.hpp"
#include "segments/footer.hpp"
#include "segments/format.hpp"

#include <array>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <mutex>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace weir::segments {

/// Where the blocks of one field in one zone are.
struct FieldPlace {
  BlockRef column{0, 0, BlockKind::field_column}; ///< Offset 0: there is none.
  BlockRef filter{0, 0, BlockKind::field_filter}; ///< The same.
  std::uint8_t filter_probes = 0;
};

/// What a text of a field is in a filter.
[[nodiscard]] std::uint64_t field_filter_hash(std::string_view text, std::uint64_t identity) noexcept;

void append_field_zone(std::string& out, const FieldZone& zone, const FieldPlace& place);

/// One field in all zones.
struct FieldZones {
  std::vector<FieldZone> zones;
  std::vector<FieldPlace> places;
  std::string texts; ///< The bounds of strings, which `zones` point into.
};
/// Takes apart what append_field_zone() wrote for every zone, the content of `ref`. `corruption` if it contradicts
/// itself or the footer.
Result<FieldZones> parse_field_zones(const BlockSource& source, const Footer& footer, const BlockRef& ref,
                                     std::string_view bytes);

/// A field, and where its zones are.
struct FieldEntry {
  json::Path path;
  BlockRef zones{0, 0, BlockKind::field_zones};
  BlockRef pages{0, 0, BlockKind::field_zones}; ///< The same of every page; offset 0 where there are none.
};
[[nodiscard]] std::string encode_field_list(std::span<const FieldEntry> fields);
/// Of a segment of this format. `corruption` if the list contradicts itself.
Result<std::vector<FieldEntry>> parse_field_list(const BlockSource& source, const BlockRef& ref, std::string_view bytes,
                                                 std::uint32_t format_version = segment_format_version);

/// What a reader has read of the directory of its segment.
class SegmentFields {
public:
  /// `of_pages`: what is known of each page is asked for, by a footer whose zones they are.
  explicit SegmentFields(bool of_pages = false) : of_pages_(of_pages) {}

  Result<std::span<const FieldInfo>> fields(const BlockSource& source, const Footer& footer) const;
  /// All zones of one field; stays while this lives. Precondition: field < fields().size().
  Result<const FieldZones*> zones(const BlockSource& source, const Footer& footer, std::size_t field) const;
  /// Precondition: fields() was asked.
  [[nodiscard]] std::span<const FieldEntry> entries() const noexcept { return entries_; }
  /// The block that zones() reads. Precondition: fields() was asked, and has this one.
  [[nodiscard]] const BlockRef& zones_block(std::size_t field) const noexcept {
    return of_pages_ ? entries_[field].pages : entries_[field].zones;
  }

private:
  /// Reads the list and publishes it; nothing is changed on an error.
  Status read_list(const BlockSource& source, const Footer& footer) const;

  bool of_pages_;
  mutable std::mutex mutex_;                 ///< Of what is published below; never held while a block is read.
  mutable std::atomic<bool> listed_ = false; ///< The list is read and stays as it is.
  mutable std::vector<FieldEntry> entries_;
  mutable std::vector<FieldInfo> infos_;
  mutable std::unique_ptr<std::atomic<const FieldZones*>[]> read_; ///< By field; null: not read yet.
  mutable std::vector<std::unique_ptr<const FieldZones>> owned_;   ///< What read_ points to.
};

} // namespace weir::segments
