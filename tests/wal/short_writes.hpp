// A file system whose failing writes leave part of their bytes behind, as real ones do.
//
// The simulated disk answers an injected error instead of writing anything. This one, laid over it, writes the
// share of a failed write that the test asks for and then answers the error.
#pragma once

#include "engine/io/memory_file_system.hpp"

#include <utility>

namespace weir::wal::test {

enum class Leaves : std::uint8_t { nothing, half, everything };

class ShortWrites final : public io::FileSystem {
public:
  /// `armed` is false while the remains of a failed write are written: the disk's hook must let that pass.
  ShortWrites(io::FileSystem& below, Leaves leaves, bool& armed) : below_(below), leaves_(leaves), armed_(armed) {}

  Result<std::unique_ptr<io::File>> open(const std::string& path, io::OpenMode mode) override {
    auto file = below_.open(path, mode);
    if (!file)
      return file;
    return std::unique_ptr<io::File>(std::make_unique<ShortFile>(std::move(*file), *this));
  }
  Status rename(const std::string& from, const std::string& to) override { return below_.rename(from, to); }
  Status unlink(const std::string& path) override { return below_.unlink(path); }
  Status create_directory(const std::string& path) override { return below_.create_directory(path); }
  Status sync_directory(const std::string& path) override { return below_.sync_directory(path); }
  Result<std::vector<io::DirectoryEntry>> list(const std::string& path) override { return below_.list(path); }
  Result<io::FileInfo> stat(const std::string& path) override { return below_.stat(path); }
  Result<std::unique_ptr<io::FileLock>> lock(const std::string& path) override { return below_.lock(path); }
  Result<std::uint64_t> free_bytes() override { return below_.free_bytes(); }
  std::optional<std::string> native_path(const std::string& path) const override { return below_.native_path(path); }

private:
  class ShortFile final : public io::File {
  public:
    ShortFile(std::unique_ptr<io::File> below, const ShortWrites& owner) : below_(std::move(below)), owner_(owner) {}

    Result<std::size_t> pread(std::span<std::byte> out, std::uint64_t offset) const override {
      return below_->pread(out, offset);
    }
    Status pwrite(std::span<const std::byte> data, std::uint64_t offset) override {
      const Status status = below_->pwrite(data, offset);
      if (!status && owner_.leaves_ != Leaves::nothing) {
        owner_.armed_ = false;
        static_cast<void>(below_->pwrite(owner_.leaves_ == Leaves::half ? data.first(data.size() / 2) : data, offset));
        owner_.armed_ = true;
      }
      return status;
    }
    Status append(std::span<const std::byte> data) override { return below_->append(data); }
    Status sync_data() override { return below_->sync_data(); }
    Result<std::uint64_t> size() const override { return below_->size(); }
    Status truncate(std::uint64_t size_bytes) override { return below_->truncate(size_bytes); }

  private:
    std::unique_ptr<io::File> below_;
    const ShortWrites& owner_;
  };

  io::FileSystem& below_;
  const Leaves leaves_;
  bool& armed_;
};

} // namespace weir::wal::test
