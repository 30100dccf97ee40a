// Segments that no writer would write, with checksums that are right: what stands behind the checksums is checked, too.
#pragma once

#include "segments/field_directory.hpp"
#include "segments/footer.hpp"
#include "segments/zone_directory.hpp"
#include "tests/segments/segment_fixture.hpp"

#include <cstdint>
#include <functional>
#include <string>
#include <vector>

namespace weir::segments::test {

/// A segment taken apart. Change what it holds, then put it together: places and checksums follow.
struct Forged {
  struct Zone {
    struct Block {
      BlockKind kind;
      std::uint32_t first_row;
      std::string content;
    };
    std::vector<Block> blocks; ///< In the order of the file.

    /// The only block of that kind.
    std::string& content(BlockKind kind);
  };
  std::vector<Zone> zones;
  /// A payload field; blocks by zone, empty where there is none.
  struct Field {
    json::Path path;
    FieldZones known;
    std::vector<std::string> columns, filters;
  };
  std::vector<Field> fields;
  std::vector<std::string> index, context_filter, event_id_filter, order;
  std::string dictionary;
  std::string time_index;
  Footer footer; ///< Its places are those of the old file; put_together() sets them.

  // Called when places are known.
  std::function<void(std::vector<ZoneBlock>&)> edit_directory_entries; ///< Of the first zone.
  std::function<void(std::string&)> edit_directory;                    ///< The same, encoded.
  std::function<void(FieldZones&)> edit_field;                         ///< What is known of the first field.
  std::function<void(std::string&)> edit_field_zones;                  ///< The same, encoded.
  std::function<void(std::vector<FieldEntry>&)> edit_field_entries;    ///< Of the list.
  std::function<void(std::string&)> edit_field_list;                   ///< The same, encoded.
  std::function<void(std::string&)> before_filters;                    ///< The file so far.
  std::function<void(std::string&)> before_footer;                     ///< The file so far.
  std::function<void(Footer&)> edit_footer;
  std::function<void(std::string&)> edit_footer_bytes;
};

[[nodiscard]] std::uint64_t identity_of(const SegmentDirectory& directory, const SegmentMeta& meta);

Forged take_apart(SegmentDirectory& directory, const SegmentMeta& meta);
/// Writes the file in the place of the one of `meta`, every block stored as it is; returns what a catalog would say.
SegmentMeta put_together(SegmentDirectory& directory, const SegmentMeta& meta, Forged forged);

/// Makes the checksum of the block at `offset` right.
void repair_block(std::string& file, std::uint64_t offset, std::uint64_t identity);

} // namespace weir::segments::test
