// What all merges of an engine share: whose turn it is, whether the background may work, and how fast.
//
// Purpose: one merge at a time in the whole engine, whoever wants it: the compactor, or a call of compact(), which goes
// first. Merges count here what they read and write, and are held back here when only so much a second is allowed: in
// the thread of the compaction or the catch-up lane, which are for nothing else, and never for longer than a moment
// without asking whether the work still goes on. Owner: EngineParts; outlives every job. Threading: any thread, except
// that a Task and what the meter is told of belong to who has the turn. Invariants: at most one Turn lives; while a
// Claim lives or compaction is paused, the background gets none.
#pragma once

#include "engine/byte_rate.hpp"
#include "engine/io/clock.hpp"
#include "engine/ports.hpp"
#include "segments/metered_file.hpp"

#include <atomic>
#include <chrono>
#include <condition_variable>
#include <cstdint>
#include <functional>
#include <memory>
#include <mutex>

namespace weir {

class CompactionControl final : public segments::TransferMeter {
public:
  /// Lets some of this time pass; for tests that are their own clock.
  using Wait = std::function<void(std::chrono::nanoseconds)>;

  /// Before there are threads. `clock` outlives this; without `wait` the thread itself waits. Never called: no bound.
  void begin(const io::Clock& clock, std::uint64_t bytes_per_second_max, Wait wait = {});

  /// In force at once, for a merge that is held back as well. 0: no bound.
  void set_rate(std::uint64_t bytes_per_second_max);
  [[nodiscard]] std::uint64_t bytes_per_second_max() const;

  void pause();
  void resume();
  [[nodiscard]] bool paused() const noexcept { return paused_.load(); }
  /// Whoever is held back or waits for the turn looks at once whether he may still go on.
  void wake();

  /// The right to merge; goes back with the last copy of the pointer.
  class Turn {
  public:
    explicit Turn(CompactionControl& control) : control_(control) {}
    ~Turn() { control_.give_back(); }
    Turn(const Turn&) = delete;
    Turn& operator=(const Turn&) = delete;

  private:
    CompactionControl& control_;
  };
  using TurnPtr = std::shared_ptr<Turn>;

  /// For the background: null if somebody has the turn or a claim on it, or compaction is paused.
  [[nodiscard]] TurnPtr take_in_background();
  /// Whether take_in_background() would give one.
  [[nodiscard]] bool free_for_background() const;
  /// Somebody has the turn.
  [[nodiscard]] bool taken() const;
  /// The background is to make room soon.
  [[nodiscard]] bool claimed() const;

  /// While it lives, the turn goes to who has a claim.
  class Claim {
  public:
    explicit Claim(CompactionControl& control);
    ~Claim();
    Claim(const Claim&) = delete;
    Claim& operator=(const Claim&) = delete;
    /// Waits for up to `time` until the turn is free; null if it is not.
    [[nodiscard]] TurnPtr take(std::chrono::milliseconds time);

  private:
    CompactionControl& control_;
  };

  /// Says for whom the meter is told: work that is held back ends once `may_go_on` says so.
  class Task {
  public:
    Task(CompactionControl& control, const MayGoOn& may_go_on) : control_(control) { control_.may_go_on_ = &may_go_on; }
    ~Task() { control_.may_go_on_ = nullptr; }
    Task(const Task&) = delete;
    Task& operator=(const Task&) = delete;

  private:
    CompactionControl& control_;
  };

  struct Bytes {
    std::uint64_t read = 0;
    std::uint64_t written = 0;
    [[nodiscard]] std::uint64_t sum() const noexcept { return read + written; }
  };
  /// By all merges since the engine was opened.
  [[nodiscard]] Bytes moved() const noexcept { return {read_.load(), written_.load()}; }

  Status before_read(std::uint64_t bytes) override;
  Status before_write(std::uint64_t bytes) override;

private:
  Status hold_back(std::uint64_t bytes);
  void give_back();

  const io::Clock* clock_ = nullptr;
  Wait wait_;
  const MayGoOn* may_go_on_ = nullptr; ///< Of who has the turn, in his thread.
  std::atomic<std::uint64_t> read_{0}, written_{0};
  std::atomic<bool> paused_{false};

  mutable std::mutex mutex_;
  std::condition_variable changed_;
  ByteRate rate_;
  std::uint64_t wakes_ = 0;
  bool taken_ = false;
  unsigned claims_ = 0;
};

} // namespace weir
