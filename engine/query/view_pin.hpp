// What keeps the views of a stream, and lets go of them at its deadline though nobody reads.
//
// Purpose: segments that were merged away, and memory, stay as long as a view holds them; a reader that forgets its
// stream must not keep them for ever.
// Threading: any thread.
#pragma once

#include "engine/shard_view.hpp"

#include <chrono>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <utility>
#include <vector>

namespace weir::query {

class ViewPin {
public:
  explicit ViewPin(std::vector<ShardView> views) : views_(std::move(views)) {}

  /// Nothing: it was let go of.
  [[nodiscard]] std::optional<std::vector<ShardView>> views() const;
  void release() noexcept;

private:
  mutable std::mutex mutex_;
  std::optional<std::vector<ShardView>> views_;
};

/// The pins of an engine by their deadlines. Whoever owns it lends it a timer: one, however many streams are open.
class ViewPins {
public:
  using Time = std::chrono::steady_clock::time_point;
  /// No deadline is noticed later than this.
  static constexpr std::chrono::seconds lateness_max{1};

  /// True: a timer must be set, to call release_expired() in wait() from now.
  bool add(const std::shared_ptr<ViewPin>& pin, Time deadline);
  /// Lets go of those whose deadline has come. True: as for add().
  bool release_expired(Time now);
  /// Until the earliest deadline, at most `lateness_max`.
  [[nodiscard]] std::chrono::nanoseconds wait(Time now) const;
  /// All of them.
  void release_all();

private:
  mutable std::mutex mutex_;
  std::multimap<Time, std::weak_ptr<ViewPin>> pins_;
  bool timed_ = false;
};

} // namespace weir::query
