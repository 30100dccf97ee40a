// Who reads the event queue under a name: a single consumer with a checkpoint, and the members of a group.
//
// Purpose: everything they may do, at random, with what they know kept outside the data, as a service's own effects
// are. Owner: one schedule. Threading: one thread; their calls wait (Machine::wait_for), so not from inside a step.
#pragma once

#include "trust/simulation/group_book.hpp"
#include "trust/simulation/machine.hpp"
#include "trust/simulation/mistake.hpp"
#include "trust/simulation/removals.hpp"

#include <weir/consumers.hpp>

#include <cstdint>
#include <list>
#include <optional>
#include <set>
#include <vector>

namespace weir::trust {

class ConsumerClients {
public:
  struct Counts {
    std::uint64_t deliveries = 0, acks = 0, checkpoints = 0, waits = 0, waited_for = 0;
  };

  ConsumerClients(Machine& machine, Journal& journal, Removals& removals, std::uint64_t seed, Mistake mistake);

  /// One of them does its next thing.
  void act();
  /// The process has ended, and they with it.
  void end();
  /// An engine was opened: `all` events that it has, removed ones included, of which `stored` can be replayed.
  void check(const std::map<Position, std::string>& all, const std::map<Position, std::string>& stored);
  /// Everything that can be replayed comes to both and is acknowledged. Nothing else is under way, and nothing fails.
  void drain(const std::map<Position, std::string>& stored);
  /// Whether anybody has read anything yet.
  [[nodiscard]] bool begun() const noexcept { return counts_.deliveries != 0; }

  [[nodiscard]] const Counts& counts() const noexcept { return counts_; }
  [[nodiscard]] std::uint64_t hash() const noexcept { return group_.hash(); }

private:
  struct Held {
    Delivery delivery;
    std::uint64_t number = 0; ///< Of the book's.
  };
  struct Member {
    int number = 0;
    GroupMember seat;
    std::vector<Held> holds;
  };
  using Members = std::list<Member>;

  void act_single();
  bool open_single();
  void open_twice();
  bool read_single(); ///< False if there was an error.
  void keep_checkpoint();
  void reset_single();

  void act_in_group();
  bool join();
  /// Takes up to `events_max` events, for which it waits; false if there was an error.
  bool take(Member& member, std::size_t events_max, std::chrono::milliseconds wait);
  void settle(Members::iterator member);
  void ack_all(Members::iterator member);
  void leave(Members::iterator member);
  void group_refused(const std::string& what, const Error& error);
  /// How many; 0 also if there was an error.
  std::uint64_t replay_parked(const std::string& context);
  void look_at_group();
  void all_leave();

  Machine& machine_;
  Journal& journal_;
  Chance chance_;
  Planted planted_;
  Counts counts_;

  std::optional<Consumer> single_;
  bool opened_single_ = false; ///< In some life.
  static constexpr Position first_place = 0;
  std::set<Position> checkpoints_{first_place}; ///< Where it may go on: several after an error.
  Position read_to_ = 0;                        ///< Of single_.
  Position given_to_ = 0;                       ///< What next() has ever given lies below.
  std::map<Position, std::string> dealt_with_;  ///< By the single consumer, in all lives.

  GroupBook group_;
  Members members_;
  int joined_ = 0;
};

} // namespace weir::trust
