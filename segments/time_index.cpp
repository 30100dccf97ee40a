#include "segments/time_index.hpp"

#include "engine/sabotage.hpp"
#include "segments/bit_pack.hpp"
#include "segments/bytes.hpp"
#include "segments/integer_column.hpp"
#include "segments/position_order.hpp"
#include "segments/unpack.hpp"
#include "segments/zone_columns.hpp"

#include <algorithm>
#include <array>
#include <bit>
#include <limits>
#include <numeric>

namespace weir::segments {
namespace {

/// Setting the bits of single rows pays as long as it is one row in so many; looking at the numbers of single rows as
/// long as these are fewer.
constexpr std::uint64_t selected_part = 3, unsure_part = 8;

void append_column(std::string& out, std::span<const std::uint64_t> values) {
  const std::string column = encode_integers(values);
  append_integer(out, static_cast<std::uint32_t>(column.size()));
  out += column;
}

/// How the rows of a stretch meet a condition.
enum class Fit : std::uint8_t { none, some, all };

/// For values from `low` to `high`, times by their bits.
Fit fit(std::span<const NumberRange> ranges, std::uint64_t low, std::uint64_t high) noexcept {
  if (low > high) // times before and after 1970
    return ranges.empty() ? Fit::none : Fit::some;
  for (const NumberRange& range : ranges) {
    if (range.low <= low && range.high >= high)
      return Fit::all;
    if (range.low <= high && range.high >= low)
      return Fit::some;
  }
  return Fit::none;
}

/// A time index, taken apart.
class TimeIndex {
public:
  /// False if `bytes` are none of a segment with `rows` rows.
  bool open(std::string_view bytes, std::uint64_t rows) {
    ByteSource source(bytes);
    shift_ = source.take<std::uint8_t>();
    const bool zeros = source.take<std::uint8_t>() == 0 && source.take<std::uint16_t>() == 0;
    const auto stretches = source.take<std::uint32_t>();
    first_ = source.take<std::uint64_t>();
    if (!source.ok() || !zeros || shift_ > 63 || stretches == 0 || stretches > time_stretches_max ||
        first_ > std::numeric_limits<std::uint64_t>::max() >> shift_ ||
        stretches - 1 > (std::numeric_limits<std::uint64_t>::max() >> shift_) - first_)
      return false;
    for (std::vector<std::uint64_t>* column :
         {&rows_, &timestamps_.low, &timestamps_.high, &recorded_at_.low, &recorded_at_.high}) {
      const auto packed = IntegerColumn::open(source.take_bytes(source.take<std::uint32_t>()), stretches);
      if (!source.ok() || !packed)
        return false;
      column->resize(stretches);
      packed->decode(0, *column);
    }
    for (Bounds* bounds : {&timestamps_, &recorded_at_})
      for (std::size_t i = 0; i < stretches; ++i)
        bounds->high[i] += bounds->low[i];
    std::uint64_t left = rows;
    for (const std::uint64_t count : rows_) {
      if (count > left)
        return false;
      left -= count;
    }
    return left == 0 && source.left() == 0;
  }

  [[nodiscard]] std::span<const std::uint64_t> rows() const noexcept { return rows_; }

  [[nodiscard]] Fit fit_of(std::size_t stretch, const CoreCondition& condition) const noexcept {
    switch (condition.column) {
    case column_timestamp: return fit(condition.ranges, timestamps_.low[stretch], timestamps_.high[stretch]);
    case column_recorded_at: return fit(condition.ranges, recorded_at_.low[stretch], recorded_at_.high[stretch]);
    case column_position: {
      const std::uint64_t low = (first_ + stretch) << shift_;
      return fit(condition.ranges, low, low + ((std::uint64_t{1} << shift_) - 1));
    }
    default: return Fit::all; // none of ours
    }
  }

private:
  struct Bounds {
    std::vector<std::uint64_t> low, high; ///< By stretch.
  };
  unsigned shift_ = 0;
  std::uint64_t first_ = 0;
  std::vector<std::uint64_t> rows_;
  Bounds timestamps_, recorded_at_;
};

/// A set of rows, found by their places in the position order.
class Selection {
public:
  Selection(const BlockSource& source, const Footer& footer, const MayGoOn& may_go_on)
      : source_(source), footer_(footer), may_go_on_(may_go_on),
        rows_(std::max<std::uint64_t>(64, std::uint64_t{1} << footer.order_width()) / 64) {}

  /// Adds the rows at places `begin` to before `end`; not `sure`: those that are told from others by keep_those().
  Status add(std::uint64_t begin, std::uint64_t end, bool sure) {
    while (begin < end) {
      const std::uint64_t number = begin / order_rows_per_block;
      if (!block_ || number != block_number_) {
        WEIR_TRY(may_go_on_());
        auto block = read_order_block(source_, footer_, static_cast<std::size_t>(number));
        if (!block)
          return std::move(block).error();
        block_ = *std::move(block);
        block_number_ = number;
      }
      const std::uint64_t block_end = std::min(end, (number + 1) * order_rows_per_block);
      WEIR_TRY(add_of_block(begin % order_rows_per_block, block_end - number * order_rows_per_block, sure));
      begin = block_end;
    }
    return {};
  }

