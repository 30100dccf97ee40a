#include "trust/support/disk/judge_parts.hpp"
#include "trust/support/disk/plain_consumers.hpp"
#include "trust/support/disk/plain_snapshots.hpp"
#include "trust/support/disk/planted.hpp"
#include "trust/support/disk/workloads.hpp"

#include <algorithm>
#include <array>
#include <optional>
#include <string>
#include <utility>
#include <vector>

namespace weir::trust {

namespace {

using How = GroupHost::Settlement::How;

/// A single consumer and a group of two. Where the disk refuses, they do without.
class Readers {
public:
  explicit Readers(Life& life) : book_(life.ledger().books().consumers), consumers_(*life.engine()), life_(life) {}

  void begin() {
    book_.in_use = true;
    book_.single_there = consumers_.make(ConsumerBook::single, ConsumerKind::single).ok();
    book_.group_there = consumers_.make(ConsumerBook::group, ConsumerKind::group).ok();
    if (book_.single_there)
      at_ = next_of(consumers_.open_single(ConsumerBook::single));
    if (book_.group_there)
      join();
  }

  /// The single consumer reads what is there, and says so.
  void read() {
    if (!at_)
      return;
    SubscribeOptions options;
    options.from = QueueStart::at(*at_);
    auto cursor = QueueCursor::open(
        std::shared_ptr<SharedQueue>(std::shared_ptr<void>(), life_.engine()->parts.queue.get()), std::move(options));
    const auto batch = cursor ? cursor->read() : Result<QueueBatch>(cursor.error());
    if (!batch)
      return;
    for (const EventView& event : batch->events)
      book_.read.insert(event.position);
    const Position next = batch->next + (is_planted(Planted::checkpoint_beyond) ? 1 : 0);
    book_.checkpoint_asked = std::max(next, book_.checkpoint_asked);
    if (is_planted(Planted::checkpoint_not_kept) || consumers_.desk().move_single(ConsumerBook::single, next).ok()) {
      book_.checkpoint = next;
      at_ = next;
    }
  }

  void take(std::size_t member, std::size_t events_max) {
    if (!seats_[member])
      return;
    const auto events = consumers_.next(*seats_[member], events_max);
    if (!events)
      return;
    for (const HandedOut& each : *events) {
      ++book_.deliveries[each.event->view().position].told;
      held_.push_back({each.event->view().position, each.token, member});
    }
  }

  /// The oldest delivery of the member.
  void settle(std::size_t member, How how) {
    const auto oldest =
        std::find_if(held_.begin(), held_.end(), [member](const Held& each) { return each.member == member; });
    if (oldest == held_.end() || !seats_[member])
      return;
    const Held held = *oldest;
    held_.erase(oldest);
    ConsumerBook::Delivery& noted = book_.deliveries[held.position];
    noted.to_be_done = noted.to_be_done || (how == How::ack && !is_planted(Planted::unasked_acknowledgement));
    noted.to_be_parked = noted.to_be_parked || how == How::park;
    const bool forgotten = (how == How::ack && is_planted(Planted::acknowledgement_not_kept)) ||
                           (how == How::park && is_planted(Planted::parked_not_kept));
    const bool settled =
        forgotten ||
        consumers_
            .settle(*seats_[member],
                    {.how = how, .tokens = {held.token}, .delay = std::chrono::milliseconds(0), .reason = "for a test"})
            .ok();
    noted.done = noted.done || (settled && noted.to_be_done && how == How::ack);
    noted.parked = noted.parked || (settled && how == How::park);
  }

  /// Both members go, with what they hold, and come again.
  void rejoin() {
    for (auto& seat : seats_)
      if (seat)
        consumers_.leave(*std::exchange(seat, std::nullopt));
    held_.clear();
    if (book_.group_there)
      join();
  }

private:
  struct Held {
    Position position = 0;
    std::uint64_t token = 0;
    std::size_t member = 0;
  };

  static std::optional<Position> next_of(const Result<Position>& opened) {
    return opened ? std::optional(*opened) : std::nullopt;
  }
  void join() {
    for (auto& seat : seats_)
      if (auto joined = consumers_.join(ConsumerBook::group); joined)
        seat = std::move(*joined);
  }

