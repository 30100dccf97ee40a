#include "engine/condition.hpp"

#include "engine/check.hpp"
#include "engine/event_codec.hpp"
#include "engine/json/json.hpp"
#include "engine/query/removed_rows.hpp"
#include "engine/sabotage.hpp"
#include "engine/shard_router.hpp"
#include "engine/text.hpp"
#include "engine/validate.hpp"
#include <weir/limits.hpp>

#include <algorithm>
#include <span>
#include <vector>

namespace weir {

Status validate_fail_if(const FailIf& condition) {
  if (Status group = validate_context_id(condition.group); !group)
    return fail(group.code(), "the group of a condition: " + group.error().message, "fail_if");
  if (condition.types.size() > limits::condition_types_max || condition.tags.size() > limits::event_tags_max)
    return fail(Errc::too_large,
                format("a condition on {} types and {} tags, at most {} and {} are allowed", condition.types.size(),
                       condition.tags.size(), limits::condition_types_max, limits::event_tags_max),
                "fail_if");
  for (const std::string& type : condition.types)
    WEIR_TRY(validate_event_type(type));
  for (const std::string& tag : condition.tags)
    if (tag.empty() || tag.size() > limits::event_tag_bytes_max)
      return fail(tag.empty() ? Errc::invalid_argument : Errc::too_large,
                  format("a tag of {} bytes, 1 to {} are allowed", tag.size(), limits::event_tag_bytes_max), "fail_if");
  return {};
}

bool concerns(const FailIf& condition, const EventView& event) {
  if (placement_key(event.context_id) != condition.group)
    return false;
  if (!condition.types.empty() &&
      std::find(condition.types.begin(), condition.types.end(), event.event_type) == condition.types.end())
    return false;
  if (condition.tags.empty())
    return true;
  thread_local std::vector<std::string> tags;
  return json::read_tags(event.metadata, tags) &&
         std::all_of(condition.tags.begin(), condition.tags.end(), [](const std::string& wanted) {
           return std::find(tags.begin(), tags.end(), wanted) != tags.end();
         });
}

namespace {

Match match_of(const EventView& event) {
  return {std::string(event.context_id), std::string(event.event_id), event.sequence, event.position};
}

/// Whether a row of the zone may be of one of the condition's types.
bool may_hold_type(const ZoneMeta& zone, std::span<const std::string> types, const FailIf& condition) {
  if (condition.types.empty())
    return true;
  for (std::size_t i = 0; i < types.size(); ++i)
    if (zone.has_type(i) &&
        std::find(condition.types.begin(), condition.types.end(), types[i]) != condition.types.end())
      return true;
  return false;
}

Result<std::optional<Match>> first_match(const SegmentReader& segment, const FailIf& condition, Position after,
                                         query::RemovedRows& removed) {
  const auto types = segment.types();
  if (!types)
    return types.error();
  const auto zones = segment.zones();
  if (!zones)
    return zones.error();
  const ColumnSet columns = column_context | column_sequence | column_position | column_type | column_event_id |
                            (condition.tags.empty() ? 0U : column_metadata);
  std::optional<Match> first;
  Position before = UINT64_MAX; // rows are sorted by context: the earliest may be in any zone
  for (std::size_t i = 0; i < zones->size(); ++i) {
    const ZoneMeta& zone = (*zones)[i];
    if (zone.position_max <= after || zone.position_min >= before || !may_hold_type(zone, *types, condition))
      continue;
    const auto rows = segment.read_zone(i, columns);
    if (!rows)
      return rows.error();
    for (std::uint32_t row = 0; row < (*rows)->rows(); ++row) {
      const EventView event = (*rows)->row(row);
      if (event.position <= after || event.position >= before || !concerns(condition, event))
        continue;
      const auto gone = removed.any() ? removed.holds(event) : Result<bool>(false);
      if (!gone)
        return gone.error();
      if (*gone)
        continue;
      first = match_of(event);
      before = event.position;
    }
  }
  return first;
}

} // namespace

std::optional<Match> first_match(std::span<const MemtableView> memtables, const FailIf& condition, Position after) {
  if (sabotaged(Sabotage::look_in_segments_only))
    return std::nullopt;
  // What removes an event of a memtable came later, so it is in one of these as well.
  const auto removed = [&](const EventView& event) {
    return std::any_of(memtables.begin(), memtables.end(), [&](const MemtableView& memtable) {
      const auto mark = memtable.find_mark(event.context_id);
      return mark && event.sequence < mark->first_live;
    });
  };
  for (const MemtableView& memtable : memtables)
    for (std::uint64_t row = memtable.first_row_behind(after); row < memtable.rows(); ++row)
      if (const EventView event = memtable.row(row); concerns(condition, event) && !removed(event))
        return match_of(event);
  return std::nullopt;
}

Result<std::optional<Match>> first_match(const ShardView& view, const FailIf& condition, Position after) {
  auto removed = query::RemovedRows::of(view);
  if (!removed)
    return std::move(removed).error();
  for (const auto& segment : *view.segments) {
    if (segment->meta().position_max <= after)
      continue;
    auto match = first_match(*segment, condition, after, *removed);
    if (!match || *match)
      return match;
  }
  return first_match(view.memtables, condition, after);
}

std::optional<Match> first_match(const StoreCommand& command, Sequence first_sequence, const FailIf& condition) {
  std::optional<Match> first;
  std::size_t part = 0;
  command.for_each_part([&](const std::string&, std::string_view encoded, std::uint32_t events, auto&&) {
    const Sequence begin = command.receipts ? (*command.receipts)[part++].sequence : first_sequence;
    if (first || events == 0)
      return;
    auto call = CallReader::open_unnumbered(encoded);
    WEIR_CHECK(call.ok());
    EventView event;
    for (auto more = call->next(event); !first; more = call->next(event)) {
      WEIR_CHECK(more.ok());
      if (!*more)
        return;
      if (!concerns(condition, event))
        continue;
      first = match_of(event);
      first->sequence += begin;
      first->position = 0;
    }
  });
  return first;
}

Error condition_failed(const Match& match) {
  Error error =
      fail(Errc::condition_failed,
           format("sequence {} of context {} is an event that must not be there", match.sequence, match.context_id),
           match.context_id);
  Conflict& conflict =
      error.conflicts.emplace_back(Conflict{match.context_id, match.event_id, match.sequence, std::nullopt, true});
  if (match.position != 0)
    conflict.receipt = Receipt{match.sequence, match.position, 1, Durability::buffered, false};
  return error;
}

Error both_failed(Error expectations, Error condition) {
  expectations.message += "; and " + condition.message;
  for (Conflict& conflict : condition.conflicts)
    expectations.conflicts.push_back(std::move(conflict));
  return expectations;
}

} // namespace weir
