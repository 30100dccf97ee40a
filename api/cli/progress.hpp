// How far long work has come: a line on a terminal, now and then.
//
// Threading: one thread at a time.
#pragma once

#include "api/cli/console.hpp"

#include <chrono>
#include <cstdint>
#include <string>
#include <string_view>

namespace weir::cli {

struct Progress {
  std::uint64_t events = 0;
  std::uint64_t done = 0;  ///< Of `total`, in whatever unit tells best how far the work is.
  std::uint64_t total = 0; ///< 0: nobody knows.
  std::chrono::milliseconds elapsed{0};
  std::string_view unit = "events";
};

/// "import  1,234,567 events  52,310/s  48 %  about 12 s left"
[[nodiscard]] std::string progress_text(std::string_view work, const Progress& progress);

/// 1234567 as "1,234,567".
[[nodiscard]] std::string with_separators(std::uint64_t number);
/// "0.42 s", "12 s", "3 min 20 s", "1 h 05 min".
[[nodiscard]] std::string duration_text(std::chrono::milliseconds duration);
/// Per second, rounded; 0 for no time at all.
[[nodiscard]] std::uint64_t rate_per_second(std::uint64_t count, std::chrono::milliseconds elapsed);

/// Shows the progress of `work` on a console, not for the first half second and then five times a second.
class ProgressLine {
public:
  /// `unit`: what is counted beside the part that is done.
  ProgressLine(Console& console, std::string_view work, std::string_view unit = "events")
      : console_(console), work_(work), unit_(unit) {}
  ~ProgressLine() { console_.clear_progress(); }
  ProgressLine(const ProgressLine&) = delete;
  ProgressLine& operator=(const ProgressLine&) = delete;

  void update(std::uint64_t events, std::uint64_t done, std::uint64_t total);
  [[nodiscard]] std::chrono::milliseconds elapsed() const;

private:
  Console& console_;
  std::string_view work_;
  std::string_view unit_;
  std::chrono::steady_clock::time_point start_ = std::chrono::steady_clock::now();
  std::chrono::milliseconds next_{500};
};

} // namespace weir::cli
