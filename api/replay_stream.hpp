// A context's events in order: pulled (ReplayStream) or pushed under credit (ReplaySubscription).
//
// Threading: a ReplayStream is for one thread at a time; a ReplaySubscription may be used from any thread.
// Both may outlive the engine; then they answer `closing`.
#pragma once

#include <weir/event.hpp>
#include <weir/result.hpp>

#include <cstdint>
#include <memory>

namespace weir {

class ReplayCursor;
class ReplayPump;
class EngineCore;

class ReplayStream {
public:
  ReplayStream(ReplayStream&&) noexcept;
  ReplayStream& operator=(ReplayStream&&) noexcept;
  ~ReplayStream();

  /// The next events, in order; empty at the end. If events of the range are removed, a batch says which were passed
  /// over before its own (EventBatch::removed); going backward that is the empty one. The batch keeps its bytes alive
  /// and counts against EngineOptions::pinned_bytes_max until it is dropped; `overloaded` says that too much is pinned:
  /// drop batches and call again. `corruption` and `io_error` name the file.
  Result<EventBatch> next();

private:
  friend class Engine;
  explicit ReplayStream(std::unique_ptr<ReplayCursor> cursor);
  std::unique_ptr<ReplayCursor> cursor_;
};

class ReplaySubscription {
public:
  /// Lets `batches` more batches be pushed.
  void request(std::uint64_t batches);
  /// No callback starts after this returns, except one that is running now; on_end then gets `cancelled`.
  void cancel();

private:
  friend class Engine;
  explicit ReplaySubscription(std::shared_ptr<ReplayPump> pump) : pump_(std::move(pump)) {}
  std::shared_ptr<ReplayPump> pump_;
};

} // namespace weir
