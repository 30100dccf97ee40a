#include "engine/query/sequence_merge.hpp"

#include "engine/check.hpp"
#include "engine/hash.hpp"
#include "engine/query/executor.hpp"
#include "engine/query/leftovers.hpp"
#include "engine/query/order.hpp"
#include "engine/query/sequence_match.hpp"
#include "engine/query/split_table.hpp"
#include "engine/text.hpp"

#include <algorithm>
#include <limits>
#include <string_view>
#include <unordered_map>
#include <utility>

namespace weir::query {
namespace {

// SequenceEvent::values of a joined event: the part above, the place in its values below.
constexpr unsigned place_bits = 40;
constexpr std::uint64_t place_mask = (std::uint64_t{1} << place_bits) - 1;
constexpr std::uint64_t values_bytes_max = std::uint64_t{1} << (place_bits - 1);

bool by_position(const SequenceEvent& a, const SequenceEvent& b) noexcept {
  return a.position < b.position;
}

Status sort_by_position(std::span<SequenceEvent> events, Pacer& pacer) {
  if (std::is_sorted(events.begin(), events.end(), by_position)) // all of one part, as a rule
    return {};
  return sort_paced(events, by_position, pacer);
}

/// The events of all parts, those of a link value side by side.
class JoinedEvents {
public:
  /// Moves events out of `parts`; their packed values stay there.
  Status join(std::vector<SequencePart>& parts, Pacer& pacer) {
    WEIR_TRY(number_links(parts, pacer));
    std::vector<std::uint64_t> next(ends_.size() + 1);
    for (std::size_t part = 0; part < parts.size(); ++part) {
      for (const SequenceEvent& event : parts[part].events) {
        WEIR_TRY(pacer.spend(1));
        ++next[links_[part][event.link] + 1];
      }
    }
    WEIR_TRY(pacer.spend(ends_.size() / 16));
    for (std::size_t link = 0; link < ends_.size(); ++link)
      ends_[link] = next[link + 1] += next[link];
    const std::size_t size = ends_.empty() ? 0 : ends_.back();
    events_.reserve(size);
    while (events_.size() < size) { // memory of this size is touched for the first time
      WEIR_TRY(pacer.spend(made_at_once / 16));
      events_.resize(std::min(size, events_.size() + made_at_once));
    }
    for (std::size_t part = 0; part < parts.size(); ++part) {
      for (auto& left = parts[part].events; !left.empty(); left.pop_front()) {
        WEIR_TRY(pacer.spend(1));
        SequenceEvent& joined = events_[next[links_[part][left.front().link]]++];
        joined = left.front();
        joined.values |= std::uint64_t{part} << place_bits;
      }
    }
    return {};
  }

  [[nodiscard]] std::size_t links() const noexcept { return ends_.size(); }
  [[nodiscard]] std::span<SequenceEvent> of_link(std::size_t link) {
    const std::uint64_t begin = link == 0 ? 0 : ends_[link - 1];
    return std::span(events_).subspan(begin, ends_[link] - begin);
  }

private:
  /// Numbers a link value the same in all parts.
  Status number_links(const std::vector<SequencePart>& parts, Pacer& pacer) {
    using Numbers = std::unordered_map<std::string_view, std::uint32_t, LinkHash>;
    SplitTable<Numbers, LinkHash> numbers;
    const HandOver rest(numbers, pacer.leftovers());
    std::uint32_t links = 0;
    links_.resize(parts.size());
    for (std::size_t part = 0; part < parts.size(); ++part) {
      links_[part].reserve(parts[part].links.size());
      for (const std::string& link : parts[part].links) {
        WEIR_TRY(pacer.spend(1));
        numbers.make_room();
        const auto [entry, added] = numbers.part_of(std::string_view(link)).try_emplace(link, links);
        links += added ? 1 : 0;
        links_[part].push_back(entry->second);
      }
    }
    ends_.resize(links);
    return {};
  }

  struct LinkHash {
    std::uint64_t operator()(std::string_view link) const noexcept { return hash64(link, 0); }
  };

  static constexpr std::size_t made_at_once = 16'384;

  std::vector<std::vector<std::uint32_t>> links_; ///< By part, then by the part's number of the link.
  std::vector<std::uint64_t> ends_;               ///< By link.
  std::vector<SequenceEvent> events_;
};

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
    const char* at = parts_[event.values >> place_bits].values.at(event.values & place_mask);
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
  std::uint64_t parts_bytes = 0;
  std::uint64_t events = 0;
  for (const SequencePart& part : parts) {
    WEIR_CHECK(part.values.bytes() < values_bytes_max);
    parts_bytes += bytes_of(part);
    events += part.events.size();
  }
  if (events > std::numeric_limits<std::uint32_t>::max())
    return fail(Errc::too_large, format("{} events may take part in the sequence, at most {} can", events,
                                        std::numeric_limits<std::uint32_t>::max()));
  const HandOver rest_of_parts(parts, control.leftovers);
  Collector collector(*query.match, control);
  Pacer pacer(control);
  const std::uint64_t joined_bytes = events * sizeof(SequenceEvent);
  WEIR_TRY(take_for_sequence(collector.budget(), joined_bytes, control.result_bytes_max));
  JoinedEvents joined;
  WEIR_TRY(joined.join(parts, pacer));
  MatchRow row(query, parts, pacer);
  SequenceMatcher matcher(query.steps.size(), query.within_us, row, pacer);
  std::uint64_t matches = 0;
  std::span<SequenceEvent> looked_at;
  const bool counts_only = query.match->counts_only();
  const SequenceMatcher::Found found = [&](std::span<const std::uint32_t> match) -> Status {
    ++matches;
    const Position position = looked_at[match.front()].position;
    if (counts_only || !collector.wants(position))
      return {};
    return collector.add(position, row.of(looked_at, match));
  };
  for (std::size_t link = 0; link < joined.links(); ++link) {
    WEIR_TRY(pacer.spend(1));
    looked_at = joined.of_link(link);
    if (looked_at.size() < query.steps.size())
      continue;
    WEIR_TRY(sort_by_position(looked_at, pacer));
    WEIR_TRY(matcher.match(looked_at, found));
    WEIR_TRY(row.going());
  }
  if (counts_only)
    WEIR_TRY(collector.add_count(matches));
  collector.budget().give_back(parts_bytes + joined_bytes);
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