  /// Looks at the numbers of those that are not sure, and drops the ones that do not meet all of `conditions`.
  Status keep_those(std::span<const CoreCondition> conditions) {
    std::sort(unsure_.begin(), unsure_.end());
    if (!unsure_.empty() && unsure_.back() >= footer_.totals.event_count)
      return damaged();
    for (std::size_t first = 0; first < unsure_.size();) {
      const std::uint32_t zone = unsure_[first] / footer_.zone_rows;
      const auto behind = std::partition_point(unsure_.begin() + static_cast<std::ptrdiff_t>(first), unsure_.end(),
                                               [&](std::uint32_t row) { return row / footer_.zone_rows == zone; });
      const auto end = static_cast<std::size_t>(behind - unsure_.begin());
      WEIR_TRY(may_go_on_());
      for (const CoreCondition& condition : conditions)
        WEIR_TRY(keep_those_of_zone(zone, std::span(unsure_).subspan(first, end - first), condition));
      first = end;
    }
    return {};
  }

  /// By row.
  Result<std::vector<std::uint64_t>> finish() && {
    const std::uint64_t events = footer_.totals.event_count;
    std::uint64_t count = 0, beyond = 0; // as wide as they are stored, row numbers may be of rows that are not there
    for (std::size_t w = 0; w < rows_.size(); ++w) {
      count += static_cast<std::uint64_t>(std::popcount(rows_[w]));
      if ((w + 1) * 64 > events)
        beyond |= w * 64 >= events ? rows_[w] : rows_[w] >> events % 64;
    }
    if (beyond != 0 || count + dropped_ != added_) // or in the order twice
      return damaged();
    rows_.resize((events + 63) / 64);
    return std::move(rows_);
  }

private:
  Error damaged() const { return source_.damaged(order_is_wrong, footer_.order_offset); }

  Status add_of_block(std::uint64_t begin, std::uint64_t end, bool sure) {
    const std::string_view bytes = block_->text();
    const unsigned width = footer_.order_width();
    const std::uint64_t whole = begin / 8 * 8; // so many values end with a byte
    const auto numbers = std::span(numbers_).first(end - whole);
    unpack_values({bytes.data() + whole / 8 * width, bytes.data() + bytes.size(), width}, 0, numbers);
    const auto wanted = numbers.subspan(begin - whole);
    std::uint64_t* const words = rows_.data();
    for (const std::uint32_t row : wanted)
      words[row / 64] |= std::uint64_t{1} << row % 64;
    if (!sure)
      unsure_.insert(unsure_.end(), wanted.begin(), wanted.end());
    added_ += wanted.size();
    return {};
  }

  Status keep_those_of_zone(std::uint32_t zone, std::span<const std::uint32_t> rows, const CoreCondition& condition) {
    const auto numbers = read_numbers(source_, footer_, zone, condition.column);
    if (!numbers)
      return numbers.error();
    IntegerColumn::Cursor cursor((*numbers)->column);
    for (const std::uint32_t row : rows) {
      const std::uint64_t number = cursor.at(row % footer_.zone_rows);
      std::uint64_t& word = rows_[row / 64];
      const std::uint64_t bit = word & std::uint64_t{1} << row % 64;
      if (bit == 0 || fit(condition.ranges, number, number) == Fit::all)
        continue;
      word -= bit;
      ++dropped_;
    }
    return {};
  }

