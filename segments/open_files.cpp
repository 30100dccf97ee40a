#include "segments/open_files.hpp"

#include <utility>

namespace weir::segments {

Result<std::shared_ptr<const io::File>> OpenFiles::get(const std::string& path) {
  {
    const std::lock_guard lock(mutex_);
    if (const auto found = by_path_.find(path); found != by_path_.end()) {
      recent_.splice(recent_.begin(), recent_, found->second);
      return found->second->file;
    }
  }
  auto opened = fs_.open(path, io::OpenMode::read_only);
  if (!opened)
    return std::move(opened).error();
  std::shared_ptr<const io::File> file = *std::move(opened);
  std::list<Entry> closed; // destroyed after the lock is released
  const std::lock_guard lock(mutex_);
  if (const auto found = by_path_.find(path); found != by_path_.end())
    return found->second->file; // another reader was faster
  while (recent_.size() >= files_max_) {
    by_path_.erase(recent_.back().path);
    closed.splice(closed.end(), recent_, std::prev(recent_.end()));
  }
  recent_.push_front({path, file});
  by_path_.emplace(path, recent_.begin());
  return file;
}

void OpenFiles::forget(const std::string& path) {
  std::list<Entry> closed;
  const std::lock_guard lock(mutex_);
  const auto found = by_path_.find(path);
  if (found == by_path_.end())
    return;
  closed.splice(closed.end(), recent_, found->second);
  by_path_.erase(found);
}

namespace {

class OnDemandFile final : public io::File {
public:
  OnDemandFile(std::shared_ptr<OpenFiles> files, std::string path) : files_(std::move(files)), path_(std::move(path)) {}
  ~OnDemandFile() override { files_->forget(path_); }

  Result<std::size_t> pread(std::span<std::byte> out, std::uint64_t offset) const override {
    auto file = open();
    return file ? (*file)->pread(out, offset) : Result<std::size_t>(std::move(file).error());
  }
  Result<std::uint64_t> size() const override {
    auto file = open();
    return file ? (*file)->size() : Result<std::uint64_t>(std::move(file).error());
  }
  Status pwrite(std::span<const std::byte>, std::uint64_t) override { return read_only(); }
  Status append(std::span<const std::byte>) override { return read_only(); }
  Status sync_data() override { return read_only(); }
  Status truncate(std::uint64_t) override { return read_only(); }

private:
  Result<std::shared_ptr<const io::File>> open() const {
    auto file = files_->get(path_);
    if (file.code() == Errc::not_found)
      return fail(Errc::corruption, "a live segment is missing", path_ + ":0");
    return file;
  }
  Status read_only() const { return fail(Errc::unsupported, "the file is open for reading", path_); }

  std::shared_ptr<OpenFiles> files_;
  std::string path_;
};

} // namespace

std::unique_ptr<io::File> open_on_demand(std::shared_ptr<OpenFiles> files, std::string path) {
  return std::make_unique<OnDemandFile>(std::move(files), std::move(path));
}

} // namespace weir::segments
