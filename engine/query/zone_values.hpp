// The columns of one zone by slot, read as they are needed.
//
// Purpose: a condition asks for the columns it is about, and what a first part of it ruled out costs no second read.
// Whether a segment has arrays, and which payload fields are among them, is hidden here.
// Owner: the scan of one zone. Threading: one thread.
#pragma once

#include <weir/result.hpp>

#include "engine/columns.hpp"
#include "engine/query/compare.hpp"
#include "engine/query/outcome_bits.hpp"
#include "engine/query/scan_plan.hpp"

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace weir::query {

/// What a column of times holds.
[[nodiscard]] inline Timestamp time_of(std::int64_t us) noexcept {
  return Timestamp(std::chrono::microseconds(us));
}

class ZoneValues {
public:
  /// Borrows both.
  ZoneValues(const ScanTarget& target, const SegmentPlan& plan, std::size_t zone, bool arrays);

  /// Its number in the segment.
  [[nodiscard]] std::size_t zone() const noexcept { return zone_; }
  [[nodiscard]] std::uint32_t rows() const noexcept { return rows_; }
  /// The slot is a core column, or a payload field that is a column in this zone.
  [[nodiscard]] bool has_column(std::size_t slot) const noexcept { return slots_[slot].kind != Kind::document; }
  /// Reads the columns of `slots`, where they have one and it was not read yet, and `core`, for the rows of `wanted`
  /// (null: all) at least; elements of other rows may hold anything. Errors: those of the segment; `corruption` if the
  /// zone is not as long as its metadata say.
  Status read(std::span<const std::size_t> slots, ColumnSet core = 0, const RowBits* wanted = nullptr);
  /// Adds those of `rows` whose value in a core column lies in one of `ranges` to `out`, without reading the column.
  /// False: that is not possible here, or the column is there already.
  Result<bool> mark(ColumnBit column, std::span<const NumberRange> ranges, const RowBits& rows,
                    std::span<std::uint64_t> out) const;
  /// The same for the field of `slot`, as SegmentReader::mark_field has it. Precondition: is_field().
  Result<bool> mark_field(std::size_t slot, const FieldRanges& ranges, const RowBits& rows, const FieldMarks& out);
  /// How many of `rows` have each event type, in `counts`, without reading the column. False: as for mark().
  Result<bool> count_types(const RowBits& rows, std::vector<std::uint64_t>& counts) const;
  /// What its values are here. Precondition: is_field().
  [[nodiscard]] FieldForm form(std::size_t slot) const noexcept { return slots_[slot].form; }
  [[nodiscard]] std::size_t fields_read() const noexcept { return fields_read_; }

  // Each precondition: its column was read.
  [[nodiscard]] std::span<const std::uint64_t> sequences() const noexcept { return sequences_; }
  [[nodiscard]] std::span<const std::uint64_t> positions() const noexcept { return positions_; }
  [[nodiscard]] std::span<const std::int64_t> recorded_at() const noexcept { return recorded_at_; }
  [[nodiscard]] std::span<const std::int64_t> timestamps() const noexcept { return timestamps_; }
  [[nodiscard]] std::span<const std::uint32_t> types() const noexcept { return types_; }
  [[nodiscard]] std::span<const std::uint32_t> contexts() const noexcept { return contexts_; }
  [[nodiscard]] std::span<const std::string_view> context_texts() const noexcept { return context_texts_; }
  /// What the row has of a core number, times by their bits. Precondition: `column` is a position or time, and was
  /// read.
  [[nodiscard]] std::uint64_t number(ColumnBit column, std::size_t row) const noexcept;
  /// Core times in microseconds; empty if the slot holds none.
  [[nodiscard]] std::span<const std::int64_t> times(std::size_t slot) const noexcept;
  /// Values of few texts.
  struct Codes {
    std::span<const std::uint32_t> codes; ///< Empty: the slot is of another sort.
    std::size_t count = 0;                ///< Codes are below this.
    std::span<const Presence> presence;   ///< As FieldColumn has it.
  };
  [[nodiscard]] Codes codes(std::size_t slot) const noexcept;
  [[nodiscard]] bool is_field(std::size_t slot) const noexcept { return slots_[slot].kind == Kind::field; }
  /// Of a payload field that is a column here.
  [[nodiscard]] const FieldColumn& field(std::size_t slot) const noexcept { return slots_[slot].column; }
  [[nodiscard]] std::string_view type_text(std::uint32_t type) const noexcept { return plan_.types()[type]; }

  /// What the row has in the slot. Precondition: has_column(), and it was read.
  [[nodiscard]] ValueView value(std::size_t slot, std::size_t row) const noexcept;

private:
  enum class Kind : std::uint8_t { document, context, type, sequence, position, recorded_at, timestamp, field };
  struct Slot {
    Kind kind = Kind::document;
    bool read = false;
    bool counted = false; ///< In fields_read_.
    FieldForm form = FieldForm::mixed;
    std::shared_ptr<const RowBits> rows; ///< Which were read; null: all.
    std::size_t number = 0;              ///< The segment's, of a field.
    FieldColumn column;
  };
  [[nodiscard]] static ValueView field_value(const FieldColumn& column, std::size_t row) noexcept;
  /// Whether `wanted` are among `rows`; null: all.
  [[nodiscard]] static bool covers(const RowBits* rows, const RowBits* wanted) noexcept {
    return rows == nullptr || (wanted != nullptr && rows->contains(*wanted));
  }
  Result<std::shared_ptr<const ZoneColumns>> read_arrays(ColumnSet core, std::span<const std::size_t> fields,
                                                         const RowBits* wanted) const;
  void count(Slot& field) noexcept {
    fields_read_ += field.counted ? 0 : 1;
    field.counted = true;
  }
  Status take(const ZoneColumns& columns, ColumnSet core, std::span<const std::size_t> slots);

  const ScanTarget& target_;
  const SegmentPlan& plan_;
  std::size_t zone_;
  bool arrays_; ///< Off: only rows are read.
  std::uint32_t rows_;
  std::vector<Slot> slots_;
  ColumnSet core_read_ = 0;
  std::shared_ptr<const RowBits> core_rows_; ///< Which were read of them; null: all.
  std::size_t fields_read_ = 0;
  std::vector<std::shared_ptr<const ZoneColumns>> kept_;
  std::span<const std::uint64_t> sequences_, positions_;
  std::span<const std::int64_t> recorded_at_, timestamps_;
  std::span<const std::uint32_t> types_, contexts_;
  std::span<const std::string_view> context_texts_;
};

/// "segment 12 of shard 3": where an error is.
[[nodiscard]] std::string place_of(const SegmentReader& segment);

} // namespace weir::query
