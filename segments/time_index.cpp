#include "segments/time_index.hpp"

#include "engine/count_bits.hpp"
#include "engine/sabotage.hpp"
#include "segments/bit_pack.hpp"
#include "segments/bit_rank.hpp"
#include "segments/bytes.hpp"
#include "segments/integer_column.hpp"
#include "segments/position_order.hpp"
#include "segments/unpack.hpp"

#include <algorithm>
#include <array>
#include <limits>
#include <memory>
#include <numeric>
#include <utility>

namespace weir::segments {
namespace {

/// Setting the bits of single rows pays as long as it is one row in so many: selected ones, and those left out, which
/// save less. And as long as fewer of them have to be looked at all the same.
constexpr std::uint64_t selected_part = 3, left_out_part = 6, unsure_part = 8;

/// Stretches that are looked at together first: mostly all of them meet the conditions, or none.
constexpr std::size_t flight_stretches = 64;

/// Stretches times ranges looked at before the next question whether to go on: there may be thousands of each.
constexpr std::size_t looks_between_questions = 8'192;

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
  /// Cached by `source`.
  static Result<std::shared_ptr<const TimeIndex>> read(const BlockSource& source, const Footer& footer);

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
    for (Bounds* bounds : {&timestamps_, &recorded_at_}) {
      for (std::size_t i = 0; i < stretches; ++i)
        bounds->high[i] += bounds->low[i];
      bounds->gather();
    }
    std::uint64_t left = rows;
    for (const std::uint64_t count : rows_) {
      if (count > left)
        return false;
      left -= count;
    }
    for (std::size_t i = 0; i < stretches; i += flight_stretches) {
      const auto flight = std::span(rows_).subspan(i, std::min(flight_stretches, stretches - i));
      flight_rows_.push_back(std::accumulate(flight.begin(), flight.end(), std::uint64_t{0}));
    }
    return left == 0 && source.left() == 0;
  }

  [[nodiscard]] std::span<const std::uint64_t> rows() const noexcept { return rows_; }
  /// Of `flight_stretches` each.
  [[nodiscard]] std::span<const std::uint64_t> flight_rows() const noexcept { return flight_rows_; }
  [[nodiscard]] std::uint64_t memory_bytes() const noexcept {
    return sizeof *this + 5 * (rows_.size() + flight_rows_.size()) * sizeof rows_[0];
  }

  /// What all stretches of a flight are; `some` where they may differ.
  [[nodiscard]] Fit fit_of_flight(std::size_t flight, const CoreCondition& condition) const noexcept {
    const auto fit_by = [&](const Bounds& bounds) {
      return fit(condition.ranges, bounds.flight_low[flight], bounds.flight_high[flight]);
    };
    switch (condition.column) {
    case column_timestamp: return fit_by(timestamps_);
    case column_recorded_at: return fit_by(recorded_at_);
    case column_position: {
      const std::size_t first = flight * flight_stretches;
      const std::size_t last = std::min(first + flight_stretches, rows_.size()) - 1;
      return fit(condition.ranges, first_position(first), last_position(last));
    }
    default: return Fit::all; // none of ours
    }
  }

  [[nodiscard]] Fit fit_of(std::size_t stretch, const CoreCondition& condition) const noexcept {
    switch (condition.column) {
    case column_timestamp: return fit(condition.ranges, timestamps_.low[stretch], timestamps_.high[stretch]);
    case column_recorded_at: return fit(condition.ranges, recorded_at_.low[stretch], recorded_at_.high[stretch]);
    case column_position: return fit(condition.ranges, first_position(stretch), last_position(stretch));
    default: return Fit::all; // none of ours
    }
  }

private:
  struct Bounds {
    std::vector<std::uint64_t> low, high;               ///< By stretch.
    std::vector<std::uint64_t> flight_low, flight_high; ///< By flight; turned if those of one of its stretches are.
    void gather() {
      for (std::size_t i = 0; i < low.size(); ++i) {
        if (i % flight_stretches == 0) {
          flight_low.push_back(low[i]);
          flight_high.push_back(high[i]);
        }
        std::uint64_t &least = flight_low.back(), &most = flight_high.back();
        const bool turned = least > most || low[i] > high[i];
        least = turned ? 1 : std::min(least, low[i]);
        most = turned ? 0 : std::max(most, high[i]);
      }
    }
  };
  [[nodiscard]] std::uint64_t first_position(std::size_t stretch) const noexcept {
    return (first_ + stretch) << shift_;
  }
  [[nodiscard]] std::uint64_t last_position(std::size_t stretch) const noexcept {
    return first_position(stretch) + ((std::uint64_t{1} << shift_) - 1);
  }

