#include "api/cli/prompt.hpp"

#include "api/cli/terminal.hpp"
#include "engine/text.hpp"

#include <clocale>
#include <cstdlib>
#include <editline/readline.h>
#include <unistd.h>
#include <utility>

namespace weir::cli {

Result<Prompt> Prompt::open() {
  Prompt prompt;
  if (is_terminal(STDIN_FILENO)) {
    std::setlocale(LC_CTYPE, ""); // Else letters beyond ASCII could not be typed.
    return prompt;
  }
  auto source = FileSource::open("-", nullptr);
  if (!source)
    return std::move(source).error();
  prompt.source_ = std::move(*source);
  prompt.lines_ = std::make_unique<LineReader>(*prompt.source_);
  return prompt;
}

Result<std::optional<std::string>> Prompt::next(const std::string& text) {
  if (at_terminal()) {
    const std::unique_ptr<char, void (*)(void*)> line(readline(text.c_str()), std::free);
    if (!line)
      return std::optional<std::string>();
    if (*line != '\0')
      add_history(line.get());
    return std::optional<std::string>(line.get());
  }
  const auto line = lines_->next();
  if (!line)
    return line.error();
  if (!*line)
    return std::optional<std::string>();
  if ((*line)->too_long)
    return fail(Errc::too_large, format("line {} is too long", (*line)->number), source_->name());
  return std::optional<std::string>((*line)->text);
}

} // namespace weir::cli
