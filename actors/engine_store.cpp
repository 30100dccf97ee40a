#include "actors/engine_core.hpp"
#include "engine/condition.hpp"
#include "engine/sabotage.hpp"
#include "engine/shard_router.hpp"
#include "engine/text.hpp"

#include <algorithm>
#include <string_view>
#include <unordered_set>

namespace weir {

namespace {

Error not_together(std::string_view one, std::string_view other) {
  return fail(
      Errc::unsupported,
      format("contexts {} and {} are not kept together: a call stores to several contexts if their ids have the "
             "same text in braces, as order-{{42}} and invoice-{{42}} do",
             one, other));
}

/// Ids have to say of every context whether it was stored before.
bool has_ids_in_part(std::span<const ContextEvents> contexts) {
  std::size_t with = 0, without = 0;
  for (const ContextEvents& each : contexts)
    if (!each.events.empty())
      ++(std::any_of(each.events.begin(), each.events.end(), [](const Event& event) { return !event.event_id.empty(); })
             ? with
             : without);
  return with != 0 && without != 0;
}

void append(StoreCommand& whole, StoreCommand& part) {
  if (!part.id_hashes.empty())
    whole.ids_checked_to =
        whole.id_hashes.empty() ? part.ids_checked_to : std::min(whole.ids_checked_to, part.ids_checked_to);
  whole.id_hashes.insert(whole.id_hashes.end(), part.id_hashes.begin(), part.id_hashes.end());
  whole.payload_bytes += part.payload_bytes;
  whole.more.push_back({std::move(part.context_id), std::move(part.encoded), part.events, part.expect});
}

} // namespace

Status EngineCore::add_condition(StoreCommand& command, const FailIf& fail_if) {
  WEIR_TRY(validate_fail_if(fail_if));
  if (placement_key(command.context_id) != fail_if.group)
    return fail(
        Errc::unsupported,
        format("a condition sees what is kept together with the events stored: context {} is not of group {}, as "
               "order-{{{}}} is",
               command.context_id, fail_if.group, fail_if.group),
        "fail_if");
  command.fail_if = std::make_unique<FailIf>(fail_if);
  command.looked_to = sabotaged(Sabotage::ignore_condition_position) ? 0 : fail_if.after;
  return {};
}

Result<StorePtr> EngineCore::make_command(std::span<ContextEvents> contexts, std::optional<Durability> durability,
                                          const std::optional<FailIf>& fail_if) const {
  if (contexts.empty() || contexts.size() > limits::call_contexts_max)
    return fail(contexts.empty() ? Errc::invalid_argument : Errc::too_large,
                format("a call for {} contexts, 1 to {} are allowed", contexts.size(), limits::call_contexts_max));
  std::unordered_set<std::string_view> seen;
  for (const ContextEvents& each : contexts) {
    if (!seen.insert(each.context_id).second)
      return fail(Errc::invalid_argument, "a context stands in the call twice", each.context_id);
    if (placement_key(each.context_id) != placement_key(contexts.front().context_id))
      return not_together(contexts.front().context_id, each.context_id);
  }
  if (has_ids_in_part(contexts))
    return fail(Errc::invalid_argument,
                "in a call for several contexts either every one that is stored to has an event_id, or none");
  StorePtr whole;
  for (ContextEvents& each : contexts) {
    auto part = make_command(each.context_id, each.events, durability, each.expect);
    if (!part) {
      Error error = std::move(part).error();
      error.where = error.where.empty() ? each.context_id : format("{}, {}", each.context_id, error.where);
      return error;
    }
    if (whole)
      append(*whole, **part);
    else
      whole = *std::move(part);
    if (whole->all_events() > limits::call_events_max)
      return fail(Errc::too_large, format("a call of more than {} events", limits::call_events_max));
    if (whole->bytes() > limits::call_bytes_max)
      return fail(Errc::too_large, format("a call of more than {} bytes", limits::call_bytes_max));
  }
  if (fail_if)
    WEIR_TRY(add_condition(*whole, *fail_if));
  if (!whole->more.empty())
    whole->receipts = std::make_shared<std::vector<Receipt>>();
  return whole;
}

Result<Position> EngineCore::last_synced_position() {
  SubscribeOptions last;
  last.backward = true;
  last.follow = false;
  last.limit = 1;
  last.as_stored = true;
  auto cursor = subscribe(std::move(last));
  if (!cursor)
    return std::move(cursor).error();
  for (;;) {
    const auto batch = cursor->read();
    if (!batch)
      return batch.error();
    if (!batch->events.empty())
      return batch->events[0].position;
    if (batch->ended || batch->caught_up)
      return Position{0};
  }
}

Status EngineCore::skip_positions(Position position) {
  constexpr Position highest = Position{1} << 62;
  if (position > highest)
    return fail(Errc::too_large, format("positions cannot begin behind {}", highest));
  if (CallbackScope::active())
    return fail(Errc::invalid_argument, "a callback cannot wait for the catalog: it may wait for itself");
  const Door::Inside inside(door_);
  if (!inside || closing_.load())
    return fail(Errc::closing, "the engine is closing");
  return in_flush_lane([this, first = position + 1]() -> Status {
    PositionSource& positions = *parts_.positions;
    if (positions.next_reservation() < first + 2 * PositionSource::block) {
      WEIR_TRY(parts_.catalog->reserve_positions(first + PositionSource::block));
      positions.reserved(first + PositionSource::block);
    }
    positions.skip_to(first);
    return {};
  });
}

} // namespace weir
