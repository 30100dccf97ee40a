#include "engine/event_ids.hpp"

#include "engine/check.hpp"
#include "engine/content_hash.hpp"
#include "engine/event_codec.hpp"
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

IdQuestion id_question(std::string_view encoded, std::uint64_t number) {
  auto call = CallReader::open_unnumbered(encoded);
  WEIR_CHECK(call.ok());
  IdQuestion question{std::string(call->header().context_id), {}, number};
  question.events.reserve(call->header().events);
  std::string scratch;
  EventView event;
  for (;;) {
    const auto more = call->next(event);
    WEIR_CHECK(more.ok());
    if (!*more)
      return question;
    question.events.push_back({std::string(event.event_id), content_hash(event, scratch),
                               call->has_timestamp() ? std::optional(event.timestamp) : std::nullopt});
  }
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

using Found = std::unordered_map<std::string_view, Sequence>;

/// Where the ids of these questions, all of one context, are. Newest first: what is asked for is mostly a retry.
Result<Found> find_ids(const ShardView& view, std::span<const IdQuestion* const> questions) {
  const std::string& context_id = questions.front()->context_id;
  std::vector<std::string_view> ids;
  std::unordered_set<std::string_view> seen;
  for (const IdQuestion* question : questions)
    for (const IdQuestion::Asked& asked : question->events)
      if (!asked.event_id.empty() && seen.insert(asked.event_id).second)
        ids.emplace_back(asked.event_id);
  std::vector<Sequence> sequences(ids.size(), 0);
  const auto all_found = [&] { return std::find(sequences.begin(), sequences.end(), 0) == sequences.end(); };
  for (std::size_t i = 0; i < ids.size(); ++i)
    for (auto memtable = view.memtables.rbegin(); memtable != view.memtables.rend() && sequences[i] == 0; ++memtable)
      sequences[i] = memtable->find_event_id(context_id, ids[i]);
  for (auto segment = view.segments->rbegin(); segment != view.segments->rend() && !all_found(); ++segment)
    WEIR_TRY((*segment)->find_event_ids(context_id, ids, sequences));
  Found found;
  for (std::size_t i = 0; i < ids.size(); ++i)
    if (sequences[i] != 0)
      found.emplace(ids[i], sequences[i]);
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

/// The receipt of the call's first store, if what is stored is the call; nothing if it is something else.
Result<std::optional<Receipt>> first_receipt(const ShardView& view, const IdQuestion& question, const Found& found) {
  using Answer = std::optional<Receipt>;
  Sequence first = 0;
  for (std::size_t i = 0; i < question.events.size(); ++i) {
    if (question.events[i].event_id.empty())
      continue;
    const auto at = found.find(question.events[i].event_id);
    if (at == found.end() || at->second <= i || (first != 0 && at->second != first + i))
      return Answer{};
    first = at->second - i;
  }
  // Compared as they are read: what is stored there may be far larger than the call.
  Position position = 0;
  std::string scratch;
  for (std::size_t i = 0; i < question.events.size();) {
    const auto some = read(view, question.context_id, first + i, question.events.size() - i);
    if (!some)
      return some.error();
    if (some->empty())
      return Answer{};
    for (const EventView& stored : *some) {
      position = i == 0 ? stored.position : position;
      if (stored.position != position + i || !same_event(question.events[i], stored, scratch))
        return Answer{};
      ++i;
    }
  }
  return Answer{
      Receipt{first, position, static_cast<std::uint32_t>(question.events.size()), Durability::buffered, true}};
}

/// The conflict, with the receipt of each id that is taken; or why it cannot be told.
Error conflict(const ShardView& view, const IdQuestion& question, const Found& found) {
  const auto current = last_sequence(view, question.context_id);
  if (!current)
    return current.error();
  std::vector<Conflict> conflicts;
  std::size_t without = 0;
  std::string names;
  for (const IdQuestion::Asked& asked : question.events) {
    const auto at = asked.event_id.empty() ? found.end() : found.find(asked.event_id);
    if (at == found.end()) {
      without += asked.event_id.empty() ? 0 : 1;
      continue;
    }
    const auto stored = read(view, question.context_id, at->second, 1);
    if (!stored)
      return stored.error();
    if (stored->empty())
      return fail(Errc::corruption, format("sequence {} of the context is missing", at->second), question.context_id);
    constexpr std::size_t named_max = 8;
    if (conflicts.size() < named_max)
      names += format("{}{} (sequence {})", names.empty() ? "" : ", ", asked.event_id, at->second);
    else if (conflicts.size() == named_max)
      names += ", ...";
    conflicts.push_back({question.context_id, asked.event_id, *current,
                         Receipt{at->second, (*stored)[0].position, 1, Durability::buffered, true}});
  }
  const std::string_view what = question.events.size() == 1 ? "another event has the event_id"
                                : without == 0              ? "stored before, but not as this call: event_id"
                                               : "only some events of the call were stored before: event_id";
  Error error = fail(Errc::event_id_conflict, format("{} {}", what, names), question.context_id);
  error.conflicts = std::move(conflicts);
  return error;
}

Result<std::optional<Result<Receipt>>> judge(const ShardView& view, const IdQuestion& question, const Found& found) {
  using Verdict = std::optional<Result<Receipt>>;
  if (std::none_of(question.events.begin(), question.events.end(),
                   [&](const IdQuestion::Asked& asked) { return found.contains(asked.event_id); }))
    return Verdict{};
  auto receipt = first_receipt(view, question, found);
  if (!receipt)
    return std::move(receipt).error();
  if (*receipt)
    return Verdict{**receipt};
  return Verdict{conflict(view, question, found)};
}

} // namespace

std::vector<IdAnswer> answer_id_questions(const ShardView& view, std::span<const IdQuestion> questions) {
  std::unordered_map<std::string_view, std::vector<const IdQuestion*>> by_context;
  for (const IdQuestion& question : questions)
    by_context[question.context_id].push_back(&question);
  const Position checked_to = last_position(view);
  std::vector<IdAnswer> answers;
  answers.reserve(questions.size());
  for (const auto& [context_id, asked] : by_context) {
    const auto found = find_ids(view, asked);
    for (const IdQuestion* question : asked) {
      auto verdict = found ? judge(view, *question, *found) : found.error();
      if (verdict)
        answers.push_back({question->number, *std::move(verdict), checked_to});
      else
        answers.push_back({question->number, Result<Receipt>(std::move(verdict).error()), checked_to});
    }
  }
  return answers;
}

} // namespace weir
