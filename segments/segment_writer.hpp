// Writes one segment: sorted events in, zones, indexes and footer out.
//
// Purpose: one pass, bounded memory: the small columns and fields of a zone, blocks that are filling up, and per
// segment 16 bytes a row (position and event id hash), 8 a context, and the context index; at its end, when the hashes
// are gone, 20 a row (position, place in the order of positions, and the scratch of putting them in order). Pages take
// what their writer says. Owner: SegmentFiles::write; one thread. Invariants: contexts ascend strictly, sequences of a
// context are dense and ascending; events that break this are refused, so a broken order never gets into a file.
#pragma once

#include <weir/event.hpp>
#include <weir/result.hpp>

#include "engine/hash.hpp"
#include "segments/context_index.hpp"
#include "segments/field_writer.hpp"
#include "segments/footer.hpp"
#include "segments/page_writer.hpp"
#include "segments/segment_output.hpp"
#include "segments/time_index.hpp"
#include "segments/zone_writer.hpp"

#include <array>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

namespace weir::segments {

/// Everything a new file has to know about itself.
struct SegmentIdentity {
  ShardId shard = 0;
  std::uint64_t number = 0;
  std::uint64_t identity = 0;
};

/// The 48 bytes at the beginning of the file.
[[nodiscard]] std::string encode_header(const SegmentIdentity& who, std::uint32_t zone_rows);

class SegmentWriter {
public:
  /// What a segment is like.
  struct Shape {
    std::uint32_t zone_rows = 0;
    std::uint32_t filter_bits_per_key = 0;
    bool pages = false; ///< Columns are also there in the order of positions.
  };
  /// Writes into the empty `file`, which must outlive the writer.
  SegmentWriter(io::File& file, const SegmentIdentity& who, const Shape& shape);

  /// Errors: `invalid_argument` for an event out of order, else as File::append, for this event or one before it.
  /// Precondition: no more than segment_rows_max.
  Status add(const EventView& event);
  /// Adds the mark of a context. Errors: `invalid_argument` for one that is out of order or says what cannot be.
  Status add_mark(std::string_view context_id, const ContextMark& mark);
  /// The segment's bounds will cover those of `other`, whose events and marks it takes the place of.
  void cover(const SegmentMeta& other);
  /// Writes indexes and footer; nothing is synced. Errors: `invalid_argument` without any event or mark, else as add().
  Result<SegmentMeta> finish();

private:
  Status check_order(const EventView& event, bool new_context) const;
  Status finish_zone();
  void finish_context();
  void flush_index_block();
  void write_filter(FilterShape& shape, BlockKind kind, std::vector<std::uint64_t>& hashes, std::uint32_t bits_per_key);
  void flush_mark_block();
  void write_pending();
  void finish_bounds();
  Status write_order();
  std::uint32_t type_number(std::string_view type, std::uint32_t schema_version);
  std::uint32_t number_of_type(std::string_view type, std::uint32_t schema_version);

  struct TextHash {
    using is_transparent = void;
    std::size_t operator()(std::string_view text) const noexcept { return static_cast<std::size_t>(hash64(text, 0)); }
  };
  /// A type's number, where it is looked for first.
  struct LatelySeen {
    static constexpr std::size_t places = 64;
    static std::size_t place_of(std::string_view type) noexcept {
      if (type.empty())
        return 0;
      const auto byte = [&](std::size_t at) { return static_cast<std::size_t>(static_cast<unsigned char>(type[at])); };
      return (type.size() + 3 * byte(0) + 5 * byte(type.size() / 2) + 11 * byte(type.size() - 1)) % places;
    }
    std::uint32_t number = UINT32_MAX;
    std::uint32_t schema_version = 0;
  };
  struct PendingIndexBlock {
    std::string content;
    IndexBlockRef place;
  };

  struct PendingMarkBlock {
    std::string content;
    MarkBlockRef place;
  };

  SegmentOutput out_;
  std::uint32_t filter_bits_per_key_;
  Footer footer_;
  std::unique_ptr<PageWriter> pages_; ///< Null: none are wanted.
  FieldWriter fields_;
  ZoneWriter zone_;
  /// Numbers in the dictionary, one for each schema version.
  std::unordered_map<std::string, std::vector<std::uint32_t>, TextHash, std::equal_to<>> types_;
  std::array<LatelySeen, LatelySeen::places> lately_;
  std::string context_;
  std::uint64_t context_first_row_ = 0;
  Sequence context_first_sequence_ = 0;
  Sequence last_sequence_ = 0;
  IndexBlockBuilder index_;
  std::uint64_t index_first_row_ = 0;
  std::vector<PendingIndexBlock> index_blocks_;
  MarkBlockBuilder marks_;
  std::string marked_context_; ///< The last one.
  std::vector<PendingMarkBlock> mark_blocks_;
  bool takes_place_ = false;           ///< Of other segments, whose bounds it has.
  std::optional<SegmentMeta> covered_; ///< Bounds of marks, and of what the segment takes the place of.
  std::vector<std::uint64_t> context_hashes_;
  std::vector<std::uint64_t> event_id_hashes_;
  std::vector<Position> positions_; ///< By row.
  TimeIndexBuilder times_;
};

} // namespace weir::segments
