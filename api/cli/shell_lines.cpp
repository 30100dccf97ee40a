#include "api/cli/shell_lines.hpp"

#include "engine/text.hpp"

#include <algorithm>
#include <array>
#include <cerrno>
#include <clocale>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <cwchar>
#include <editline/readline.h>
#include <memory>
#include <poll.h>
#include <string_view>
#include <unistd.h>
#include <utility>

namespace weir::cli {
namespace {

// The library calls plain functions, so it has to be found from there.
ShellEditor* editor = nullptr;

constexpr std::array<std::string_view, 6> commands = {"\\?", "\\explain", "\\format", "\\plot", "\\q", "\\timing"};

int next_character(FILE*) {
  return editor->read_character();
}

char* copy(std::string_view text) {
  char* const bytes = static_cast<char*>(std::malloc(text.size() + 1)); // the library frees it
  if (bytes == nullptr)
    std::abort();
  std::memcpy(bytes, text.data(), text.size());
  bytes[text.size()] = '\0';
  return bytes;
}

/// Called before the prompt is shown. The library itself would switch the terminal over only behind the prompt, and a
/// Ctrl-D pressed in between would be lost.
int take_terminal() {
  rl_prep_terminal(1);
  return 0;
}

/// What all of them begin with. Precondition: sorted, not empty.
std::string_view common_beginning(const std::vector<std::string>& words) {
  const std::string_view first = words.front(), last = words.back();
  const auto differs = std::mismatch(first.begin(), first.end(), last.begin(), last.end());
  return first.substr(0, static_cast<std::size_t>(differs.first - first.begin()));
}

/// The library wants what they have in common, then each of them.
char** propose(const char*, int, int end) {
  rl_attempted_completion_over = 1; // no names of files
  const auto found = editor->proposals(rl_line_buffer, static_cast<std::size_t>(std::max(end, 0)));
  if (found.words.empty())
    return nullptr;
  char** const matches = static_cast<char**>(std::calloc(found.words.size() + 2, sizeof(char*)));
  if (matches == nullptr)
    std::abort();
  matches[0] = copy(common_beginning(found.words));
  for (std::size_t i = 0; i < found.words.size(); ++i)
    matches[i + 1] = copy(found.words[i]);
  const char last = found.words.front().back();
  rl_completion_append_character = last == '(' ? '\0' : ' ';
  return matches;
}

} // namespace

Result<ShellLine> PipedLines::next(const std::string&, const std::string&) {
  auto line = input_.next({});
  if (!line)
    return line.error();
  if (!*line)
    return ShellLine{ShellLine::Kind::end, {}};
  return ShellLine{ShellLine::Kind::text, **std::move(line)};
}

ShellEditor::ShellEditor(Interrupt& interrupt, ShellHistory history, Names names)
    : interrupt_(interrupt), history_(std::move(history)), names_(std::move(names)) {
  editor = this;
  std::setlocale(LC_CTYPE, ""); // Else letters beyond ASCII could not be typed.
  rl_readline_name = "weir";
  rl_catch_signals = 0; // Ours tell of Ctrl-C; the library's would end the program.
  rl_pre_input_hook = take_terminal;
  rl_getc_function = next_character;
  rl_attempted_completion_function = propose;
  rl_completer_word_break_characters = const_cast<char*>(completion_breaks); // only read
  rl_basic_word_break_characters = completion_breaks;
  using_history();
  stifle_history(static_cast<int>(ShellHistory::entries_max));
  for (const std::string& entry : history_.load())
    add_history(entry.c_str());
}

ShellEditor::~ShellEditor() {
  editor = nullptr;
}

Result<ShellLine> ShellEditor::next(const std::string& prompt, const std::string& begun) {
  begun_ = begun;
  dropped_ = false;
  interrupt_.clear();
  signals_.emplace();
  const std::unique_ptr<char, void (*)(void*)> line(readline(prompt.c_str()), std::free);
  signals_.reset();
  if (dropped_)
    return ShellLine{ShellLine::Kind::dropped, {}};
  if (!line) {
    [[maybe_unused]] const auto written = ::write(STDERR_FILENO, "\n", 1); // else the shell's prompt stands behind ours
    return ShellLine{ShellLine::Kind::end, {}};
  }
  return ShellLine{ShellLine::Kind::text, line.get()};
}

void ShellEditor::remember(const std::string& text) {
  std::string entry = text;
  std::replace(entry.begin(), entry.end(), '\n', ' '); // a line is all that can be edited
  add_history(entry.c_str());
  history_.add(entry);
}

Completions ShellEditor::proposals(std::string_view line, std::size_t cursor) const {
  const std::string_view typed = line.substr(0, cursor);
  if (begun_.empty() && typed.starts_with('\\')) {
    Completions completions;
    for (const std::string_view command : commands)
      if (command.starts_with(typed))
        completions.words.emplace_back(command);
    return completions;
  }
  Completions completions = complete(begun_ + std::string(typed), names_());
  completions.begin -= std::min(completions.begin, begun_.size());
  return completions;
}

void ShellEditor::obey_signal() {
  rl_deprep_terminal();
  signals_->obey();
  rl_prep_terminal(1);
  rl_forced_update_display();
}

int ShellEditor::read_character() {
  std::mbstate_t state{};
  for (;;) {
    std::array<pollfd, 3> waiting{pollfd{STDIN_FILENO, POLLIN, 0}, pollfd{interrupt_.descriptor(), POLLIN, 0},
                                  pollfd{signals_->descriptor(), POLLIN, 0}};
    if (!interrupt_.requested() && !signals_->pending())
      ::poll(waiting.data(), waiting.size(), -1);
    if (interrupt_.requested()) {
      dropped_ = true;
      interrupt_.clear();
      [[maybe_unused]] const auto written = ::write(STDOUT_FILENO, "^C", 2);
      return '\n';
    }
    if (signals_->pending()) {
      obey_signal();
      continue;
    }
    char byte = 0;
    const ssize_t bytes = ::read(STDIN_FILENO, &byte, 1);
    if (bytes == 0 || (bytes < 0 && errno != EINTR && errno != EAGAIN))
      return -1;
    if (bytes < 0)
      continue;
    wchar_t character = 0;
    const std::size_t length = std::mbrtowc(&character, &byte, 1, &state);
    if (length == static_cast<std::size_t>(-2))
      continue; // the character has more bytes
    if (length == static_cast<std::size_t>(-1))
      return '?';
    return static_cast<int>(character);
  }
}

} // namespace weir::cli
