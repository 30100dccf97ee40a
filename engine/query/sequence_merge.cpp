#include "engine/query/sequence_merge.hpp"

#include "engine/check.hpp"
#include "engine/query/executor.hpp"
#include "engine/query/leftovers.hpp"
#include "engine/query/sequence_join.hpp"
#include "engine/query/sequence_match.hpp"
#include "engine/text.hpp"

#include <limits>
#include <utility>

namespace weir::query {
namespace {

/// SequenceEvent::values of a joined event has no more bits for them.
constexpr std::uint64_t values_bytes_max = std::uint64_t{1} << (SequenceJoin::place_bits - 1);

/// The values of the match that is being looked at, by slots of CompiledSequence::match.
class MatchRow final : public SequenceConditions {
public:
  MatchRow(const CompiledSequence& query, const std::vector<SequencePart>& parts, Pacer& pacer)
      : query_(query), parts_(parts), row_(query.match->fields.size(), ValueView::absent()), scratch_(pacer) {}

  [[nodiscard]] bool any_at(std::size_t step) const noexcept override { return query_.steps[step].joint.has_value(); }
  void bind(std::size_t step, const SequenceEvent& event) override { take(step, event, query_.kept_judged); }
  bool hold_at(std::size_t step) override { return query_.steps[step].joint->evaluate(row_, scratch_).is_true(); }
  void append_inputs(std::size_t step, std::string& out) const override {
    for (const std::size_t slot : query_.steps[step].inputs)
      pack(out, row_[slot]);
  }

  /// Whether judging came to its end.
  [[nodiscard]] Status going() { return scratch_.watch().going(); }
  /// All values of a match.
  RowValues of(std::span<const SequenceEvent> events, std::span<const std::uint32_t> match) {
    for (std::size_t step = 0; step < match.size(); ++step)
      take(step, events[match[step]], query_.kept.size());
    return row_;
  }

private:
  /// The first `count` of the kept values.
  void take(std::size_t step, const SequenceEvent& event, std::size_t count) {
    if (count == 0)
      return;
    const char* at = nullptr;
    if (query_.keeps_values)
      at = parts_[SequenceJoin::part_of(event.values)].values.at(SequenceJoin::place_of(event.values));
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

} // namespace

Result<ShardRows> match_sequences(const CompiledSequence& query, std::vector<SequencePart> parts,
                                  const QueryControl& control) {
  std::uint64_t values_bytes = 0;
  std::uint64_t events = 0;
  for (const SequencePart& part : parts) {
    WEIR_CHECK(part.values.bytes() < values_bytes_max);
    values_bytes += part.values.bytes();
    for (const SequencePart::Bin& bin : part.bins)
      events += bin.candidates.size();
  }
  if (events > std::numeric_limits<std::uint32_t>::max())
    return fail(Errc::too_large, format("{} events may take part in the sequence, at most {} can", events,
                                        std::numeric_limits<std::uint32_t>::max()));
  const HandOver rest_of_parts(parts, control.leftovers);
  Collector collector(*query.match, control);
  Pacer pacer(control);
  SequenceJoin joined(collector.budget(), control.result_bytes_max, pacer);
  MatchRow row(query, parts, pacer);
  SequenceMatcher matcher(query.steps.size(), query.within_us, row, pacer);
  std::uint64_t matches = 0;
  std::span<const SequenceEvent> looked_at;
  const bool counts_only = query.match->counts_only();
  const SequenceMatcher::Found found = [&](std::span<const std::uint32_t> match) -> Status {
    ++matches;
    const Position position = looked_at[match.front()].position;
    if (counts_only || !collector.wants(position))
      return {};
    return collector.add(position, row.of(looked_at, match));
  };
  for (std::size_t bin = 0; !parts.empty() && bin < parts.front().bins.size(); ++bin) {
    WEIR_TRY(joined.join(parts, bin));
    for (std::size_t link = 0; link < joined.links(); ++link) {
      WEIR_TRY(pacer.spend(1));
      std::span<SequenceEvent> events_of_link = joined.of_link(link);
      if (events_of_link.size() < query.steps.size())
        continue;
      WEIR_TRY(joined.sort(events_of_link));
      looked_at = events_of_link;
      WEIR_TRY(matcher.match(looked_at, found));
      WEIR_TRY(row.going());
    }
  }
  if (counts_only)
    WEIR_TRY(collector.add_count(matches));
  collector.budget().give_back(values_bytes);
  return std::move(collector).finish();
}

Result<QueryResult> merge_sequence(const CompiledSequence& query, std::vector<ShardRows> parts,
                                   std::span<const ShardView> views, const QueryControl& control) {
  std::vector<SequencePart> candidates;
  QueryStats stats;
  for (ShardRows& part : parts) {
    stats.add(part.stats);
    candidates.push_back(std::move(part.candidates));
  }
  auto matches = match_sequences(query, std::move(candidates), control);
  if (!matches)
    return std::move(matches).error();
  matches->stats = stats;
  std::vector<ShardRows> all;
  all.push_back(*std::move(matches));
  auto result = merge(*query.match, std::move(all), control);
  if (!result)
    return result;
  if (auto fetched = fetch_documents(query, views, control, result->rows); !fetched) {
    if (control.leftovers != nullptr)
      control.leftovers->add(std::move(result->rows));
    return std::move(fetched).error();
  }
  return result;
}

} // namespace weir::query
