// A directory of a file system as a file system of its own.
//
// Purpose: a backup lies on the same simulated disk as its engine, so that a crash takes both at one moment. Owner: a
// test. Threading: that of the file system behind it, which outlives this and its files.
#pragma once

#include "engine/io/file_system.hpp"

#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

namespace weir::trust {

class SubDirectory final : public io::FileSystem {
public:
  SubDirectory(io::FileSystem& fs, std::string directory) : fs_(fs), directory_(std::move(directory)) {}

  Result<std::unique_ptr<io::File>> open(const std::string& path, io::OpenMode mode) override {
    return fs_.open(below(path), mode);
  }
  Status rename(const std::string& from, const std::string& to) override { return fs_.rename(below(from), below(to)); }
  Status unlink(const std::string& path) override { return fs_.unlink(below(path)); }
  Status create_directory(const std::string& path) override { return fs_.create_directory(below(path)); }
  Status sync_directory(const std::string& path) override { return fs_.sync_directory(below(path)); }
  Result<std::vector<io::DirectoryEntry>> list(const std::string& path) override { return fs_.list(below(path)); }
  Result<io::FileInfo> stat(const std::string& path) override { return fs_.stat(below(path)); }
  Result<std::unique_ptr<io::FileLock>> lock(const std::string& path) override { return fs_.lock(below(path)); }
  Result<std::uint64_t> free_bytes() override { return fs_.free_bytes(); }
  std::optional<std::string> native_path(const std::string&) const override { return std::nullopt; }

private:
  [[nodiscard]] std::string below(const std::string& path) const {
    return path.empty() || path == "." ? directory_ : directory_ + "/" + path;
  }

  io::FileSystem& fs_;
  const std::string directory_;
};

} // namespace weir::trust
