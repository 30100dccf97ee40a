#include "engine/query/sequence_matching.hpp"

#include "engine/check.hpp"
#include "engine/query/leftovers.hpp"
#include "engine/query/sequence_join.hpp"
#include "engine/query/sequence_match.hpp"
#include "engine/text.hpp"

#include <limits>
#include <utility>

namespace weir::query {
namespace {

/// SequenceDetail::values of a joined event has no more bits for them.
constexpr std::uint64_t values_bytes_max = std::uint64_t{1} << (SequenceJoin::place_bits - 1);

} // namespace

/// The values of the match that is being looked at, by slots of CompiledSequence::match.
class SequenceMatching::MatchRow final : public SequenceConditions {
public:
  MatchRow(const CompiledSequence& query, const std::vector<SequencePart>& parts, Pacer& pacer)
      : query_(query), parts_(parts), row_(query.match->fields.size(), ValueView::absent()), scratch_(pacer) {}

  [[nodiscard]] bool any_at(std::size_t step) const noexcept override { return query_.steps[step].joint.has_value(); }
  void bind(std::size_t step, const SequenceEvent& event, const SequenceDetail& detail) override {
    take(step, event, detail, query_.kept_judged);
  }
  bool hold_at(std::size_t step) override { return query_.steps[step].joint->evaluate(row_, scratch_).is_true(); }
  void append_inputs(std::size_t step, std::string& out) const override {
    for (const std::size_t slot : query_.steps[step].inputs)
      pack(out, row_[slot]);
  }

  /// Whether judging came to its end.
  [[nodiscard]] Status going() { return scratch_.watch().going(); }
  /// All values of a match.
  RowValues of(std::span<const SequenceEvent> events, std::span<const SequenceDetail> details,
               std::span<const std::uint32_t> match) {
    for (std::size_t step = 0; step < match.size(); ++step) {
      const SequenceEvent& event = events[match[step]];
      take(step, event, detail_of(details, event), query_.kept.size());
    }
    return row_;
  }

private:
  /// The first `count` of the kept values.
  void take(std::size_t step, const SequenceEvent& event, const SequenceDetail& detail, std::size_t count) {
    if (count == 0)
      return;
    const char* at = nullptr;
    if (query_.keeps_values)
      at = parts_[SequenceJoin::part_of(detail.values)].values.at(SequenceJoin::place_of(detail.values));
    for (std::size_t i = 0; i < count; ++i) {
      const CompiledSequence::Kept& kept = query_.kept[i];
      if ((kept.steps & event.steps) == 0)
        continue;
      const ValueView value = kept.is_position ? ValueView::of(event.position) : unpack(at);
      if (kept.slots[step] != CompiledSequence::Kept::no_slot)
        row_[kept.slots[step]] = value;
    }
  }

  const CompiledSequence& query_;
  const std::vector<SequencePart>& parts_;
  std::vector<ValueView> row_;
  Scratch scratch_;
};

SequenceMatching::SequenceMatching(const CompiledSequence& query, std::vector<SequencePart> parts,
                                   const QueryControl& control)
    : query_(query), parts_(std::move(parts)), control_(control) {
  for (const SequencePart& part : parts_) {
    WEIR_CHECK(part.values.bytes() < values_bytes_max);
    taken_bytes_ += bytes_of(part);
    for (const SequencePart::Bin& bin : part.bins)
      events_ += bin.candidates.size();
  }
  if (events_ > std::numeric_limits<std::uint32_t>::max())
    status_ = fail(Errc::too_large, format("{} events may take part in the sequence, at most {} can", events_,
                                           std::numeric_limits<std::uint32_t>::max()));
  if (!status_ || parts_.empty())
    next_bin_ = SequencePart::bin_count;
}

SequenceMatching::~SequenceMatching() {
  if (control_.leftovers != nullptr)
    control_.leftovers->add(std::move(parts_));
}

void SequenceMatching::work() {
  const std::size_t first_bin = next_bin();
  if (first_bin >= SequencePart::bin_count)
    return;
  Collector collector(*query_.match, control_);
  std::uint64_t taken_bytes = 0;
  Status matched = match_bins(first_bin, collector, taken_bytes);
  ShardRows rows = std::move(collector).finish();
  const std::lock_guard lock(mutex_);
  ++threads_;
  taken_bytes_ += taken_bytes;
  rows_.push_back(std::move(rows));
  if (matched)
    return;
  next_bin_ = SequencePart::bin_count;
  if (status_)
    status_ = std::move(matched);
}

Status SequenceMatching::match_bins(std::size_t bin, Collector& collector, std::uint64_t& taken_bytes) {
  Pacer pacer(control_);
  SequenceJoin joined(collector.budget(), control_.result_bytes_max, pacer);
  MatchRow row(query_, parts_, pacer);
  SequenceMatcher matcher(query_.steps.size(), query_.within_us, row, pacer);
  std::uint64_t matches = 0;
  std::span<SequenceEvent> looked_at;
  const bool counts_only = query_.match->counts_only();
  const SequenceMatcher::Found found = [&](std::span<const std::uint32_t> match) -> Status {
    ++matches;
    const Position position = looked_at[match.front()].position;
    if (counts_only || !collector.wants(position))
      return {};
    return collector.add(position, row.of(looked_at, joined.details(), match));
  };
  for (; bin < SequencePart::bin_count; bin = next_bin()) {
    WEIR_TRY(joined.join(parts_, bin));
    for (std::size_t link = 0; link < joined.links(); ++link) {
      WEIR_TRY(pacer.spend(1));
      looked_at = joined.of_link(link);
      if (looked_at.size() < query_.steps.size())
        continue;
      WEIR_TRY(joined.sort(looked_at));
      WEIR_TRY(matcher.match(looked_at, joined.details(), found));
      WEIR_TRY(row.going());
    }
  }
  taken_bytes = joined.bytes();
  return counts_only ? collector.add_count(matches) : Status();
}

Result<std::vector<ShardRows>> SequenceMatching::rows() && {
  if (!status_) {
    if (control_.leftovers != nullptr)
      control_.leftovers->add(std::move(rows_));
    return status_.error();
  }
  ResultBudget(control_).give_back(taken_bytes_);
  return std::move(rows_);
}

} // namespace weir::query
