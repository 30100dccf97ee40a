// Lines that somebody types, or that come through a pipe.
//
// Owner: a command that asks. Threading: one thread at a time; one Prompt at a time is at a terminal.
#pragma once

#include "api/cli/byte_source.hpp"
#include "api/cli/line_reader.hpp"

#include <weir/result.hpp>

#include <memory>
#include <optional>
#include <string>

namespace weir::cli {

class Prompt {
public:
  /// On standard input.
  static Result<Prompt> open();

  /// Somebody is there: lines can be edited, and come back with the arrow keys.
  [[nodiscard]] bool at_terminal() const noexcept { return !source_; }
  /// The next line without its end; nothing at the end of input. `text` is shown at a terminal. Errors: those of
  /// reading; `too_large`.
  Result<std::optional<std::string>> next(const std::string& text);

private:
  Prompt() = default;
  std::unique_ptr<FileSource> source_; // None: a terminal.
  std::unique_ptr<LineReader> lines_;
};

} // namespace weir::cli
