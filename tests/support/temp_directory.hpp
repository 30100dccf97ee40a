// A directory that lives as long as a test.
#pragma once

#include <filesystem>
#include <stdexcept>
#include <stdlib.h>
#include <string>

namespace weir::test {

/// A fresh directory (mode 0700) below the system's temporary one, removed with all it holds at the end.
class TempDirectory {
public:
  explicit TempDirectory(const std::filesystem::path& parent = std::filesystem::temp_directory_path()) {
    auto pattern = (parent / "weir-test-XXXXXX").string();
    if (::mkdtemp(pattern.data()) == nullptr)
      throw std::runtime_error("mkdtemp failed for " + pattern);
    path_ = std::filesystem::canonical(pattern);
  }
  ~TempDirectory() {
    std::error_code ignored; // A test that fails for another reason should say that one.
    std::filesystem::remove_all(path_, ignored);
  }
  TempDirectory(const TempDirectory&) = delete;
  TempDirectory& operator=(const TempDirectory&) = delete;

  [[nodiscard]] std::string path() const { return path_.string(); }
  /// The path of `name` inside.
  [[nodiscard]] std::string path(const std::string& name) const { return (path_ / name).string(); }

private:
  std::filesystem::path path_;
};

/// A parent for tests that open thousands of files and ask nothing about durability: memory where the system has such a
/// directory, because the syncs of a real disk would take minutes.
[[nodiscard]] inline std::filesystem::path fast_parent() {
  std::error_code ignored;
  const std::filesystem::path memory = "/dev/shm";
  return std::filesystem::is_directory(memory, ignored) ? memory : std::filesystem::temp_directory_path();
}

} // namespace weir::test
