// The event queue for services: every synced event, once, in position order. Pulled (Subscription) or pushed under
// credit (PushSubscription); Engine::subscribe makes them.
//
// What a subscriber sees is synced: no crash takes it away, and nothing appears later before it. A subscriber that is
// slow or stops altogether costs bounded memory (a batch, and its share of EngineOptions::catch_up_bytes) and holds up
// nobody: events wait in segments, not in a buffer. Batches that are kept count against EngineOptions::pinned_bytes_max
// of all readers together; once it is used up nobody gets another until some are dropped: next() answers `overloaded`,
// and pushes wait. So the batches of an engine take that much at the most, and one for each subscriber on top of it.
//
// Threading: a Subscription is for one thread at a time, except cancel(); a PushSubscription may be used from any
// thread. Both may outlive the engine; then they answer `closing`.
//
//   auto events = engine.subscribe({.from = weir::QueueStart::at(checkpoint), .types = {"OrderPlaced"}});
//   while (true) {
//     auto batch = events->next();                       // waits until there is something
//     if (!batch) break;                                 // `closing`, `cancelled`, `shard_failed`, ...
//     for (const weir::EventView& event : batch->events) project(event);
//     save_checkpoint(batch->next);
//     if (batch->ended) break;                           // never without a limit while `follow` is on
//   }
#pragma once

#include <weir/event.hpp>
#include <weir/result.hpp>
#include <weir/subscribe_options.hpp>

#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>

namespace weir {

class PulledQueue;
class PushedQueue;

class Subscription {
public:
  Subscription(Subscription&&) noexcept;
  Subscription& operator=(Subscription&&) noexcept;
  ~Subscription();

  /// The next piece of the queue. Waits until there is an event that passes the filter, until the filter has dropped
  /// some 65,536 events (so that a checkpoint can be kept), the subscriber has caught up (told once each time, with an
  /// empty batch if need be), or `timeout_ms` has passed (an empty batch; none: no limit; 0: does not wait). After the
  /// end: empty batches that say `ended`.
  /// Batches keep their bytes alive and count against EngineOptions::pinned_bytes_max until they are dropped.
  /// Errors: `closing`, `cancelled`; `shard_failed` once everything that is safe from a failed shard's loss has been
  /// delivered; `overloaded` while live batches pin too much (drop some and call again); `corruption` and `io_error`,
  /// naming the file. After an error nothing is lost: calling again reads on where the last batch ended.
  /// `invalid_argument` from inside a callback of an engine, if it would have to wait.
  Result<QueueBatch> next(std::optional<std::chrono::milliseconds> timeout_ms = std::nullopt);
  /// The checkpoint of the last batch (see QueueBatch::next), or where the subscription begins.
  [[nodiscard]] Position position() const;
  /// Ends a next() that waits, and later ones, with `cancelled`. Any thread.
  void cancel();

private:
  friend class Engine;
  explicit Subscription(std::unique_ptr<PulledQueue> queue);
  std::unique_ptr<PulledQueue> queue_;
};

/// Dropping it cancels the subscription. A copy of a batch keeps its bytes alive and counts against
/// EngineOptions::pinned_bytes_max until it is dropped; while that is used up no batch is pushed, whatever the credit,
/// and the subscription goes on by itself as soon as some are dropped, by whomever.
class PushSubscription {
public:
  using OnBatch = std::function<void(const QueueBatch&)>;
  using OnEnd = std::function<void(Status)>;

  PushSubscription(PushSubscription&&) noexcept;
  PushSubscription& operator=(PushSubscription&&) noexcept;
  ~PushSubscription();

  /// Lets `batches` more batches be pushed.
  void request(std::uint64_t batches);
  /// No batch is pushed after this returns, except one that is running now; on_end then gets `cancelled`.
  void cancel();

private:
  friend class Engine;
  explicit PushSubscription(std::shared_ptr<PushedQueue> queue);
  std::shared_ptr<PushedQueue> queue_;
};

} // namespace weir
