// Collects the rows of one zone and writes them by column.
//
// Purpose: strings go out as their blocks fill up, so a zone of large payloads takes no more memory than one of small
// ones; the small columns follow at the end of the zone. Memory is kept from zone to zone.
// Owner: SegmentWriter; one thread.
#pragma once

#include <weir/event.hpp>
#include <weir/result.hpp>

#include "segments/field_writer.hpp"
#include "segments/footer.hpp"
#include "segments/page_writer.hpp"
#include "segments/segment_output.hpp"
#include "segments/zone_directory.hpp"

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace weir::segments {

/// Writes one zone after another.
class ZoneWriter {
public:
  /// `fields` gets the payloads, `pages` (unless it is null) the columns.
  ZoneWriter(SegmentOutput& out, FieldWriter& fields, PageWriter* pages) : out_(out), fields_(fields), pages_(pages) {}

  /// The next zone begins with the segment's row `first_row`, where the output is now.
  void begin(std::uint64_t first_row);

  /// `new_context`: the event before belongs to another one.
  void add(const EventView& event, std::uint32_t type, bool new_context);
  /// Writes what is left. Precondition: rows() > 0.
  void finish();

  [[nodiscard]] std::uint32_t rows() const noexcept { return meta_.rows; }
  [[nodiscard]] const ZoneMeta& meta() const noexcept { return meta_; }
  /// Meaningful after finish().
  [[nodiscard]] const ZonePlace& place() const noexcept { return place_; }

private:
  struct Strings {
    BlockKind kind;
    std::vector<std::uint64_t> lengths;
    TextRoom bytes; ///< Of the block that is filling up.
    std::uint32_t first_row = 0;
    bool any = false;
  };
  static std::string_view add_string(Strings& column, std::string_view value);
  [[nodiscard]] bool block_ends_before(const EventView& event, bool new_context) const;
  static bool would_overfill(const Strings& column, std::string_view value);
  void write_all_strings();
  void write_strings(Strings& column);
  void write_block(BlockKind kind, std::string_view raw);
  void write_integers(BlockKind kind, const std::vector<std::uint64_t>& values);

  SegmentOutput& out_;
  FieldWriter& fields_;
  PageWriter* pages_;
  ZoneMeta meta_;
  ZonePlace place_;
  std::vector<ZoneBlock> blocks_;
  std::vector<std::uint64_t> positions_, recorded_, timestamps_, types_;
  Strings event_ids_{BlockKind::event_ids, {}, {}};
  Strings metadata_{BlockKind::metadata, {}, {}};
  Strings payloads_{BlockKind::payloads, {}, {}};
  std::string integers_;
  std::string hashes_;
  std::string scratch_;
};

} // namespace weir::segments