  ConsumerBook& book_;
  PlainConsumers consumers_;
  Life& life_;
  std::optional<Position> at_;
  std::array<std::optional<ConsumerDesk::Joined>, 2> seats_;
  std::vector<Held> held_;
};

void some_events(Life& life) {
  life.open();
  for (unsigned i = 0; i < 4; ++i)
    life.store(life.context(0, i), 1 + i % 2);
  life.settle();
}

/// Their file is there, and so is its write-ahead log, for the process that made it was killed: SQLite passes over it
/// if the name of a new one cannot be synced.
void consumers_made(Life& life) {
  some_events(life);
  {
    Readers readers(life);
    readers.begin();
    life.fs().set_hook([](const io::Call&) { return std::optional(fail(Errc::io_error, "the process is dead")); });
  }
  life.vanish();
  life.open();
}

/// The file of consumers is made, and used at once.
void first_consumers(Life& life) {
  Readers readers(life);
  readers.begin();
  readers.read();
  readers.take(0, 2);
  readers.settle(0, How::ack);
}

/// Everything a consumer can be told, with stores beside it, a flush and unsynced events that nobody may have seen.
void consumers(Life& life) {
  Readers readers(life);
  readers.begin();
  readers.read();
  readers.take(0, 2);
  readers.take(1, 1);
  readers.settle(0, How::ack);
  life.store(life.context(0, 0), 1, 60, Durability::written);
  readers.settle(1, How::park);
  readers.read();
  readers.take(1, 2);
  readers.settle(1, How::nack);
  life.store(life.context(0, 1), 2);
  life.flush();
  readers.rejoin();
  readers.take(0, 3);
  readers.settle(0, How::ack);
  readers.settle(0, How::ack);
  readers.read();
  life.settle();
}

bool first_acknowledged(Life& life) {
  const ConsumerBook& book = life.ledger().books().consumers;
  return book.read.size() == 6 && book.checkpoint == book.checkpoint_asked && book.deliveries.begin()->second.done;
}

bool consumed(Life& life) {
  const ConsumerBook& book = life.ledger().books().consumers;
  std::size_t done = 0, parked = 0, again = 0;
  for (const auto& [position, each] : book.deliveries) {
    done += each.done ? 1U : 0U;
    parked += each.parked ? 1U : 0U;
    again += each.told > 1 ? 1U : 0U;
  }
  return done == 3 && parked == 1 && again != 0 && book.read.size() == 9 && book.checkpoint > *book.read.rbegin();
}

Rows rows_if_readable(Life& life, const std::string& context) {
  try {
    return replay(life.engine()->shard(0).table->view(), context);
  } catch (const Broken&) {
    return {};
  }
}

/// Saves the state of a context's first `sequence` events.
void save(Life& life, Snapshots& snapshots, const std::string& context, Sequence sequence) {
  const auto rows = rows_if_readable(life, context);
  if (rows.size() < sequence)
    return; // the disk said no
  auto& newest = life.ledger().books().snapshots.newest[context];
  const Sequence before = std::exchange(newest, 0);
  const Sequence of = sequence - (is_planted(Planted::snapshot_of_another) ? 1 : 0);
  if (is_planted(Planted::snapshot_not_kept) ||
      snapshots.save(context, sequence, snapshot_state(rows, of), SnapshotBook::tag).ok())
    newest = std::max(before, sequence);
}

/// Of synced and of unsynced events, older after newer ones, dropped, and of events that are removed then.
void snapshots(Life& life) {
  const std::string one = life.context(0, 0), other = life.context(0, 1), removed = life.context(0, 2);
  const auto kept = make_plain_snapshots(*life.engine());
  save(life, *kept, one, 1);
  life.store_now(other, 2);
  save(life, *kept, other, 3);
  life.store_now(one, 2, 60, Durability::buffered);
  save(life, *kept, one, 3); // a power cut may take its event
  life.flush();
  life.steps(4);
  save(life, *kept, removed, 1);
  save(life, *kept, other, 2); // older: no effect
  life.remove(removed, 2);
  life.settle();
  auto& newest = life.ledger().books().snapshots.newest;
  newest[other] = 0;
  static_cast<void>(kept->remove(other).ok());
  save(life, *kept, other, 4);
  life.store_now(one);
  save(life, *kept, one, 4);
}

bool snapshots_saved(Life& life) {
  auto newest = life.ledger().books().snapshots.newest;
  return newest[life.context(0, 0)] == 4 && newest[life.context(0, 1)] == 4 && newest[life.context(0, 2)] == 1;
}

constexpr std::array workloads_of_readers{
    Workload{.name = "first_consumers",
             .prepare = some_events,
             .run = first_consumers,
             .reached = first_acknowledged,
             .crash_in_recovery = false,
             .thin = 2},
    Workload{.name = "consumers",
             .prepare = consumers_made,
             .run = consumers,
             .reached = consumed,
             .by_chance = false,
             .crash_in_recovery = false,
             .thin = 3},
    Workload{.name = "snapshots",
             .prepare = some_events,
             .run = snapshots,
             .reached = snapshots_saved,
             .by_chance = true,
             .crash_in_recovery = false,
             .thin = 3},
};

} // namespace

std::span<const Workload> reader_workloads() {
  return workloads_of_readers;
}

} // namespace weir::trust
