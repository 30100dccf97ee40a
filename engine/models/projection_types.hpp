// How a projection is set up, how it is doing, and how it is made anew.
//
// Purpose: options and reports of EventSourcingDB, shared by the layers below it. Threading: plain values; callbacks
// say their thread.
#pragma once

#include <weir/event.hpp>
#include <weir/event_sourcing.hpp>
#include <weir/result.hpp>

#include <atomic>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace weir {

struct EventSourcingOptions {
  /// 1-64 of [a-z0-9_-]: the database is models/NAME.db of the engine's directory; messages begin with it.
  std::string name = "models";
  std::vector<ModelDefinition> models{};
  OnFailure on_failure = OnFailure::halt;
  /// The service's number for its functions and columns: with another one than the database was made with it is made
  /// anew from the first event when it is opened.
  std::uint64_t revision = 0;
  /// The context of dispatched events that say none; empty: the name.
  std::string context_id{};
  /// An event whose functions take longer together has failed: whoever waits is told so while they still run, and what
  /// they did is undone once they are through. At least 1 ms.
  std::chrono::milliseconds event_time_max_ms{30'000};
  /// After a failure it is tried again by itself, first after so long, then after twice that, up to the longest.
  std::chrono::milliseconds retry_first_ms{5'000};
  std::chrono::milliseconds retry_longest_ms{300'000};
  std::size_t batch_events_max = 1'024; ///< Applied in one transaction, 1-1,024.
  /// Where no function of the service's runs for an event, what a few events change stays in an open transaction so
  /// long, 0-1,000 ms, for those that come next to share the commit. Whoever reads through this EventSourcingDB commits
  /// it first, and sees all that is applied; a read-only one in another process sees it at the commit. A lone write
  /// then is applied while the log is being synced for it, and a read waits for that sync. 0: each batch is committed
  /// when it is applied.
  std::chrono::milliseconds commit_within_ms{50};
  std::size_t readers_max = 4; ///< See ModelDatabaseOptions.
  /// Every page of the database is checked when it is opened; a damaged one is put aside and made anew. Reads the whole
  /// file; without it damage shows when a page is used.
  bool check_on_open = true;

  /// `invalid_argument` naming the option. The definitions are checked when they are used.
  [[nodiscard]] Status validate() const;
};

enum class ProjectionState : std::uint8_t {
  running,
  halted,  ///< At an event that cannot be applied (OnFailure::halt), until a retry works.
  failing, ///< The database cannot be written; tried again by itself.
  late,    ///< The functions of an event run longer than they may, and have not come back.
  closed,  ///< Its engine, or it itself, is closed, or the event queue has ended.
};
[[nodiscard]] std::string_view to_string(ProjectionState state) noexcept;

struct ProjectionHealth {
  std::string name{};
  ProjectionState state = ProjectionState::running;
  Position position = 0;                  ///< Events before it are applied, or dead letters.
  std::uint64_t events_applied = 0;       ///< Since the database was made.
  std::uint64_t lag_events = 0;           ///< Synced events it has not applied yet.
  std::chrono::milliseconds lag_ms{0};    ///< How long the oldest of them has been stored.
  std::optional<Error> failure{};         ///< Why it is not running.
  Position failed_position = 0;           ///< Of the event concerned, if there is one; 0: none.
  std::uint32_t attempts = 0;             ///< At that event, so far.
  std::vector<std::string> quarantined{}; ///< Contexts that have stopped.
  bool rebuilding = false;
};

struct RebuildProgress {
  std::uint64_t events = 0;      ///< Applied so far.
  std::uint64_t events_left = 0; ///< About.
};

struct RebuildOptions {
  /// Called in the caller's thread, after each transaction. If it throws, the rebuild ends as if it were cancelled, and
  /// the error is `invalid_argument` with what was thrown.
  std::function<void(const RebuildProgress&)> progress{};
  std::shared_ptr<std::atomic<bool>> cancel{}; ///< Set it to true from any thread: `cancelled`.
};

struct RebuildReport {
  std::uint64_t events = 0; ///< Applied.
  Position position = 0;    ///< Where the live model goes on.
  std::chrono::milliseconds duration_ms{0};
};

} // namespace weir
