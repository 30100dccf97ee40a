// Lets calls in while something is open, and waits for those inside before it is taken down.
//
// Purpose: any thread may call an engine at any time, also while another closes it. Owner: whoever is called.
// Threading: enter and leave from any thread, also by one that is inside already (a callback that stores); open and
// shut by one thread at a time, never from inside. Invariant: once shut() has returned, nobody is inside.
#pragma once

#include <atomic>
#include <cstdint>
#include <utility>

namespace weir {

class Door {
public:
  /// Somebody inside; false if the door was shut.
  class Inside {
  public:
    explicit Inside(Door& door) noexcept : door_(door.enter() ? &door : nullptr) {}
    Inside(Inside&& other) noexcept : door_(std::exchange(other.door_, nullptr)) {}
    Inside& operator=(Inside&&) = delete;
    ~Inside() { leave(); }
    explicit operator bool() const noexcept { return door_ != nullptr; }
    void leave() noexcept {
      if (Door* const door = std::exchange(door_, nullptr))
        door->leave();
    }

  private:
    Door* door_;
  };

  void open() noexcept { state_.fetch_and(~shut_bit); }
  /// Lets nobody in any more and waits until everybody has left.
  void shut() noexcept {
    state_.fetch_or(shut_bit);
    for (std::uint32_t now = state_.load(); now != shut_bit; now = state_.load())
      state_.wait(now);
  }

private:
  static constexpr std::uint32_t shut_bit = 1u << 31;

  bool enter() noexcept {
    if ((state_.fetch_add(1) & shut_bit) == 0)
      return true;
    leave();
    return false;
  }
  void leave() noexcept {
    if (state_.fetch_sub(1) == (shut_bit | 1))
      state_.notify_all();
  }

  alignas(64) std::atomic<std::uint32_t> state_{shut_bit}; // how many are inside, and whether the door is shut
};

} // namespace weir
