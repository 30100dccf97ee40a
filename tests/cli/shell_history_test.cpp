#include "api/cli/shell_history.hpp"
#include "tests/support/temp_directory.hpp"

#include <doctest/doctest.h>

#include <algorithm>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <sstream>
#include <string>
#include <sys/stat.h>
#include <unistd.h>

using weir::cli::ShellHistory;
using weir::test::TempDirectory;

namespace {

std::string content(const std::string& path) {
  std::ostringstream text;
  text << std::ifstream(path).rdbuf();
  return text.str();
}

unsigned mode(const std::string& path) {
  struct stat info {};
  REQUIRE(::stat(path.c_str(), &info) == 0);
  return info.st_mode & 0777u;
}

} // namespace

TEST_CASE("shell history: comes back in the next session, and is its owner's alone") {
  const TempDirectory directory;
  const std::string path = directory.path("state/weir/history");
  const auto mask = ::umask(0);
  {
    ShellHistory history(path);
    CHECK(history.load().empty());
    history.add("QUERY *\n  COUNT");
    history.add("PING");
    history.add("PING");
    history.add("  ");
    history.add("");
  }
  ::umask(mask);
  CHECK(ShellHistory(path).load() == std::vector<std::string>{"QUERY *   COUNT", "PING"});
  CHECK(mode(path) == 0600);
  CHECK(mode(directory.path("state")) == 0700);
  CHECK(mode(directory.path("state/weir")) == 0700);
}

TEST_CASE("shell history: stays bounded, the newest entries are kept") {
  const TempDirectory directory;
  const std::string path = directory.path("history");
  ShellHistory history(path);
  for (int i = 0; i < 2'500; ++i)
    history.add("statement " + std::to_string(i));
  const auto loaded = history.load();
  REQUIRE(loaded.size() == ShellHistory::entries_max);
  CHECK(loaded.front() == "statement 1500");
  CHECK(loaded.back() == "statement 2499");
  const std::string text = content(path);
  CHECK(std::count(text.begin(), text.end(), '\n') <= 2'000);
  CHECK(mode(path) == 0600);

  for (int i = 0; i < 200; ++i)
    history.add(std::string(ShellHistory::entry_bytes_max - 5, 'x') + std::to_string(i));
  CHECK(std::filesystem::file_size(path) <= ShellHistory::file_bytes_max + ShellHistory::entry_bytes_max);
  CHECK(history.load().back().ends_with("x199"));
  history.add(std::string(ShellHistory::entry_bytes_max + 1, 'x'));
  CHECK(history.load().back().ends_with("x199"));
}

TEST_CASE("shell history: what cannot be kept is no error, and no link is followed") {
  const TempDirectory directory;
  ShellHistory none("");
  none.add("PING");
  CHECK(none.load().empty());

  const std::string target = directory.path("target");
  std::ofstream(target) << "precious\n";
  std::filesystem::create_symlink(target, directory.path("link"));
  ShellHistory link(directory.path("link"));
  link.add("PING");
  CHECK(link.load().empty());
  CHECK(content(target) == "precious\n");

  std::filesystem::create_directory(directory.path("folder"));
  ShellHistory folder(directory.path("folder"));
  folder.add("PING");
  CHECK(folder.load().empty());
}

TEST_CASE("shell history: the environment says where it is") {
  const auto set = [](const char* name, const char* value) {
    if (value != nullptr)
      ::setenv(name, value, 1);
    else
      ::unsetenv(name);
  };
  const auto saved = [](const char* name) {
    const char* const value = std::getenv(name);
    return value != nullptr ? std::string(value) : std::string();
  };
  const std::string state = saved("XDG_STATE_HOME"), home = saved("HOME");
  set("XDG_STATE_HOME", "/state");
  set("HOME", "/home/o");
  CHECK(ShellHistory::default_path() == "/state/weir/history");
  set("XDG_STATE_HOME", "relative");
  CHECK(ShellHistory::default_path() == "/home/o/.local/state/weir/history");
  set("XDG_STATE_HOME", nullptr);
  set("HOME", nullptr);
  CHECK(ShellHistory::default_path().empty());
  if (!state.empty())
    set("XDG_STATE_HOME", state.c_str());
  if (!home.empty())
    set("HOME", home.c_str());
}
