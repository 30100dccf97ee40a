#include "trust/overload/metered_disk.hpp"

#include <utility>

namespace weir::trust {

void DiskMeter::limit(std::uint64_t times) {
  const std::lock_guard guard(mutex_);
  times_ = times;
  log_ = other_ = 0;
  limited_log_bytes_ = 0;
}

void DiskMeter::offered(std::uint64_t bytes) {
  {
    const std::lock_guard guard(mutex_);
    log_ += static_cast<std::int64_t>(bytes);
    other_ += static_cast<std::int64_t>(bytes);
  }
  changed_.notify_all();
}

void DiskMeter::stand(std::string directory) {
  const std::lock_guard guard(mutex_);
  standing_ = std::move(directory);
}

void DiskMeter::await_standing() {
  std::unique_lock lock(mutex_);
  changed_.wait(lock, [&] { return waiting_there_ != 0; });
}

void DiskMeter::let_go() {
  {
    const std::lock_guard guard(mutex_);
    times_ = 0;
    standing_.clear();
  }
  changed_.notify_all();
}

std::uint64_t DiskMeter::limited_log_bytes() const {
  const std::lock_guard guard(mutex_);
  return limited_log_bytes_;
}

void DiskMeter::write(std::string_view path, std::uint64_t bytes) {
  const bool of_a_log = path.starts_with("wal/");
  std::int64_t& paid = of_a_log ? log_ : other_;
  std::unique_lock lock(mutex_);
  if (!standing_.empty() && path.starts_with(standing_)) {
    ++waiting_there_;
    changed_.notify_all();
    changed_.wait(lock, [&] { return standing_.empty(); });
    --waiting_there_;
  }
  changed_.wait(lock, [&] { return times_ == 0 || paid > 0; });
  if (times_ == 0)
    return;
  paid -= static_cast<std::int64_t>(bytes * times_);
  if (of_a_log)
    limited_log_bytes_ += bytes;
}

namespace {

class MeteredFile final : public io::File {
public:
  MeteredFile(std::unique_ptr<io::File> file, std::string path, std::shared_ptr<DiskMeter> meter)
      : file_(std::move(file)), path_(std::move(path)), meter_(std::move(meter)) {}
  Result<std::size_t> pread(std::span<std::byte> out, std::uint64_t offset) const override {
    return file_->pread(out, offset);
  }
  Status pwrite(std::span<const std::byte> data, std::uint64_t offset) override {
    meter_->write(path_, data.size());
    return file_->pwrite(data, offset);
  }
  Status append(std::span<const std::byte> data) override {
    meter_->write(path_, data.size());
    return file_->append(data);
  }
  Status sync_data() override { return file_->sync_data(); }
  Result<std::uint64_t> size() const override { return file_->size(); }
  Status truncate(std::uint64_t size_bytes) override { return file_->truncate(size_bytes); }

private:
  std::unique_ptr<io::File> file_;
  const std::string path_;
  std::shared_ptr<DiskMeter> meter_;
};

class MeteredDisk final : public io::FileSystem {
public:
  MeteredDisk(std::unique_ptr<io::FileSystem> disk, std::shared_ptr<DiskMeter> meter)
      : disk_(std::move(disk)), meter_(std::move(meter)) {}
  Result<std::unique_ptr<io::File>> open(const std::string& path, io::OpenMode mode) override {
    auto file = disk_->open(path, mode);
    const bool made_ahead = path.starts_with("wal/") && path.ends_with(".tmp");
    if (!file || mode == io::OpenMode::read_only || made_ahead)
      return file;
    return std::unique_ptr<io::File>(std::make_unique<MeteredFile>(std::move(*file), path, meter_));
  }
  Status rename(const std::string& from, const std::string& to) override { return disk_->rename(from, to); }
  Status unlink(const std::string& path) override { return disk_->unlink(path); }
  Status create_directory(const std::string& path) override { return disk_->create_directory(path); }
  Status sync_directory(const std::string& path) override { return disk_->sync_directory(path); }
  Result<std::vector<io::DirectoryEntry>> list(const std::string& path) override { return disk_->list(path); }
  Result<io::FileInfo> stat(const std::string& path) override { return disk_->stat(path); }
  Result<std::unique_ptr<io::FileLock>> lock(const std::string& path) override { return disk_->lock(path); }
  Result<std::uint64_t> free_bytes() override { return disk_->free_bytes(); }
  std::optional<std::string> native_path(const std::string& path) const override { return disk_->native_path(path); }

private:
  std::unique_ptr<io::FileSystem> disk_;
  std::shared_ptr<DiskMeter> meter_;
};

} // namespace

std::unique_ptr<io::FileSystem> make_metered_disk(std::unique_ptr<io::FileSystem> disk,
                                                  std::shared_ptr<DiskMeter> meter) {
  return std::make_unique<MeteredDisk>(std::move(disk), std::move(meter));
}

} // namespace weir::trust
