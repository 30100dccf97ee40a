// The work of `weir import`: lines in, events stored, every line accounted for.
//
// Purpose: streams any number of events through a bounded window of asynchronous stores; one thread sends, so events of
// one context are stored in the order of the file.
// Threading: run() once, from one thread; ImportEvents is called from another, never by two at a time.
#pragma once

#include "api/cli/console.hpp"
#include "api/cli/line_reader.hpp"
#include "api/cli/store_window.hpp"
#include "engine/json/json.hpp"
#include <weir/engine.hpp>

#include <atomic>
#include <functional>
#include <optional>

namespace weir::cli {

enum class OnError : std::uint8_t {
  stop, ///< Nothing behind the bad line is sent.
  skip, ///< Bad lines are reported and counted.
};

/// True for errors that say something of the one event they refuse, false for those that concern the engine.
[[nodiscard]] bool concerns_the_event(Errc code) noexcept;

/// How lines become events.
struct LineOptions {
  /// Where in the line, from its root, each event's id is; empty: where its format has it. A string, or an integer
  /// whose digits are the id.
  json::Path event_id_field;
};

class Importer {
public:
  struct Handlers {
    /// An event is durable. An error ends the import.
    std::function<Status(std::uint64_t line, const std::string& context_id, const Receipt&)> acknowledged;
    std::function<Status()> idle;
    /// Called before each line with the number of events stored so far.
    std::function<void(std::uint64_t stored)> progress;
  };

  /// `source` names the input in errors.
  Importer(Engine& engine, Console& console, std::string source, OnError on_error, LineOptions line_options,
           Handlers handlers);

  /// Reads to the end, or to the first error that ends the import; then waits until everything sent is answered.
  Status run(LineReader& lines);

  [[nodiscard]] std::uint64_t stored() const noexcept { return stored_; }
  /// Of these, events that had been stored before, by their ids.
  [[nodiscard]] std::uint64_t duplicates() const noexcept { return duplicates_; }
  [[nodiscard]] std::uint64_t skipped() const noexcept { return skipped_; }

private:
  Status send(const Line& line, StoreWindow& window);
  /// The event of one line. The first line says whether all are CloudEvents.
  Result<Event> parse(std::string_view line);
  void take(const StoreWindow::Call& call, const Result<Receipt>& answer);
  /// A line that cannot be stored: reported and counted, or the error that ends the import.
  Status refuse(std::uint64_t line, const Error& why);
  void end_with(Status status);
  [[nodiscard]] Error line_error(std::uint64_t line, const Error& why) const;

  Engine& engine_;
  Console& console_;
  std::string source_;
  OnError on_error_;
  LineOptions line_options_;
  Handlers handlers_;
  std::optional<bool> cloud_events_; ///< Not known before the first line.
  std::atomic<std::uint64_t> stored_{0};
  std::atomic<std::uint64_t> duplicates_{0};
  std::atomic<std::uint64_t> skipped_{0};
  std::atomic<bool> ended_{false};
  std::mutex mutex_;
  Status end_; ///< Why it ended: the first error. Guarded by mutex_.
};

} // namespace weir::cli