  unsigned shift_ = 0;
  std::uint64_t first_ = 0;
  std::vector<std::uint64_t> rows_, flight_rows_;
  Bounds timestamps_, recorded_at_;
};

/// In the cache.
class CachedIndex final : public Block {
public:
  explicit CachedIndex(TimeIndex index) : Block(Charge{index.memory_bytes()}), index_(std::move(index)) {}
  [[nodiscard]] const TimeIndex& index() const noexcept { return index_; }

private:
  TimeIndex index_;
};

Result<std::shared_ptr<const TimeIndex>> TimeIndex::read(const BlockSource& source, const Footer& footer) {
  const BlockRef& ref = footer.time_index_block;
  const std::uint64_t place = ref.offset + 1; // within the block, so nothing else is derived from there
  auto known = source.find_derived(place);
  if (!known) {
    const auto block = source.read(ref);
    if (!block)
      return block.error();
    TimeIndex index;
    if (!index.open((*block)->text(), footer.totals.event_count))
      return source.damaged("the time index contradicts itself or the footer", ref.offset);
    known = source.keep_derived(place, std::make_shared<const CachedIndex>(std::move(index)));
  }
  const TimeIndex& index = static_cast<const CachedIndex&>(*known).index();
  return std::shared_ptr<const TimeIndex>(std::move(known), &index);
}

struct Judged {
  std::vector<Fit> fits;                  ///< By stretch.
  std::uint64_t selected = 0, unsure = 0; ///< Rows; what is unsure is selected.
};

/// Errors: what `may_go_on` says.
Result<Judged> judge(const TimeIndex& index, std::span<const CoreCondition> conditions, const MayGoOn& may_go_on) {
  const auto rows_of = index.rows();
  Judged judged{std::vector<Fit>(rows_of.size(), Fit::all)};
  std::size_t ranges = 0;
  for (const CoreCondition& condition : conditions)
    ranges += condition.ranges.size();
  std::size_t looks = looks_between_questions;
  for (std::size_t flight = 0; flight < index.flight_rows().size(); ++flight) {
    if (looks >= looks_between_questions) {
      WEIR_TRY(may_go_on());
      looks = 0;
    }
    const std::size_t first = flight * flight_stretches;
    const auto here = std::span(judged.fits).subspan(first, std::min(flight_stretches, judged.fits.size() - first));
    Fit together = Fit::all;
    for (const CoreCondition& condition : conditions)
      together = std::min(together, index.fit_of_flight(flight, condition));
    looks += ranges;
    if (together != Fit::some) {
      std::ranges::fill(here, together);
      judged.selected += together == Fit::all ? index.flight_rows()[flight] : 0;
      continue;
    }
    looks += ranges * here.size();
    for (std::size_t i = 0; i < here.size(); ++i) {
      for (const CoreCondition& condition : conditions)
        here[i] = std::min(here[i], index.fit_of(first + i, condition));
      judged.selected += here[i] == Fit::none ? 0 : rows_of[first + i];
      judged.unsure += here[i] == Fit::some ? rows_of[first + i] : 0;
    }
  }
  return judged;
}

/// A set of rows, found by their places in the position order.
class Selection {
public:
  Selection(const BlockSource& source, const Footer& footer, const MayGoOn& may_go_on)
      : source_(source), footer_(footer), may_go_on_(may_go_on),
        rows_(std::max<std::uint64_t>(64, std::uint64_t{1} << footer.order_width()) / 64) {}

