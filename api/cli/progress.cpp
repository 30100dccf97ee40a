#include "api/cli/progress.hpp"

#include "engine/text.hpp"

namespace weir::cli {

std::string with_separators(std::uint64_t number) {
  std::string text = std::to_string(number);
  for (std::size_t i = text.size(); i > 3; i -= 3)
    text.insert(i - 3, 1, ',');
  return text;
}

std::string duration_text(std::chrono::milliseconds duration) {
  const auto seconds = duration.count() / 1000;
  if (seconds < 10)
    return format("{}.{:02} s", seconds, duration.count() % 1000 / 10);
  if (seconds < 60)
    return format("{} s", seconds);
  if (seconds < 3600)
    return format("{} min {:02} s", seconds / 60, seconds % 60);
  return format("{} h {:02} min", seconds / 3600, seconds / 60 % 60);
}

std::uint64_t rate_per_second(std::uint64_t count, std::chrono::milliseconds elapsed) {
  if (elapsed.count() <= 0)
    return 0;
  return static_cast<std::uint64_t>(static_cast<double>(count) * 1000.0 / static_cast<double>(elapsed.count()) + 0.5);
}

std::string progress_text(std::string_view work, const Progress& progress) {
  std::string text = format("{}  {} {}  {}/s", work, with_separators(progress.events), progress.unit,
                            with_separators(rate_per_second(progress.events, progress.elapsed)));
  if (progress.total == 0 || progress.done == 0 || progress.done > progress.total)
    return text;
  const double part = static_cast<double>(progress.done) / static_cast<double>(progress.total);
  const double left_s = static_cast<double>(progress.elapsed.count()) / 1000.0 * (1.0 / part - 1.0);
  text += format("  {} %", static_cast<int>(part * 100.0));
  if (left_s >= 0.5 && left_s < 1e8) // Tenths of a guess are of no use to anybody.
    text +=
        format("  about {} left", left_s < 10 ? format("{:.0f} s", left_s)
                                              : duration_text(std::chrono::seconds(static_cast<long long>(left_s))));
  return text;
}

std::chrono::milliseconds ProgressLine::elapsed() const {
  return std::chrono::duration_cast<std::chrono::milliseconds>(std::chrono::steady_clock::now() - start_);
}

void ProgressLine::update(std::uint64_t events, std::uint64_t done, std::uint64_t total) {
  if (!console_.shows_progress())
    return;
  const auto now = elapsed();
  if (now < next_)
    return;
  next_ = now + std::chrono::milliseconds(200);
  console_.progress(progress_text(work_, {events, done, total, now, unit_}));
}

} // namespace weir::cli
