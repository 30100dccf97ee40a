// The names that completion proposes, read from the data while somebody types.
//
// Purpose: event types, fields and views are known to Tab without anybody waiting for them.
// Owner: the shell. Threading: a thread of its own reads events once; names() may be called from any thread and never
// waits for it.
// Invariants: the work is bounded: the last events_max events, at most bytes_max of them, and one count of types that
// gives up after a few seconds. What cannot be read is not proposed, and no error.
#pragma once

#include "api/cli/completion.hpp"
#include <weir/engine.hpp>

#include <atomic>
#include <cstddef>
#include <memory>
#include <mutex>
#include <set>
#include <string>
#include <string_view>
#include <thread>

namespace weir::cli {

/// Gathers names from events.
class NameCollector {
public:
  static constexpr std::size_t fields_max = 2'000;
  static constexpr std::size_t types_max = 5'000;
  static constexpr std::size_t depth_max = 4; ///< Objects inside of one another.

  NameCollector(); ///< Knows the core fields.
  void add_type(std::string_view event_type);
  /// The paths of a document, `root` being "payload" or "metadata". Text that is no JSON has none.
  void add_document(std::string_view root, std::string_view json);
  [[nodiscard]] CompletionNames names() const;

private:
  std::set<std::string> types_, fields_;
};

class CompletionNamesReader {
public:
  static constexpr std::uint64_t events_max = 1'000;
  static constexpr std::size_t bytes_max = 4 * 1024 * 1024;

  /// Begins to read. `engine` must outlive it.
  explicit CompletionNamesReader(const Engine& engine);
  ~CompletionNamesReader();
  CompletionNamesReader(const CompletionNamesReader&) = delete;
  CompletionNamesReader& operator=(const CompletionNamesReader&) = delete;

  /// What is known by now: views as they are, types and fields as far as they have been read.
  [[nodiscard]] CompletionNames names() const;
  /// Until everything that will be known is.
  void wait();

private:
  void run();
  void sample(NameCollector& names) const;
  void count_types(NameCollector& names) const;
  void publish(const NameCollector& names);

  const Engine& engine_;
  std::shared_ptr<std::atomic<bool>> stopped_ = std::make_shared<std::atomic<bool>>(false);
  mutable std::mutex mutex_;
  CompletionNames names_; ///< Without views.
  std::thread thread_;
};

} // namespace weir::cli
