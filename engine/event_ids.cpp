#include "engine/event_ids.hpp"

#include "engine/check.hpp"
#include "engine/condition.hpp"
#include "engine/content_hash.hpp"
#include "engine/event_codec.hpp"
#include "engine/sabotage.hpp"
#include "engine/text.hpp"
#include <weir/limits.hpp>

#include <algorithm>
#include <unordered_map>
#include <unordered_set>

namespace weir {

Result<std::vector<std::uint64_t>> hash_event_ids(std::string_view context_id, std::span<const Event> events,
                                                  std::uint64_t directory_seed) {
  std::vector<std::uint64_t> hashes;
  std::uint64_t context_hash = 0;
  for (const Event& event : events) {
    if (event.event_id.empty())
      continue;
    if (hashes.empty())
      context_hash = hash64(context_id, directory_seed);
    hashes.push_back(event_id_hash(context_hash, event.event_id));
  }
  if (hashes.size() < 2)
    return hashes;
  std::unordered_set<std::string_view> seen;
  for (std::size_t i = 0; i < events.size(); ++i)
    if (!events[i].event_id.empty() && !seen.insert(events[i].event_id).second)
      return fail(Errc::invalid_argument, format("two events of the call have the event_id {}", events[i].event_id),
                  format("event {}", i));
  return hashes;
}

namespace {

std::vector<IdQuestion::Asked> asked_events(std::string_view encoded) {
  auto call = CallReader::open_unnumbered(encoded);
  WEIR_CHECK(call.ok());
  std::vector<IdQuestion::Asked> asked;
  asked.reserve(call->header().events);
  std::string scratch;
  EventView event;
  for (;;) {
    const auto more = call->next(event);
    WEIR_CHECK(more.ok());
    if (!*more)
      return asked;
    asked.push_back({std::string(event.event_id), content_hash(event, scratch),
                     call->has_timestamp() ? std::optional(event.timestamp) : std::nullopt});
  }
}

} // namespace

IdQuestion id_question(const StoreCommand& command, std::uint64_t number) {
  IdQuestion question{{}, number, std::nullopt, command.looked_to};
  if (command.fail_if)
    question.fail_if = *command.fail_if;
  question.parts.reserve(1 + command.more.size());
  command.for_each_part([&](const std::string& context_id, std::string_view encoded, std::uint32_t events, auto&&) {
    question.parts.push_back({context_id, events == 0 ? std::vector<IdQuestion::Asked>{} : asked_events(encoded)});
  });
  return question;
}

Position ids_excluded_to(const SegmentList& segments, std::string_view context_id, std::span<const Event> events) {
  for (const auto& segment : segments)
    for (const Event& event : events)
      if (!event.event_id.empty() && !segment->excludes_event_id(context_id, event.event_id))
        return 0;
  return segments.empty() ? 0 : segments.back()->meta().position_max;
}

Position last_position(const ShardView& view) {
  for (auto memtable = view.memtables.rbegin(); memtable != view.memtables.rend(); ++memtable)
    if (memtable->rows() != 0)
      return memtable->row(memtable->rows() - 1).position;
  return view.segments->empty() ? 0 : view.segments->back()->meta().position_max;
}

namespace {

/// What was found of a part's ids, in the order of its events.
using Found = std::vector<FoundId>;

struct TextHash {
  std::size_t operator()(std::string_view text) const noexcept { return hash64(text, 0); }
};

/// Looks for the ids of `parts`, all of one context. Newest first: what is asked for is mostly a retry.
Result<std::vector<Found>> find_ids(const ShardView& view, std::string_view context_id,
                                    std::span<const IdQuestion::Part* const> parts) {
  std::vector<std::string_view> ids;
  std::unordered_map<std::string_view, std::size_t, TextHash> places; // in ids
  for (const IdQuestion::Part* part : parts)
    for (const IdQuestion::Asked& asked : part->events)
      if (!asked.event_id.empty() && places.emplace(asked.event_id, ids.size()).second)
        ids.emplace_back(asked.event_id);
  Found all(ids.size());
  const auto all_found = [&] {
    return std::all_of(all.begin(), all.end(), [](const FoundId& each) { return each.sequence != 0; });
  };
  for (std::size_t i = 0; i < ids.size(); ++i)
    for (auto memtable = view.memtables.rbegin(); memtable != view.memtables.rend() && all[i].sequence == 0; ++memtable)
      all[i].sequence = memtable->find_event_id(context_id, ids[i]);
  for (auto segment = view.segments->rbegin(); segment != view.segments->rend() && !all_found(); ++segment)
    WEIR_TRY((*segment)->find_event_ids(context_id, ids, all));
  std::vector<Found> found;
  found.reserve(parts.size());
  for (const IdQuestion::Part* part : parts) {
    Found& of_part = found.emplace_back(part->events.size());
    for (std::size_t i = 0; i < of_part.size(); ++i)
      if (!part->events[i].event_id.empty())
        of_part[i] = all[places.at(part->events[i].event_id)];
  }
  return found;
}

/// Some events from `first` on, at least one if there is one, at most `count`.
Result<EventBatch> read(const ShardView& view, std::string_view context_id, Sequence first, std::size_t count) {
  EventBatch batch;
  const auto more = read_context(view, context_id, {first, first + count - 1, false}, {count, 1 * MiB}, batch);
  return more ? Result<EventBatch>(std::move(batch)) : Result<EventBatch>(more.error());
}

bool same_event(const IdQuestion::Asked& asked, const EventView& stored, std::string& scratch) {
  return asked.event_id == stored.event_id && asked.content == content_hash(stored, scratch) &&
         (!asked.timestamp || *asked.timestamp == stored.timestamp);
}

/// The receipt of the part's first store, if what is stored is the part; nothing if it is something else.
Result<std::optional<Receipt>> first_receipt(const ShardView& view, const IdQuestion::Part& part, const Found& found) {
  using Answer = std::optional<Receipt>;
  const auto count = static_cast<std::uint32_t>(part.events.size());
  Sequence first = 0;
  bool known = true, same = true;
  for (std::size_t i = 0; i < part.events.size(); ++i) {
    const IdQuestion::Asked& asked = part.events[i];
    const FoundId& stored = found[i];
    known = known && stored.position != 0;
    if (asked.event_id.empty())
      continue;
    if (stored.sequence <= i || (first != 0 && stored.sequence != first + i))
      return Answer{};
    first = stored.sequence - i;
    same = same && asked.content == stored.content && (!asked.timestamp || *asked.timestamp == stored.timestamp) &&
           stored.position == found.front().position + i;
  }
  if (known)
    return same ? Answer{Receipt{first, found.front().position, count, Durability::buffered, true}} : Answer{};
  // Compared as they are read: what is stored there may be far larger than the call.
  Position position = 0;
  std::string scratch;
  for (std::size_t i = 0; i < part.events.size();) {
    const auto some = read(view, part.context_id, first + i, part.events.size() - i);
    if (!some)
      return some.error();
    if (some->empty())
      return Answer{};
    for (const EventView& stored : *some) {
      position = i == 0 ? stored.position : position;
      if (stored.position != position + i || !same_event(part.events[i], stored, scratch))
        return Answer{};
      ++i;
    }
  }
  return Answer{Receipt{first, position, count, Durability::buffered, true}};
}

/// What was found of each part's ids, in the order of the parts.
using FoundOfParts = std::vector<const Found*>;

/// The receipts of the call's first store, one for each part, if what is stored is the call; none if it is something
/// else: one call's events have positions one behind the other.
Result<std::vector<Receipt>> first_receipts(const ShardView& view, const IdQuestion& question,
                                            const FoundOfParts& found) {
  std::vector<Receipt> receipts;
  Position next = 0;
  for (std::size_t i = 0; i < question.parts.size(); ++i) {
    const IdQuestion::Part& part = question.parts[i];
    if (part.events.empty()) {
      const auto last = last_sequence(view, part.context_id);
      if (!last)
        return last.error();
      receipts.push_back({*last + 1, 0, 0, Durability::buffered, true});
      continue;
    }
    const auto receipt = first_receipt(view, part, *found[i]);
    if (!receipt)
      return receipt.error();
    if (!*receipt || (next != 0 && (*receipt)->position != next))
      return std::vector<Receipt>{};
    next = (*receipt)->last_position() + 1;
    receipts.push_back(**receipt);
  }
  return receipts;
}

/// A call's receipt, of those of its parts.
Receipt whole(const std::vector<Receipt>& receipts) {
  Receipt all = receipts.front();
  for (std::size_t i = 1; i < receipts.size(); ++i) {
    all.position = all.position == 0 ? receipts[i].position : all.position;
    all.events += receipts[i].events;
  }
  return all;
}

/// The conflict, with the receipt of each id that is taken; or why it cannot be told.
Error conflict(const ShardView& view, const IdQuestion& question, const FoundOfParts& found) {
  std::vector<Conflict> conflicts;
  std::size_t events = 0, without = 0;
  std::string names;
  for (std::size_t i = 0; i < question.parts.size(); ++i) {
    const IdQuestion::Part& part = question.parts[i];
    const auto current = last_sequence(view, part.context_id);
    if (!current)
      return current.error();
    events += part.events.size();
    for (std::size_t event = 0; event < part.events.size(); ++event) {
      const IdQuestion::Asked& asked = part.events[event];
      const Sequence sequence = (*found[i])[event].sequence;
      if (sequence == 0) {
        without += asked.event_id.empty() ? 0 : 1;
        continue;
      }
      const auto stored = read(view, part.context_id, sequence, 1);
      if (!stored)
        return stored.error();
      if (stored->empty())
        return fail(Errc::corruption, format("sequence {} of the context is missing", sequence), part.context_id);
      constexpr std::size_t named_max = 8;
      if (conflicts.size() < named_max)
        names += format("{}{} (sequence {})", names.empty() ? "" : ", ", asked.event_id, sequence);
      else if (conflicts.size() == named_max)
        names += ", ...";
      conflicts.push_back({part.context_id, asked.event_id, *current,
                           Receipt{sequence, (*stored)[0].position, 1, Durability::buffered, true}});
    }
  }
  const std::string_view what = events == 1    ? "another event has the event_id"
                                : without == 0 ? "stored before, but not as this call: event_id"
                                               : "only some events of the call were stored before: event_id";
  Error error = fail(Errc::event_id_conflict, format("{} {}", what, names), conflicts.front().context_id);
  error.conflicts = std::move(conflicts);
  return error;
}

IdAnswer judge(const ShardView& view, const IdQuestion& question, const FoundOfParts& found) {
  IdAnswer answer{question.number, {}, {}, 0};
  const bool some = std::any_of(found.begin(), found.end(), [](const Found* part) {
    return std::any_of(part->begin(), part->end(), [](const FoundId& each) { return each.sequence != 0; });
  });
  if (!some) {
    const bool asks = question.fail_if && !sabotaged(Sabotage::believe_conditions);
    auto match =
        asks ? first_match(view, *question.fail_if, question.looked_to) : Result<std::optional<Match>>(std::nullopt);
    if (!match)
      answer.verdict = std::move(match).error();
    else if (*match)
      answer.verdict = condition_failed(**match);
    return answer;
  }
  auto receipts = first_receipts(view, question, found);
  if (!receipts)
    answer.verdict = std::move(receipts).error();
  else if (receipts->empty())
    answer.verdict = conflict(view, question, found);
  else
    answer.verdict = whole(*receipts);
  if (receipts && question.parts.size() > 1)
    answer.receipts = *std::move(receipts);
  return answer;
}

} // namespace

std::vector<IdAnswer> answer_id_questions(const ShardView& view, std::span<const IdQuestion> questions) {
  struct InContext {
    std::vector<const IdQuestion::Part*> parts;
    Result<std::vector<Found>> found = std::vector<Found>();
    std::size_t next = 0; ///< Part, in the order of the questions.
  };
  std::unordered_map<std::string_view, InContext, TextHash> contexts;
  for (const IdQuestion& question : questions)
    for (const IdQuestion::Part& part : question.parts)
      contexts[part.context_id].parts.push_back(&part);
  for (auto& [context_id, in_context] : contexts)
    in_context.found = find_ids(view, context_id, in_context.parts);
  const Position checked_to = last_position(view);
  std::vector<IdAnswer> answers;
  answers.reserve(questions.size());
  FoundOfParts found;
  for (const IdQuestion& question : questions) {
    found.clear();
    const Error* failed = nullptr;
    for (const IdQuestion::Part& part : question.parts) {
      InContext& in_context = contexts.find(part.context_id)->second;
      if (!in_context.found)
        failed = failed == nullptr ? &in_context.found.error() : failed;
      else
        found.push_back(&(*in_context.found)[in_context.next++]);
    }
    answers.push_back(failed != nullptr ? IdAnswer{question.number, Result<Receipt>(*failed), {}, 0}
                                        : judge(view, question, found));
    answers.back().checked_to = checked_to;
  }
  return answers;
}

} // namespace weir