  const BlockSource& source_;
  const Footer& footer_;
  const MayGoOn& may_go_on_;
  std::vector<std::uint64_t> rows_; ///< A bit for every number that the order can hold.
  std::vector<std::uint32_t> unsure_;
  std::uint64_t added_ = 0, dropped_ = 0;
  BlockPtr block_;
  std::uint64_t block_number_ = 0;
  std::array<std::uint32_t, order_rows_per_block> numbers_;
};

bool is_number(ColumnBit column) noexcept {
  return column == column_position || column == column_timestamp || column == column_recorded_at;
}

} // namespace

void TimeIndexBuilder::Bounds::widen(bool first, const Bounds& other) noexcept {
  min = first ? other.min : std::min(min, other.min);
  max = first ? other.max : std::max(max, other.max);
}

void TimeIndexBuilder::Stretch::add(const Stretch& other) noexcept {
  if (other.rows == 0)
    return;
  timestamp.widen(rows == 0, other.timestamp);
  recorded_at.widen(rows == 0, other.recorded_at);
  rows += other.rows;
}

void TimeIndexBuilder::join_pairs(std::vector<Stretch>& stretches, std::uint64_t& first, unsigned& shift) {
  const std::uint64_t last = first + (stretches.size() - 1);
  std::vector<Stretch> joined(static_cast<std::size_t>(last / 2 - first / 2 + 1));
  for (std::size_t i = 0; i < stretches.size(); ++i)
    joined[static_cast<std::size_t>((first + i) / 2 - first / 2)].add(stretches[i]);
  stretches = std::move(joined);
  first /= 2;
  ++shift;
}

void TimeIndexBuilder::add(Position position, Timestamp timestamp, Timestamp recorded_at) {
  if (stretches_.empty()) {
    first_ = position;
    stretches_.resize(1);
  }
  std::uint64_t stretch = position >> shift_;
  while (std::max(stretch, first_ + (stretches_.size() - 1)) - std::min(stretch, first_) >= time_stretches_max) {
    join_pairs(stretches_, first_, shift_);
    stretch = position >> shift_;
  }
  if (stretch < first_) {
    stretches_.insert(stretches_.begin(), static_cast<std::size_t>(first_ - stretch), Stretch{});
    first_ = stretch;
  } else if (stretch - first_ >= stretches_.size()) {
    stretches_.resize(static_cast<std::size_t>(stretch - first_) + 1);
  }
  const auto micros = [](Timestamp time) { return static_cast<std::int64_t>(micros_of(time)); };
  const std::int64_t stored = micros(timestamp), recorded = micros(recorded_at);
  stretches_[static_cast<std::size_t>(stretch - first_)].add({1, {stored, stored}, {recorded, recorded}});
  ++rows_;
}

std::string TimeIndexBuilder::encode() const {
  if (rows_ < time_index_rows_min)
    return {};
  std::vector<Stretch> stretches = stretches_;
  std::uint64_t first = first_;
  unsigned shift = shift_;
  while (stretches.size() > rows_ / time_stretch_rows)
    join_pairs(stretches, first, shift);
  std::array<std::vector<std::uint64_t>, 5> columns;
  Stretch last;
  for (const Stretch& stretch : stretches) {
    if (stretch.rows != 0)
      last = stretch; // one without rows repeats its bounds, which costs no bits
    const auto word = [](std::int64_t value) { return static_cast<std::uint64_t>(value); };
    columns[0].push_back(stretch.rows);
    columns[1].push_back(word(last.timestamp.min));
    columns[2].push_back(word(last.timestamp.max) - word(last.timestamp.min));
    columns[3].push_back(word(last.recorded_at.min));
    columns[4].push_back(word(last.recorded_at.max) - word(last.recorded_at.min));
  }
  if (sabotaged(Sabotage::narrow_time_index))
    columns[2].front() = 0;
  std::string out;
  append_integer(out, static_cast<std::uint8_t>(shift));
  out.append(3, '\0');
  append_integer(out, static_cast<std::uint32_t>(stretches.size()));
  append_integer(out, first);
  for (const auto& column : columns)
    append_column(out, column);
  return out;
}

Result<std::optional<std::vector<std::uint64_t>>> select_by_time(const BlockSource& source, const Footer& footer,
                                                                 std::span<const CoreCondition> conditions,
                                                                 const MayGoOn& may_go_on) {
  const auto nothing = std::optional<std::vector<std::uint64_t>>();
  if (footer.time_index_block.offset == 0 || footer.order_blocks() == 0 || conditions.empty() ||
      !std::all_of(conditions.begin(), conditions.end(),
                   [](const CoreCondition& condition) { return is_number(condition.column); }))
    return nothing;
  const auto block = source.read(footer.time_index_block);
  if (!block)
    return block.error();
  TimeIndex index;
  if (!index.open((*block)->text(), footer.totals.event_count))
    return source.damaged("the time index contradicts itself or the footer", footer.time_index_block.offset);
  std::vector<Fit> fits;
  std::uint64_t selected = 0, unsure = 0;
  for (std::size_t stretch = 0; stretch < index.rows().size(); ++stretch) {
    Fit fit = Fit::all;
    for (const CoreCondition& condition : conditions)
      fit = std::min(fit, index.fit_of(stretch, condition));
    fits.push_back(fit);
    selected += fit == Fit::none ? 0 : index.rows()[stretch];
    unsure += fit == Fit::some ? index.rows()[stretch] : 0;
  }
  if (selected > footer.totals.event_count / selected_part || unsure > footer.totals.event_count / unsure_part)
    return nothing;
  Selection selection(source, footer, may_go_on);
  std::uint64_t begin = 0;
  for (std::size_t stretch = 0; stretch < fits.size(); ++stretch) {
    const std::uint64_t end = begin + index.rows()[stretch];
    if (fits[stretch] != Fit::none)
      WEIR_TRY(selection.add(begin, end, fits[stretch] == Fit::all));
    begin = end;
  }
  WEIR_TRY(selection.keep_those(conditions));
  auto rows = std::move(selection).finish();
  if (!rows)
    return std::move(rows).error();
  return std::optional(*std::move(rows));
}

} // namespace weir::segments
