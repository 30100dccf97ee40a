// Subscribers that stop beside subscribers that keep up.
//
// Purpose: promises P10 and P11 for readers of the event queue: whoever stops reading costs a batch and what was
// decoded in advance for it, holds up neither stores nor other readers, and misses nothing once it goes on. Four stop
// with their first batch: one that pulls, one whose callback holds still, an actor that asks for no more, and a group's
// member that acknowledges nothing. Two keep up, pulled and pushed. Owner: the stage; the engine outlives it.
// Threading: one thread uses it; each reader has its own.
#pragma once

#include <weir/consumers.hpp>
#include <weir/engine.hpp>

#include <condition_variable>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <thread>
#include <vector>

namespace weir::trust {

class Subscribers {
public:
  static constexpr std::uint64_t count = 6; ///< Of readers.
  /// What the group holds at the most: its window, and a batch on its way there (see GroupHost).
  static constexpr std::uint64_t group_bytes_max = 9u << 20;
  /// Threads of the engine's that callbacks hold: the engine needs more of them than that.
  static constexpr std::size_t held_read_threads = 1;
  /// At most what those that stop keep and the others have at one time, as the engine counts it.
  static constexpr std::uint64_t pinned_bytes_max = 8u << 20;

  /// Events of each context that the group is to see: a group hands out one of a context at a time.
  static constexpr Sequence of_each_context = 50;

  /// They begin at once, with the oldest event.
  explicit Subscribers(Engine& engine);
  ~Subscribers();
  Subscribers(const Subscribers&) = delete;
  Subscribers& operator=(const Subscribers&) = delete;

  /// Returns once all four have stopped.
  void await_stopped();
  /// Nothing more is stored, and the last event is at `last`: waits until those that keep up have seen it, though the
  /// others stand still.
  void await_kept_up(Position last);
  /// Lets those that stopped go on, and waits until they have seen everything.
  void wake();

  /// What went wrong; empty: each saw every event once and in order.
  [[nodiscard]] std::vector<std::string> mistakes() const;
  /// Events that each of them saw, but for the group.
  [[nodiscard]] std::uint64_t events() const;

private:
  struct Tally {
    std::uint64_t events = 0, hash = 0;
    Position last = 0;
    bool ordered = true;
    void add(const EventView& event);
  };
  /// Of what the group is to see; whatever the order of its contexts.
  struct GroupTally {
    std::uint64_t events = 0, hashes = 0;
    void add(const EventView& event);
  };
  struct Reader {
    const char* name;
    bool stops;
    Tally all{};
    GroupTally of_group{};
    bool stopped = false;
    bool ended = true; ///< No callback is to come.
    std::string mistake{};
  };
  struct Actors;

  Reader& reader(const char* name, bool stops);
  void pull(Reader& reader);
  std::optional<PushSubscription> push(Reader& reader);
  void ask(Reader& reader);
  void take_deliveries(Reader& reader);

  /// False: nothing more is to be read.
  bool note(Reader& reader, const EventBatch& events);
  void stop_here(Reader& reader, std::unique_lock<std::mutex>& lock);
  [[nodiscard]] bool has_all(const Reader& reader) const;
  void fail(Reader& reader, const std::string& what);
  void await(const std::string& what, bool of_those_that_stop, const std::function<bool(const Reader&)>& done);

  Engine& engine_;
  mutable std::mutex mutex_;
  std::condition_variable changed_;
  std::vector<std::unique_ptr<Reader>> readers_; // the first one keeps up, pulled: others are compared with it
  std::optional<Position> last_;
  bool awake_ = false;
  std::optional<Subscription> pulled_;
  std::unique_ptr<Actors> actors_;
  std::optional<PushSubscription> pushed_, held_;
  std::vector<std::thread> threads_;
};

} // namespace weir::trust
