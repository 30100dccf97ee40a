#include "api/cli/console.hpp"

#include "api/cli/printable.hpp"
#include "api/cli/terminal.hpp"

#include <cerrno>
#include <unistd.h>
#include <utility>

namespace weir::cli {

std::string error_line(const Error& error) {
  std::string text = "weir: ";
  append_printable(text, error.message);
  if (!error.where.empty()) {
    text += " (";
    append_printable(text, error.where);
    text += ')';
  }
  return text;
}

Console::Console(int descriptor) : descriptor_(descriptor), shows_progress_(is_terminal(descriptor)) {
}

void Console::line(std::string_view text) {
  const std::lock_guard lock(mutex_);
  write(erase_progress().append(text) + '\n');
}

void Console::progress(std::string_view text) {
  if (!shows_progress_)
    return;
  std::string shown(text);
  if (const std::size_t width = terminal_width(descriptor_); width > 1)
    cut_to_width(shown, width - 1); // A line that wraps could not be taken away again.
  const std::lock_guard lock(mutex_);
  write(erase_progress() + shown);
  progress_visible_ = true;
}

void Console::clear_progress() {
  const std::lock_guard lock(mutex_);
  write(erase_progress());
}

std::string Console::erase_progress() {
  return std::exchange(progress_visible_, false) ? "\r\x1b[K" : "";
}

void Console::write(const std::string& text) const {
  std::string_view rest = text;
  while (!rest.empty()) {
    const ssize_t written = ::write(descriptor_, rest.data(), rest.size());
    if (written >= 0)
      rest.remove_prefix(static_cast<std::size_t>(written));
    else if (errno != EINTR)
      return; // There is nobody left to tell.
  }
}

} // namespace weir::cli
