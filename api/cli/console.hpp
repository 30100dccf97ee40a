// Standard error: messages a line each, and one line of progress that is written over itself.
//
// Owner: main. Threading: thread-safe; messages and progress may come from different threads.
// Invariants: progress is shown on a terminal only, and never mixes with the text of a message.
#pragma once

#include <weir/result.hpp>

#include <mutex>
#include <string>
#include <string_view>

namespace weir::cli {

/// "weir: <message> (<where>)", in one line whatever the error holds.
[[nodiscard]] std::string error_line(const Error& error);

class Console {
public:
  explicit Console(int descriptor);

  void error(const Error& error) { line(error_line(error)); }
  /// `text` and a line feed, as they are.
  void line(std::string_view text);
  /// Replaces the line of progress; nothing where it is not shown.
  void progress(std::string_view text);
  void clear_progress();
  [[nodiscard]] bool shows_progress() const noexcept { return shows_progress_; }

private:
  void write(const std::string& text) const;
  /// The bytes that take away what progress() left.
  std::string erase_progress();

  int descriptor_;
  bool shows_progress_;
  std::mutex mutex_;
  bool progress_visible_ = false;
};

} // namespace weir::cli
