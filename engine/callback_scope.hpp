// Knows whether the current thread is inside a callback of ours.
//
// Purpose: user callbacks run on log and executor threads. A blocking store from one would wait for the very thread it
// sits on, so it is refused; this is how the store finds out.
// Threading: a counter per thread.
#pragma once

namespace weir {

class CallbackScope {
public:
  CallbackScope() noexcept { ++depth(); }
  ~CallbackScope() { --depth(); }
  CallbackScope(const CallbackScope&) = delete;
  CallbackScope& operator=(const CallbackScope&) = delete;
  [[nodiscard]] static bool active() noexcept { return depth() != 0; }

private:
  static int& depth() noexcept {
    thread_local int value = 0;
    return value;
  }
};

} // namespace weir
