// Named, durable readers of the event queue: a single one that says how far it has come (Consumer), and groups whose
// members share the events and settle them one by one (GroupMember). Engine::consumers() gives the door to them.
//
// What they have dealt with is kept in the data directory and survives every crash: no event is lost, and only what was
// not acknowledged comes again. A group hands the events of a context out in order, one at a time; different contexts
// go to different members at once.
//
// Threading: Consumers and GroupMember may be used from any thread; a Consumer is for one thread at a time, except
// cancel(). All may outlive the engine; then they answer `closing`. Calls that wait answer `invalid_argument` from
// inside a callback of an engine.
#pragma once

#include <weir/consumer_types.hpp>
#include <weir/event.hpp>
#include <weir/result.hpp>
#include <weir/subscription.hpp>

#include <chrono>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

namespace weir {

class EngineCore;
class GroupSeat;
class OwnedEvent;

/// A single reader with a durable checkpoint. Nobody else can open one of its name meanwhile.
class Consumer {
public:
  Consumer(Consumer&&) noexcept;
  Consumer& operator=(Consumer&&) noexcept;
  ~Consumer();

  /// As Subscription::next(). What was given out after the last checkpoint comes again after a restart.
  Result<QueueBatch> next(std::optional<std::chrono::milliseconds> timeout_ms = std::nullopt);
  /// Everything before `position` (QueueBatch::next, or an event's position + 1) is dealt with. Durable when it
  /// returns. Errors: `invalid_argument` below the last checkpoint or beyond what next() has given; `io_error`,
  /// `disk_full`, `closing`.
  Status checkpoint(Position position);
  /// The last checkpoint.
  [[nodiscard]] Position position() const noexcept;
  /// Ends a next() that waits, and later ones, with `cancelled`. Any thread.
  void cancel();

private:
  friend class Consumers;
  struct State;
  explicit Consumer(std::unique_ptr<State> state);
  std::unique_ptr<State> state_;
};

/// An event in the hands of a group's member. Copies are the same delivery.
class Delivery {
public:
  /// Valid as long as this or a copy of it.
  [[nodiscard]] const EventView& event() const noexcept;
  /// How often it was handed out, this time included.
  [[nodiscard]] std::uint32_t deliveries() const noexcept { return deliveries_; }

private:
  friend class GroupMember;
  Delivery(std::shared_ptr<const OwnedEvent> event, std::uint64_t token, std::uint32_t deliveries);
  std::shared_ptr<const OwnedEvent> event_;
  std::uint64_t token_;
  std::uint32_t deliveries_;
};

/// One of those who share a group's events. Dropping it gives back what it has not settled.
class GroupMember {
public:
  GroupMember(GroupMember&&) noexcept;
  GroupMember& operator=(GroupMember&&) noexcept;
  ~GroupMember();

  /// Events for this member, by position: at least one, at most `events_max` and what GroupOptions::in_flight_max
  /// leaves. Waits until there are some, or `timeout_ms` has passed (then none; 0: does not wait). That they are
  /// handed out has been recorded before. Errors: `closing`; what ended the group: `shard_failed`, `corruption`,
  /// `io_error`, `disk_full` (drop the member and join again once that is over).
  Result<std::vector<Delivery>> next(std::size_t events_max = 16,
                                     std::optional<std::chrono::milliseconds> timeout_ms = std::nullopt);

  // Settling. All of these are durable when they return success. `not_found`: the delivery is not this member's any
  // more (its time was up, or it is settled); the event comes, or came, to somebody again.

  /// The event is dealt with and never comes again.
  Status ack(const Delivery& delivery);
  /// All of them, for the price of one. The first error, if any; the others count all the same.
  Status ack(std::span<const Delivery> deliveries);
  /// It could not be dealt with now: it comes again once `delay_ms` has passed, and the later events of its context
  /// wait for it. After GroupOptions::deliveries_max times it is parked.
  Status nack(const Delivery& delivery, std::chrono::milliseconds delay_ms = std::chrono::milliseconds(0));
  /// It cannot be dealt with: it is put aside with `reason` (cut at 1,024 bytes) until somebody replays it.
  Status park(const Delivery& delivery, std::string reason);
  /// It is not to be dealt with: as ack, by another name in the program.
  Status skip(const Delivery& delivery) { return ack(delivery); }

  /// A next() that waits in another thread returns with what there is.
  void stop_waiting();

private:
  friend class Consumers;
  explicit GroupMember(std::shared_ptr<GroupSeat> seat);
  std::shared_ptr<GroupSeat> seat_;
};

/// The consumers of an engine. Names are 1-128 bytes of UTF-8 without control characters.
class Consumers {
public:
  explicit Consumers(std::shared_ptr<EngineCore> core);

  /// Opens the single consumer of this name, or makes it. Errors: `locked` while it is open elsewhere;
  /// `invalid_argument`; `corruption` (of its record, or it lies beyond all events); `closing`, `io_error`,
  /// `disk_full`; those of Engine::subscribe.
  Result<Consumer> open(std::string name, ConsumerOptions options = {}) const;
  /// Becomes a member of the group of this name, or makes it. Errors: as open(); `invalid_argument` if members are
  /// there with other options.
  Result<GroupMember> join(std::string name, GroupOptions options = {}) const;

  /// All of them, by name. Errors: `corruption`, `io_error`, `shard_failed`, `closing`.
  Result<std::vector<ConsumerStatus>> list() const;
  /// `not_found` if there is none of that name.
  Result<ConsumerStatus> status(std::string name) const;
  /// Goes on at `start` from now on. What was done from there on comes again; parked events before it stay parked.
  /// Errors: `not_found`, `locked` while it is in use.
  Status reset(std::string name, QueueStart start) const;
  /// Forgets the consumer and what it has parked. Errors: as reset().
  Status remove(std::string name) const;

  /// Parked events of a group at `from` or later, by position. Errors: `not_found`, `invalid_argument` for a single
  /// consumer.
  Result<std::vector<ParkedEvent>> parked(std::string name, Position from = 0, std::size_t events_max = 1'024) const;
  /// Parked events of the context (empty: of all contexts) are handed out again, each context's in order and before its
  /// later events, with all their deliveries before them; by members that are there, or by the next to join. Returns
  /// how many.
  Result<std::uint64_t> replay_parked(std::string name, std::string context_id = {}) const;

private:
  std::shared_ptr<EngineCore> core_;
};

} // namespace weir
