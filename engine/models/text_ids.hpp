// Ids for objects that come without one.
//
// Purpose: time-based UUIDs (version 7 of RFC 9562): they sort by when they were made, and tell nothing of the machine.
// Owner: a JsonModel. Threading: thread-safe. Invariants: the ids of one object ascend, even if the clock goes back.
#pragma once

#include "engine/io/clock.hpp"
#include "engine/io/random.hpp"

#include <cstddef>
#include <cstdint>
#include <memory>
#include <mutex>
#include <string>

namespace weir {

class TextIds {
public:
  TextIds(std::unique_ptr<io::Clock> clock, std::unique_ptr<io::Random> random)
      : clock_(std::move(clock)), random_(std::move(random)) {}

  /// "018f3b1e-7c2a-7d4e-9a1b-2c3d4e5f6a7b"
  [[nodiscard]] std::string next();
  /// `count` random characters of [a-z0-9].
  [[nodiscard]] std::string letters(std::size_t count);

private:
  std::mutex mutex_;
  std::unique_ptr<io::Clock> clock_;
  std::unique_ptr<io::Random> random_;
  std::uint64_t last_ms_ = 0;
  std::uint64_t high_ = 0, low_ = 0; ///< 12 and 62 bits
};

} // namespace weir
