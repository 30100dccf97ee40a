// The event queue by itself: add events, read them by position, wait for the next, search them, correct them.
//
// Purpose: the face of the engine's event queue for services that think in one list of events with a version each (the
// position), as EventSourcingDB does. Everything here is an event of the engine like any other. Threading: thread-safe.
// Owner: the service; it may outlive the engine, and then answers `closing`. Events are read as they were stored:
// corrections count for projections.
#pragma once

#include <weir/engine.hpp>
#include <weir/event.hpp>
#include <weir/json_value.hpp>
#include <weir/result.hpp>

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace weir {

/// An event with its place, and its payload read.
struct QueuedEvent {
  Position v = 0; ///< Its position: grows with every event, with gaps; none ever comes again.
  std::string type{};
  Json data{}; ///< The payload, an object.
  Timestamp ts{};
  std::string context_id{};
  Sequence sequence = 0;
  std::size_t size = 0; ///< Of the payload's text, bytes.
};

struct EventQueueOptions {
  std::string context_id = "queue"; ///< Of events added without one: then all are in one order.
};

struct EventSearch {
  std::vector<std::string> types{}; ///< Empty: all.
  std::string context_id{};         ///< Empty: all.
  std::optional<Timestamp> since{}; ///< `ts` is not before.
  std::optional<Timestamp> until{}; ///< `ts` is before.
  bool newest_first = false;
  std::uint64_t limit = 1'000;
  std::uint64_t offset = 0;
};

class EventQueue {
public:
  explicit EventQueue(const Engine& engine, EventQueueOptions options = {});
  explicit EventQueue(std::shared_ptr<EngineCore> core, EventQueueOptions options = {});

  /// Stores an event, durable when it returns. `data`: an object, or null for {}. Calls of one thread to one context
  /// keep their order. Errors: those of Engine::store; `invalid_argument` for data of another kind.
  Result<QueuedEvent> add(std::string type, const Json& data = {}, std::optional<Timestamp> ts = {},
                          std::string context_id = {});
  /// The event at this position. Errors: those of Engine::subscribe.
  Result<std::optional<QueuedEvent>> get(Position v) const;
  /// The first event behind `v`. Waits for one unless `once`, or until `timeout_ms` has passed or cancel_next() is
  /// called; then there is none.
  Result<std::optional<QueuedEvent>> get_next(Position v = 0, bool once = false,
                                              std::optional<std::chrono::milliseconds> timeout_ms = {});
  /// Ends every get_next() that waits now.
  void cancel_next();
  /// The position of the last event that is synced; 0: there is none.
  Result<Position> latest_version() const;
  /// The next event gets a position above `v`, as those of all later ones are: for a log that goes on where another one
  /// ended. Errors: `too_large` beyond 2^62; as Engine::store.
  Status set_known(Position v);
  /// Events by type, context and time, by position. Errors: those of Engine::query.
  Result<std::vector<QueuedEvent>> search(const EventSearch& search = {}) const;
  /// Corrects the event at `event.v`: projections that have not applied it yet, and all that are made anew, see this
  /// type and data in the place of what is stored. Returns the receipt of the correction, an event of its own. Errors:
  /// `not_found`; those of Engine::store.
  Result<Receipt> set(const QueuedEvent& event);

private:
  struct Waiting;
  std::shared_ptr<EngineCore> core_;
  EventQueueOptions options_;
  std::shared_ptr<Waiting> waiting_;
};

} // namespace weir
