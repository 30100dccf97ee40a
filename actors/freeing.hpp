// How many queries' leftovers wait to be freed.
//
// Purpose: what waits is memory that no limit of a query counts, so there must not be much of it, and freeing it takes
// longer than a cancelled query may take to say so. So nobody frees before his answer; who would begin another query
// waits instead, while he can still be cancelled.
// Owner: the engine, shared with the jobs that free. Threading: any thread.
#pragma once

#include <weir/result.hpp>

#include "engine/query/control.hpp"

#include <chrono>
#include <condition_variable>
#include <cstddef>
#include <memory>
#include <mutex>

namespace weir {

class Freeing {
public:
  /// So many may wait before the next query has to.
  static constexpr std::size_t pending_max = 2;
  /// Nobody waits longer: where no thread is left to free, one query more does not matter.
  static constexpr std::chrono::milliseconds wait_max{2'000};

  /// One more that waits to be freed, until the last copy of what is returned is gone.
  [[nodiscard]] static std::shared_ptr<void> begin(const std::shared_ptr<Freeing>& freeing);
  /// Returns once there is room, or after wait_max. Errors: as query::check(), within some milliseconds.
  Status wait_for_room(const query::QueryControl& control);

private:
  std::mutex mutex_;
  std::condition_variable changed_;
  std::size_t pending_ = 0;
};

} // namespace weir
