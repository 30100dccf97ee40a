#include "trust/support/disk/judge_readers.hpp"

#include "trust/support/disk/judge_parts.hpp"
#include "trust/support/disk/plain_consumers.hpp"
#include "trust/support/disk/plain_snapshots.hpp"

#include <chrono>
#include <map>
#include <optional>
#include <set>
#include <string>

namespace weir::trust {

namespace {

std::string event_at(Position position) {
  return "the event at position " + std::to_string(position);
}

std::set<Position> positions_of(PlainEngine& engine, const Ledger& ledger) {
  std::set<Position> positions;
  for (const StoredCall& call : ledger.calls())
    for (const Row& row : replay(engine.shard(call.shard).table->view(), call.context_id))
      positions.insert(row.position);
  return positions;
}

void check_single(PlainConsumers& consumers, const ConsumerBook& book, const std::set<Position>& stored) {
  const auto found = must(consumers.desk().find(ConsumerBook::single), "I18: looking for the single consumer");
  need(found.has_value() || !book.single_there, "I18: the single consumer is forgotten");
  if (!found)
    return;
  const Position at = must(consumers.open_single(ConsumerBook::single), "I18: opening the single consumer");
  need(at >= book.checkpoint && at <= book.checkpoint_asked,
       "I18: the checkpoint is " + std::to_string(at) + ", kept was " + std::to_string(book.checkpoint));
  for (auto event = stored.begin(); event != stored.lower_bound(at); ++event)
    need(book.read.contains(*event), "I18: the checkpoint passes over " + event_at(*event));
}

/// How often each event that comes was delivered, this time included; none comes twice.
std::map<Position, std::uint32_t> drain(PlainEngine& engine, PlainConsumers& consumers,
                                        const ConsumerDesk::Joined& seat) {
  using namespace std::chrono_literals;
  std::map<Position, std::uint32_t> came;
  for (bool waited = false; true;) {
    const auto events = must(consumers.next(seat, 100), "I18: the next events of a group");
    if (events.empty() && std::exchange(waited, true))
      return came;
    if (events.empty())
      engine.pass(1s);
    GroupHost::Settlement done;
    for (const HandedOut& each : events) {
      need(came.emplace(each.event->view().position, each.deliveries).second,
           "I18: " + event_at(each.event->view().position) + " comes twice");
      done.tokens.push_back(each.token);
    }
    if (!done.tokens.empty())
      must(consumers.settle(seat, std::move(done)), "I18: an acknowledgement");
  }
}

void check_group(PlainEngine& engine, PlainConsumers& consumers, const ConsumerBook& book,
                 const std::set<Position>& stored) {
  const auto found = must(consumers.desk().find(ConsumerBook::group), "I18: looking for the group");
  need(found.has_value() || !book.group_there, "I18: the group is forgotten");
  if (!found)
    return;
  std::set<Position> parked;
  for (const ParkedEvent& each : must(consumers.desk().parked(ConsumerBook::group, 0, 1'000), "I18: what is parked"))
    parked.insert(each.position);
  const auto came = drain(engine, consumers, must(consumers.join(ConsumerBook::group), "I18: joining the group"));
  for (const auto& [position, deliveries] : came)
    need(stored.contains(position), "I18: " + event_at(position) + " comes and is not there");
  for (const Position position : stored) {
    const auto noted = book.deliveries.find(position);
    const ConsumerBook::Delivery known = noted == book.deliveries.end() ? ConsumerBook::Delivery() : noted->second;
    const auto again = came.find(position);
    need(!known.done || again == came.end(), "I18: " + event_at(position) + " was acknowledged and comes again");
    need(!known.parked || parked.contains(position), "I18: " + event_at(position) + " was parked and is no more");
    need(known.to_be_parked || !parked.contains(position), "I18: " + event_at(position) + " is parked for no reason");
    need(again == came.end() || !parked.contains(position), "I18: " + event_at(position) + " is parked and comes");
    need(known.to_be_done || parked.contains(position) || again != came.end(),
         "I18: " + event_at(position) + " was not settled and never comes");
    need(again == came.end() || again->second > known.told,
         "I18: a delivery of " + event_at(position) + " is not counted");
  }
}

} // namespace

void check_consumers(PlainEngine& engine, const Ledger& ledger) {
  const ConsumerBook& book = ledger.books().consumers;
  if (!book.in_use)
    return;
  const std::set<Position> stored = positions_of(engine, ledger);
  PlainConsumers consumers(engine);
  check_single(consumers, book, stored);
  check_group(engine, consumers, book, stored);
}

void check_snapshots(PlainEngine& engine, const Ledger& ledger, bool must_be_there) {
  const auto& newest = ledger.books().snapshots.newest;
  if (newest.empty())
    return;
  const auto snapshots = make_plain_snapshots(engine);
  for (const auto& [context, sequence] : newest) {
    const ShardView view = engine.shard(engine.parts.router->shard_of(context)).table->view();
    const Rows rows = replay(view, context);
    const ContextMark mark = must(find_mark(view, context), "the mark of " + context);
    const auto loaded = must(snapshots->load(context, SnapshotBook::tag), "I19: loading a snapshot of " + context);
    if (loaded)
      need(loaded->sequence >= mark.first_live && loaded->sequence <= rows.size() &&
               loaded->position == rows[loaded->sequence - 1].position &&
               loaded->state == snapshot_state(rows, loaded->sequence),
           "I19: the snapshot of " + context + " at " + std::to_string(loaded->sequence) + " is not of its events");
    if (must_be_there && sequence >= mark.first_live && sequence <= rows.size())
      need(loaded && loaded->sequence >= sequence, "I19: the snapshot of " + context + " is lost with the process");
    need(!must(snapshots->load(context, "another"), "I19: loading by another tag"), "I19: a tag is not heeded");
    if (rows.size() >= mark.first_live)
      must(snapshots->save(context, rows.size(), snapshot_state(rows, rows.size()), SnapshotBook::tag),
           "I19: saving a snapshot of " + context);
  }
}

} // namespace weir::trust
