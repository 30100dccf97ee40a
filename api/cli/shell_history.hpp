// What was typed into `weir shell`, kept for the next time.
//
// Purpose: the arrow keys bring back statements of earlier sessions.
// Owner: the shell. Threading: one thread at a time; several shells may share a file.
// Invariants: the file is its owner's alone (0600, in a directory of 0700 if it was made here) and stays below about
// twice `entries_max` entries and file_bytes_max bytes; an entry is a line. A history that cannot be kept is no error.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

namespace weir::cli {

class ShellHistory {
public:
  static constexpr std::size_t entries_max = 1'000;
  static constexpr std::size_t entry_bytes_max = 64 * 1024;
  static constexpr std::size_t file_bytes_max = 4 * 1024 * 1024;

  /// $XDG_STATE_HOME/weir/history, or ~/.local/state/weir/history; empty if the environment names neither.
  [[nodiscard]] static std::string default_path();

  /// On the file `path`, which is made when there is something to keep; an empty path keeps nothing.
  explicit ShellHistory(std::string path);

  /// The last entries of the file, oldest first.
  [[nodiscard]] std::vector<std::string> load() const;
  /// Adds an entry, unless it is empty, too long, or the one before. Line feeds in it become spaces.
  void add(std::string_view entry);

private:
  void append(const std::string& line) const;
  void shorten() const;

  std::string path_;
  std::string last_;
};

} // namespace weir::cli
