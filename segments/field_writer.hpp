// Writes the payload fields of a new segment as columns.
//
// Purpose: reads every payload once and decides what is worth a column: docs/formats/segment.md, "Fields". Memory: the
// numbers of one zone for every path followed, at most field_texts_bytes_max of strings, and of the zones written
// what the directory is going to say. Owner: SegmentWriter; one thread.
// Invariants: the same rows give the same bytes. A zone that says `none` of a field was looked through for it.
#pragma once

#include <weir/event.hpp>

#include "engine/json/field_reader.hpp"
#include "segments/field_column.hpp"
#include "segments/field_directory.hpp"
#include "segments/page_writer.hpp"
#include "segments/segment_output.hpp"
#include "segments/text_table.hpp"

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace weir::segments {

class FieldWriter {
public:
  /// `pages` gets the columns, too, if it is not null.
  FieldWriter(SegmentOutput& out, std::uint32_t zone_rows, std::uint32_t filter_bits_per_key, PageWriter* pages);

  /// The next row of the zone. `payload` is the event's, followed by json::FieldReader::padding_bytes zeros; its type
  /// has the number `type`.
  void add(const EventView& event, std::string_view payload, std::uint32_t type);
  /// Writes the columns of the zone, which has all rows added since the last one. Precondition: there is one.
  void write_zone();
  /// Writes the directory after the last zone; where its list is, offset 0 if there are no fields.
  BlockRef finish();

private:
  static constexpr std::uint32_t nothing = UINT32_MAX;

  /// What was seen at one path.
  struct Seen {
    // In this zone:
    std::uint32_t last_row = nothing;
    std::uint8_t kinds = 0;     ///< A bit for each FieldValue::Kind.
    bool too_different = false; ///< The strings: no codes any more, only `hashes`.
    bool too_long = false;      ///< The strings: neither of them any more.
    std::uint32_t nulls = 0;
    std::uint32_t count = 0;           ///< Of values that are neither null nor `other`.
    std::vector<std::uint64_t> values; ///< Bits, or codes of strings.
    RowBits present, null;
    TextTable texts;
    std::vector<std::uint64_t> hashes;
    // In the segment:
    bool were_different = false;   ///< The strings of the zone before were too different for a column.
    std::uint32_t field = nothing; ///< Its number, if it is one.
    bool late = false;             ///< It may have been overlooked in zones before.
    std::vector<bool> zones;       ///< Where it was there, until it is a field.
  };
  struct Field {
    FieldEntry entry;
    std::uint32_t path = 0; ///< Number of the path in reader_.
    std::string zones;      ///< The directory's entries.
    bool of_use = false;    ///< There is a column or a filter in some zone.
  };
  /// Of one field in one zone, while it is written.
  struct Column {
    FieldZone zone; ///< Its bounds of strings point into Seen::texts.
    FieldPlace place;
    std::vector<std::uint64_t> hashes; ///< For its filter.
  };

  void add_value(const json::FieldValue& value);
  void add_text(Seen& seen, std::string_view text);
  void judge_texts(Seen& seen, std::size_t bytes);
  [[nodiscard]] std::uint64_t hash_of(const Seen& seen, std::uint32_t code) const;
  void choose_fields();
  [[nodiscard]] bool worth_a_field(const Seen& seen) const;
  [[nodiscard]] FieldForm type_of(const Seen& seen) const;
  /// What it wrote of the column, or nothing.
  std::string write_column(Seen& seen, Column& column, std::uint64_t& bytes_left);
  void sort_texts(Seen& seen, Column& column, std::vector<std::string_view>& texts);
  void write_filter(Column& column);
  void clear_zone();
  void forget_paths();

  SegmentOutput& out_;
  std::uint32_t zone_rows_;
  std::uint32_t filter_bits_per_key_;
  PageWriter* pages_;
  json::FieldReader reader_;
  std::vector<Seen> seen_; ///< By path.
  std::vector<Field> fields_;
  std::size_t zones_ = 0; ///< Written.
  std::vector<bool> unreadable_zones_;
  bool overlooked_ = false; ///< Paths were, or will be after they were forgotten.

  // Of the zone:
  std::uint32_t rows_ = 0;
  std::uint64_t payload_bytes_ = 0;
  std::size_t text_bytes_ = 0;
  bool unreadable_ = false; ///< A payload is no JSON: the columns say nothing of this zone.
};

} // namespace weir::segments
