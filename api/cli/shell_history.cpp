#include "api/cli/shell_history.hpp"

#include <algorithm>
#include <cerrno>
#include <cstdio>
#include <cstdlib>
#include <fcntl.h>
#include <filesystem>
#include <sys/stat.h>
#include <system_error>
#include <unistd.h>
#include <utility>

namespace weir::cli {
namespace {

/// Closes itself. A link is not followed: it might lead to a file that is not ours to write.
class File {
public:
  File(const std::string& path, int flags) : descriptor_(::open(path.c_str(), flags | O_CLOEXEC | O_NOFOLLOW, 0600)) {}
  ~File() {
    if (descriptor_ >= 0)
      ::close(descriptor_);
  }
  File(const File&) = delete;
  File& operator=(const File&) = delete;

  /// A plain file that could be opened.
  [[nodiscard]] bool usable() const {
    struct stat info {};
    return descriptor_ >= 0 && ::fstat(descriptor_, &info) == 0 && S_ISREG(info.st_mode);
  }
  [[nodiscard]] std::size_t size() const {
    struct stat info {};
    return ::fstat(descriptor_, &info) == 0 ? static_cast<std::size_t>(info.st_size) : 0;
  }
  [[nodiscard]] int descriptor() const noexcept { return descriptor_; }

  /// The last bytes, at most `bytes_max`.
  [[nodiscard]] std::string tail(std::size_t bytes_max) const {
    const std::size_t bytes = std::min(size(), bytes_max);
    std::string text(bytes, '\0');
    const ssize_t read = ::pread(descriptor_, text.data(), bytes, static_cast<off_t>(size() - bytes));
    text.resize(read > 0 ? static_cast<std::size_t>(read) : 0);
    return text;
  }

private:
  int descriptor_;
};

/// Makes the directories above the file; those that are missing belong to nobody else.
void make_directories(const std::string& path) {
  const std::filesystem::path directory = std::filesystem::path(path).parent_path();
  std::filesystem::path made;
  for (const auto& part : directory) {
    made /= part;
    ::mkdir(made.c_str(), 0700); // there already, or the file cannot be opened
  }
}

} // namespace

std::string ShellHistory::default_path() {
  if (const char* const state = std::getenv("XDG_STATE_HOME"); state != nullptr && *state == '/')
    return std::string(state) + "/weir/history";
  if (const char* const home = std::getenv("HOME"); home != nullptr && *home == '/')
    return std::string(home) + "/.local/state/weir/history";
  return {};
}

ShellHistory::ShellHistory(std::string path) : path_(std::move(path)) {
}

std::vector<std::string> ShellHistory::load() const {
  std::vector<std::string> entries;
  const File file(path_, O_RDONLY | O_NONBLOCK);
  if (path_.empty() || !file.usable())
    return entries;
  const std::string text = file.tail(file_bytes_max);
  std::size_t begin = 0;
  if (file.size() > text.size()) // begins inside an entry
    begin = std::min(text.find('\n'), text.size() - 1) + 1;
  while (begin < text.size()) {
    const std::size_t end = std::min(text.find('\n', begin), text.size());
    if (end > begin)
      entries.push_back(text.substr(begin, end - begin));
    begin = end + 1;
  }
  if (entries.size() > entries_max)
    entries.erase(entries.begin(), entries.end() - static_cast<std::ptrdiff_t>(entries_max));
  return entries;
}

void ShellHistory::add(std::string_view entry) {
  std::string line(entry);
  std::replace_if(
      line.begin(), line.end(), [](char c) { return c == '\n' || c == '\r' || c == '\0'; }, ' ');
  if (line.find_first_not_of(' ') == std::string::npos || line.size() > entry_bytes_max || line == last_)
    return;
  last_ = line;
  if (path_.empty())
    return;
  append(line + '\n');
  shorten();
}

void ShellHistory::append(const std::string& line) const {
  make_directories(path_);
  const File file(path_, O_WRONLY | O_APPEND | O_CREAT | O_NONBLOCK);
  if (!file.usable())
    return;
  // One call, so that the entries of two shells do not mix.
  [[maybe_unused]] const auto written = ::write(file.descriptor(), line.data(), line.size());
}

void ShellHistory::shorten() const {
  std::string text;
  {
    const File file(path_, O_RDONLY | O_NONBLOCK);
    if (!file.usable())
      return;
    const std::size_t size = file.size();
    if (size <= file_bytes_max) {
      text = file.tail(size);
      if (static_cast<std::size_t>(std::count(text.begin(), text.end(), '\n')) <= 2 * entries_max)
        return;
    }
  }
  text.clear();
  for (const std::string& entry : load())
    text += entry + '\n';
  if (text.size() > file_bytes_max / 2)
    text.erase(0, text.find('\n', text.size() - file_bytes_max / 2) + 1);
  const std::string beside = path_ + ".new";
  ::unlink(beside.c_str());
  {
    const File file(beside, O_WRONLY | O_CREAT | O_EXCL);
    if (!file.usable() || ::write(file.descriptor(), text.data(), text.size()) != static_cast<ssize_t>(text.size()))
      return;
  }
  ::rename(beside.c_str(), path_.c_str());
}

} // namespace weir::cli
