#include "wal/spare_pool.hpp"

#include "wal/paths.hpp"

#include "engine/kill_point.hpp"

#include <weir/limits.hpp>

#include "engine/sabotage.hpp"

#include <algorithm>
#include <array>
#include <span>

namespace weir::wal {
namespace {

/// Spares made ahead of need. In the long run released files come back and nothing is made at all, so this only has to
/// bridge the first change-overs.
constexpr std::size_t spares_ahead = 2;

constexpr std::size_t zeros_bytes = 256 * KiB;
constexpr std::array<std::byte, zeros_bytes> zeros{};

} // namespace

Result<bool> reusable(io::FileSystem& fs, const std::string& path, std::uint64_t file_bytes) {
  const auto info = fs.stat(path);
  if (!info)
    return info.error();
  return info->kind == io::EntryKind::file && info->size_bytes == file_bytes &&
         (info->link_count == 1 || sabotaged(Sabotage::recycle_linked_file));
}

SparePool::SparePool(io::FileSystem& fs, ShardId shard, std::uint64_t file_bytes, std::size_t spares_max,
                     std::vector<std::uint64_t> spares, std::uint64_t next_number)
    : fs_(fs), shard_(shard), file_bytes_(file_bytes), spares_max_(spares_max), next_number_(next_number),
      ready_(std::move(spares)) {
}

void SparePool::start() {
  const std::lock_guard lock(mutex_);
  started_ = true;
}

bool SparePool::wants_spare() const {
  const std::lock_guard lock(mutex_);
  return started_ && ready_.size() + coming_ < std::min(spares_ahead, spares_max_);
}

Status SparePool::prepare() {
  std::uint64_t number = 0;
  if (!wants_spare() || !begin(spares_ahead, number))
    return {};
  const std::string unfinished = unfinished_spare_path(shard_, number);
  Status status = write_zeros(unfinished, file_bytes_);
  if (status.ok()) {
    // The name tells recovery that the file was synced. No directory sync: a spare lost in a crash is no loss.
    kill_point("spare.before_rename");
    status = fs_.rename(unfinished, spare_path(shard_, number));
    kill_point("spare.after_rename");
    if (!status)
      static_cast<void>(fs_.unlink(unfinished));
  }
  end(status.ok(), number);
  return status;
}

Result<std::string> SparePool::take(std::uint64_t bytes) {
  while (bytes == file_bytes_) {
    std::uint64_t number = 0;
    {
      const std::lock_guard lock(mutex_);
      if (ready_.empty())
        break;
      number = ready_.back();
      ready_.pop_back();
    }
    // Asked again although accept() did: a backup may have linked the file in between.
    std::string path = spare_path(shard_, number);
    const auto good = reusable(fs_, path, file_bytes_);
    if (good.ok() && *good)
      return path;
    static_cast<void>(fs_.unlink(path));
  }

  std::uint64_t number = 0;
  {
    const std::lock_guard lock(mutex_);
    number = next_number_++;
  }
  std::string path = unfinished_spare_path(shard_, number);
  WEIR_TRY(write_zeros(path, bytes));
  return path;
}

Status SparePool::accept(const std::string& path) {
  std::uint64_t number = 0;
  const auto good = reusable(fs_, path, file_bytes_);
  if (good.code() == Errc::not_found)
    return {};
  if (!good)
    return good.error();
  if (!*good || !begin(spares_max_, number)) {
    WEIR_TRY(fs_.unlink(path));
    kill_point("recycle.after_unlink");
    return {};
  }
  kill_point("recycle.before_rename");
  Status status = fs_.rename(path, spare_path(shard_, number));
  kill_point("recycle.after_rename");
  end(status.ok(), number);
  return status;
}

Status SparePool::write_zeros(const std::string& path, std::uint64_t bytes) {
  auto file = fs_.open(path, io::OpenMode::create);
  if (!file)
    return file.error();
  kill_point("spare.after_create");
  Status status;
  for (std::uint64_t done = 0; status.ok() && done < bytes;) {
    const std::uint64_t step = std::min<std::uint64_t>(bytes - done, zeros.size());
    status = (*file)->pwrite(std::span(zeros).first(static_cast<std::size_t>(step)), done);
    done += step;
  }
  kill_point("spare.before_sync");
  if (status.ok())
    status = (*file)->sync_data();
  if (!status)
    static_cast<void>(fs_.unlink(path));
  return status;
}

bool SparePool::begin(std::size_t enough, std::uint64_t& number) {
  const std::lock_guard lock(mutex_);
  if (ready_.size() + coming_ >= std::min(enough, spares_max_))
    return false;
  ++coming_;
  number = next_number_++;
  return true;
}

void SparePool::end(bool made, std::uint64_t number) {
  const std::lock_guard lock(mutex_);
  --coming_;
  if (made)
    ready_.push_back(number);
}

} // namespace weir::wal