  /// Adds the rows at places `begin` to before `end`; not `sure`: to those that are not, too.
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
      add_of_block(begin % order_rows_per_block, block_end - number * order_rows_per_block, sure);
      begin = block_end;
    }
    return {};
  }

  /// The rows that were added, or `all_but` those that were added as sure.
  Result<SelectedRows> finish(bool all_but) && {
    const std::uint64_t events = footer_.totals.event_count;
    std::uint64_t beyond = 0; // as wide as they are stored, row numbers may be of rows that are not there
    for (std::size_t w = events / 64; w < rows_.size(); ++w)
      beyond |= w * 64 >= events ? rows_[w] : rows_[w] >> events % 64;
    if (beyond != 0 || count_bits(rows_) != added_) // or in the order twice
      return source_.damaged(order_is_wrong, footer_.order_offset);
    rows_.resize((events + 63) / 64);
    if (!unsure_.empty())
      unsure_.resize(rows_.size());
    if (all_but) {
      for (std::size_t w = 0; w < rows_.size(); ++w)
        rows_[w] = ~rows_[w] | (unsure_.empty() ? 0 : unsure_[w]);
      if (events % 64 != 0)
        rows_.back() &= ~(~std::uint64_t{0} << events % 64);
    }
    return SelectedRows{std::move(rows_), std::move(unsure_)};
  }

private:
  void add_of_block(std::uint64_t begin, std::uint64_t end, bool sure) {
    const std::string_view bytes = block_->text();
    const unsigned width = footer_.order_width();
    const std::uint64_t whole = begin / 8 * 8; // so many values end with a byte
    const auto numbers = std::span(numbers_).first(end - whole);
    unpack_values({bytes.data() + whole / 8 * width, bytes.data() + bytes.size(), width}, 0, numbers);
    const auto wanted = numbers.subspan(begin - whole);
    set_bits(wanted, rows_);
    if (!sure) {
      unsure_.resize(rows_.size());
      set_bits(wanted, unsure_);
    }
    added_ += wanted.size();
  }

  const BlockSource& source_;
  const Footer& footer_;
  const MayGoOn& may_go_on_;
  std::vector<std::uint64_t> rows_, unsure_; ///< A bit for every number that the order can hold.
  std::uint64_t added_ = 0;
  BlockPtr block_;
  std::uint64_t block_number_ = 0;
  std::array<std::uint32_t, order_rows_per_block> numbers_;
};

bool is_number(ColumnBit column) noexcept {
  return column == column_position || column == column_timestamp || column == column_recorded_at;
}

} // namespace

inline void TimeIndexBuilder::Bounds::widen(bool first, const Bounds& other) noexcept {
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
  Stretch& in = stretches_.data()[static_cast<std::size_t>(stretch - first_)];
  const bool first = in.rows++ == 0;
  in.timestamp.widen(first, {stored, stored});
  in.recorded_at.widen(first, {recorded, recorded});
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

Result<std::optional<SelectedRows>> select_by_time(const BlockSource& source, const Footer& footer,
                                                   std::span<const CoreCondition> conditions,
                                                   const MayGoOn& may_go_on) {
  const auto nothing = std::optional<SelectedRows>();
  if (footer.time_index_block.offset == 0 || footer.order_blocks() == 0 || conditions.empty() ||
      !std::all_of(conditions.begin(), conditions.end(),
                   [](const CoreCondition& condition) { return is_number(condition.column); }))
    return nothing;
  const auto index = TimeIndex::read(source, footer);
  if (!index)
    return index.error();
  const auto judged = judge(**index, conditions, may_go_on);
  if (!judged)
    return judged.error();
  const auto& [fits, selected, unsure] = *judged;
  const auto rows_of = (*index)->rows();
  const std::uint64_t events = footer.totals.event_count, left_out = events - selected;
  const bool all_but = left_out <= events / left_out_part;
  if ((!all_but && selected > events / selected_part) || unsure > events / unsure_part)
    return nothing;
  const Fit sure = all_but ? Fit::none : Fit::all;
  Selection selection(source, footer, may_go_on);
  std::uint64_t begin = 0;
  for (std::size_t stretch = 0; stretch < fits.size();) { // those of one fit together
    const Fit fit = fits[stretch];
    std::uint64_t end = begin;
    for (; stretch < fits.size() && fits[stretch] == fit; ++stretch)
      end += rows_of[stretch];
    if (fit == sure || fit == Fit::some)
      WEIR_TRY(selection.add(begin, end, fit == sure));
    begin = end;
  }
  auto rows = std::move(selection).finish(all_but);
  if (!rows)
    return std::move(rows).error();
  return std::optional(*std::move(rows));
}

} // namespace weir::segments
