// Decides which member of a group gets which event when, and what is dealt with.
//
// Purpose: the rules of a consumer group and nothing else: no clock, no file, no thread, no payload. The shell offers
// events in position order and tells what members and time do; it hands deliveries out, and says that something is
// acknowledged, only once take_changes() has been made durable. Owner: GroupHost. Threading: one thread at a time.
//
// Invariants:
// - Of one context at most one event is with a member at any time, and none is handed out before all earlier ones that
//   were offered are done or parked.
// - An event that is neither done nor parked stays: it is with a member, waits, or waits for its time.
// - An event is handed out at most `deliveries_max` times, then it is parked.
// - Everything before checkpoint() is done or parked, or was never offered.
// - At most `window_events_max` events are held, done ones above the checkpoint included; and those that were parked.
#pragma once

#include <weir/event.hpp>
#include <weir/result.hpp>

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <map>
#include <optional>
#include <set>
#include <span>
#include <string>
#include <unordered_map>
#include <vector>

namespace weir {

struct GroupRules {
  std::chrono::milliseconds ack_timeout_ms{30'000};
  std::uint32_t deliveries_max = 5;
  std::size_t in_flight_max = 256; ///< Events with one member.
  std::size_t window_events_max = 4'096;
  /// Parked events beyond which the group takes nothing new from the queue.
  std::size_t parked_max = 65'536;
  /// A parked event takes the later ones of its context along, so that they keep their order; off: these go on.
  bool park_whole_context = true;
};

/// What has to be durable before anybody outside hears of it.
struct GroupChanges {
  struct Delivered {
    Position position = 0;
    std::uint32_t deliveries = 0;
  };
  struct Parked {
    Position position = 0;
    std::uint32_t deliveries = 0;
    std::string reason;
    bool again = false; ///< It was parked before, and taken from there.
  };
  std::optional<Position> checkpoint; ///< Where it has moved to; what lies below needs no row any more.
  std::vector<Delivered> delivered;
  std::vector<Position> done;     ///< At or above the checkpoint.
  std::vector<Parked> parked;     ///< In position order for each context. Done, too, unless `again`.
  std::vector<Position> unparked; ///< Done after having been parked.

  [[nodiscard]] bool empty() const noexcept {
    return !checkpoint && delivered.empty() && done.empty() && parked.empty() && unparked.empty();
  }
};

class ConsumerGroup {
public:
  using Time = std::chrono::steady_clock::time_point;
  using MemberId = std::uint64_t;
  using ContextHash = std::uint64_t; ///< Two contexts with one hash are taken for one; that costs time, not order.

  /// One handing-out of an event. The token is good until it is used, its deadline passes or the member leaves.
  struct Delivery {
    std::uint64_t token = 0;
    Position position = 0;
    std::uint32_t deliveries = 0; ///< This one included.
  };

  /// Goes on where an earlier life ended: at its checkpoint, with what was done above it. Tokens count up from
  /// `first_token`.
  ConsumerGroup(GroupRules rules, Position checkpoint, std::span<const Position> done, std::uint64_t first_token = 1);

  // The queue.
  /// Events that may still be offered.
  [[nodiscard]] std::size_t room() const noexcept;
  /// Where the next event is to be looked for.
  [[nodiscard]] Position next_position() const noexcept { return read_to_; }
  /// An event of the queue, after all offered before; `deliveries` as an earlier life left it. False: it was done
  /// before, and is none of the group's any more.
  bool offer(Position position, ContextHash context, std::uint32_t deliveries = 0);
  /// The queue holds nothing more before `next` that this group should have.
  void read_to(Position next);

  // What is parked.
  /// The store holds parked events of the context, which the group has not got.
  void note_parked(ContextHash context, std::size_t events);
  /// One of these shall be handed out again, before the later ones of its context.
  void offer_parked(Position position, ContextHash context);
  /// One of these is there no more.
  void forget_parked(ContextHash context);
  [[nodiscard]] std::size_t parked() const noexcept { return parked_; }

  // Members.
  [[nodiscard]] MemberId join();
  /// What was with the member goes to others.
  void leave(MemberId member, Time now);
  /// The next events for the member, by position; none beyond its `in_flight_max`.
  [[nodiscard]] std::vector<Delivery> take(MemberId member, std::size_t events_max, Time now);
  /// The event is done. These four answer `not_found` if the token is not (or no longer) the member's.
  Result<Position> ack(MemberId member, std::uint64_t token);
  /// To be handed out again, not before `delay` has passed.
  Result<Position> nack(MemberId member, std::uint64_t token, std::chrono::milliseconds delay, Time now);
  Result<Position> park(MemberId member, std::uint64_t token, std::string reason);

  // Time.
  /// Takes back what was not acknowledged in time, and lets go on what was delayed.
  void expire(Time now);
  /// When expire() has something to do next, if ever.
  [[nodiscard]] std::optional<Time> next_time() const;

  [[nodiscard]] Position checkpoint() const noexcept { return open_.empty() ? read_to_ : *open_.begin(); }
  [[nodiscard]] std::size_t done_above() const noexcept { return done_.size(); }
  [[nodiscard]] std::size_t in_flight() const noexcept { return in_flight_.size(); }
  /// Everything since the last call.
  [[nodiscard]] GroupChanges take_changes();

private:
  struct Entry {
    Position position = 0;
    std::uint32_t deliveries = 0;
    bool from_parked = false;
  };
  struct Context {
    std::deque<Entry> events; ///< By position; the first may be with a member or waiting for its time.
    std::uint64_t token = 0;  ///< Of the first event, while it is with a member.
    std::optional<Time> delayed_until;
    std::size_t parked = 0; ///< In the store.
  };
  using Contexts = std::unordered_map<ContextHash, Context>;
  struct InFlight {
    MemberId member = 0;
    ContextHash context = 0;
    Time deadline;
  };

  [[nodiscard]] bool spent(const Entry& entry) const noexcept;
  void make_ready(Contexts::iterator at);
  void unready(const Context& context);
  void forget_if_empty(Contexts::iterator at);
  Result<Contexts::iterator> recall(MemberId member, std::uint64_t token);
  Contexts::iterator recall(std::unordered_map<std::uint64_t, InFlight>::iterator flight);
  void finish_front(Contexts::iterator at);
  void retry(Contexts::iterator at, std::chrono::milliseconds delay, const char* why, Time now);
  void park_front(Contexts::iterator at, std::string reason);
  void note_parked_entry(Context& context, const Entry& entry, std::string reason);
  void settle(const Entry& entry);

  GroupRules rules_;
  Position read_to_;
  Position told_checkpoint_;
  Contexts contexts_;
  std::map<Position, ContextHash> ready_; ///< First events that may be handed out.
  std::multimap<Time, ContextHash> delayed_;
  std::set<std::pair<Time, std::uint64_t>> deadlines_;
  std::unordered_map<std::uint64_t, InFlight> in_flight_; ///< By token.
  std::map<MemberId, std::size_t> members_;               ///< And how many events are with each.
  std::set<Position> open_;                               ///< Offered by the queue, neither done nor parked.
  std::set<Position> done_;                               ///< Done or parked, at or above the checkpoint.
  std::size_t from_parked_ = 0; ///< Held beside open_; they count as parked until they are done.
  std::size_t parked_ = 0;
  std::uint64_t next_token_;
  MemberId next_member_ = 1;
  GroupChanges changes_;
};

} // namespace weir
