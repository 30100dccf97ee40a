// A machine with one process in which an engine and its clients live, every step of it chosen by a seed.
//
// Purpose: the engine as it is shipped, actors included, on a disk, a clock, an executor and an actor system that do
// nothing by themselves. Owner: one schedule. Threading: one thread plays all parts. Invariants: the same seed and the
// same calls give the same deliveries; nothing blocks.
#pragma once

#include "engine/io/manual_clock.hpp"
#include "engine/io/manual_executor.hpp"
#include "engine/io/memory_file_system.hpp"
#include "engine/io/random.hpp"
#include "trust/simulation/blocking.hpp"

#include <weir/actors.hpp>

#include <caf/scheduler/test_coordinator.hpp>

#include <chrono>
#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

namespace weir::trust {

/// Numbers by chance.
class Chance {
public:
  explicit Chance(std::uint64_t seed) : random_(io::make_seeded_random(seed)) {}
  [[nodiscard]] std::uint64_t next() { return random_->next(); }
  /// 0 ... below - 1
  [[nodiscard]] std::size_t pick(std::size_t below) { return random_->next() % below; }
  [[nodiscard]] bool one_in(std::size_t n) { return pick(n) == 0; }
  template <class T> [[nodiscard]] T any_of(std::initializer_list<T> values) {
    return values.begin()[pick(values.size())];
  }
  [[nodiscard]] io::Random& source() { return *random_; }

private:
  std::unique_ptr<io::Random> random_;
};

class Machine {
public:
  explicit Machine(std::uint64_t seed);
  ~Machine();

  /// Starts an engine on the disk. Precondition: none is running.
  Status open(const EngineOptions& options);
  /// Closes it as a service would, step by step, and lets go of it.
  Status close();
  [[nodiscard]] bool running() const noexcept { return engine_.has_value(); }
  [[nodiscard]] Engine& engine() { return *engine_; }
  /// What Engine stands on; for calls that have no door that does not wait.
  [[nodiscard]] EngineCore& core() { return *core_; }
  [[nodiscard]] const EngineActor& ingress() const { return ingress_; }

  /// Delivers one message or runs one job, chosen by chance. False if there is none.
  bool step();
  /// step(), or time passes until something is left to do; false once it has passed in vain for long.
  bool go_on();
  /// What `call` answers, which waits for the lane of consumers or snapshots: steps are taken meanwhile, and no time
  /// passes; with a `wait` so much passes before the call, which itself waits no time at all, is told that it is over.
  /// Not from inside a step.
  template <class Call> auto wait_for(Call&& call, std::chrono::nanoseconds wait = {}) -> decltype(call()) {
    blocking_.blocked = true;
    blocking_.wait = wait;
    auto answer = in_steps(call);
    blocking_.blocked = false;
    blocking_.wait = {};
    return answer;
  }
  /// What `call` answers, which takes steps of the whole machine itself (Stepped); time may pass. Not from inside one.
  template <class Call> auto in_steps(Call&& call) -> decltype(call()) {
    auto answer = call();
    if (dying_) // nobody is there to be told
      return fail(Errc::closing, "the process died meanwhile");
    return answer;
  }
  /// A step from inside a call that waits, as what it tells of its progress may take.
  void step_inside() {
    const bool blocked = std::exchange(blocking_.blocked, false);
    static_cast<void>(step());
    blocking_.blocked = blocked;
  }
  /// From now on whoever waits for an answer gets none, until the next open().
  void die() noexcept { dying_ = true; }
  /// The simulated clock.
  [[nodiscard]] std::chrono::steady_clock::time_point now() const { return clock_->steady_now(); }
  [[nodiscard]] Timestamp wall() const { return clock_->now(); }
  void pass(std::chrono::nanoseconds time);
  /// The same bit by bit, with everything that there is to do in between and afterwards.
  void let_pass(std::chrono::nanoseconds time);

  /// Ends an actor that has got a message already and whose name contains `name`; false if there is none.
  bool end_actor(std::string_view name, caf::exit_reason why);
  [[nodiscard]] caf::actor_system& actors() noexcept { return *actors_; }

  [[nodiscard]] io::MemoryFileSystem& disk() { return *disk_; }
  void replace_disk(std::unique_ptr<io::MemoryFileSystem> disk) { disk_ = std::move(disk); }

  /// What was delivered from now on counts, or not.
  void count(bool on) noexcept { counting_ = on; }
  [[nodiscard]] std::uint64_t messages() const noexcept { return messages_; }
  /// Of all deliveries counted so far: to whom, and which kind of message, in their order.
  [[nodiscard]] std::uint64_t order_hash() const noexcept { return order_hash_; }
  /// Every message delivered, as text, when somebody wants to see them.
  void trace(std::vector<std::string>* lines) noexcept { trace_ = lines; }

private:
  void deliver();
  void note(caf::resumable& receiver);

  Chance chance_;
  caf::actor_system_config config_;
  std::optional<caf::actor_system> actors_;
  caf::scheduler::test_coordinator* mail_ = nullptr;
  std::unique_ptr<io::MemoryFileSystem> disk_;
  Timestamp now_;
  std::shared_ptr<EngineCore> core_;
  std::optional<Engine> engine_;
  EngineActor ingress_;
  // Of the running engine:
  io::ManualClock* clock_ = nullptr;
  io::ManualExecutor* executor_ = nullptr;
  io::ManualExecutor* lookups_ = nullptr;

  bool dying_ = false;
  Blocking blocking_{[this] { return step(); }, [this](std::chrono::nanoseconds time) { let_pass(time); }};
  std::size_t mail_weight_, work_weight_; // schedules differ in who is slow
  unsigned waits_in_vain_ = 0;
  std::map<caf::actor_id, std::pair<std::string, caf::actor_addr>> seen_;
  bool counting_ = true;
  std::uint64_t messages_ = 0;
  std::uint64_t order_hash_ = 0;
  std::vector<std::string>* trace_ = nullptr;
};

} // namespace weir::trust
