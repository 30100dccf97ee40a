// What a subscriber of the event queue wants, and what it gets.
//
// Purpose: shared by pulling, callbacks, messages and whatever else reads the queue. Threading: plain values.
#pragma once

#include <weir/event.hpp>
#include <weir/query.hpp>
#include <weir/result.hpp>

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

namespace weir {

/// Where a subscription begins.
class QueueStart {
public:
  /// With the oldest event (going backward: with the newest).
  QueueStart() = default;
  /// With the first event at `position` or later; going backward, with the last one before it. QueueBatch::next of the
  /// last batch that was dealt with goes on behind it, in either direction.
  [[nodiscard]] static QueueStart at(Position position) { return {Kind::position, position, {}}; }
  /// With events whose `recorded_at` is `time` or later; going backward, with those before it.
  [[nodiscard]] static QueueStart since(Timestamp time) { return {Kind::time, 0, time}; }
  /// With what becomes synced from now on. Going backward: with the newest event.
  [[nodiscard]] static QueueStart now() { return {Kind::now, 0, {}}; }

  enum class Kind : std::uint8_t { oldest, position, time, now };
  [[nodiscard]] Kind kind() const noexcept { return kind_; }
  [[nodiscard]] Position position() const noexcept { return position_; }
  [[nodiscard]] Timestamp time() const noexcept { return time_; }

private:
  QueueStart(Kind kind, Position position, Timestamp time) : kind_(kind), position_(position), time_(time) {}
  Kind kind_ = Kind::oldest;
  Position position_ = 0;
  Timestamp time_{};
};

struct SubscribeOptions {
  QueueStart from{};
  bool backward = false; ///< Newest first; ends with the oldest event. Implies follow = false.
  /// Go on with what is stored later. Off: the end is what was synced when the subscription began.
  bool follow = true;
  std::uint64_t limit = 0;          ///< End after this many events; 0: no limit.
  std::vector<std::string> types{}; ///< Only events of these types; empty: all.
  std::string context_prefix{};     ///< Only events whose context_id begins so; empty: all.
  /// Payloads as they were stored, whatever upcasters are registered. Off: as the newest version of their schema has
  /// them, and that is also what `where` judges.
  bool as_stored = false;
  std::optional<Expr> where{}; ///< Only events for which it is true (see field() in <weir/query.hpp>).
  /// Bounds of one batch, 1-1,024 events and 1 byte - 1 MiB. A batch of one event may be larger than the latter.
  std::size_t batch_events_max = 1'024;
  std::size_t batch_bytes_max = 1u << 20;

  /// `invalid_argument` naming the field, or what Query::validate() says of `where`.
  [[nodiscard]] Status validate() const;
};

/// A piece of the event queue, in position order.
///
/// A batch without events says how far the filter has got (`next`: what lies before it is dealt with, though nothing of
/// it matched), that the subscriber has caught up, or that time ran out.
struct QueueBatch {
  EventBatch events{};
  /// The checkpoint: a subscription that begins at(next) goes on right behind this batch, whatever happens in between.
  /// It counts filtered-out events too, and never lies behind an event that was not delivered yet.
  Position next = 0;
  /// Nothing was left when the batch was read: it ends with the last synced event (or at the end of the subscription).
  bool caught_up = false;
  /// The batch before this one had caught up, this one has not: more came in than fits into a batch.
  bool fell_behind = false;
  /// The subscription is at its end (going backward, `follow` off, or `limit` reached): there is no next batch.
  bool ended = false;
};

} // namespace weir
