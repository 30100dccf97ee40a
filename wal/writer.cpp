#include "wal/writer.hpp"

#include "wal/format.hpp"
#include "wal/paths.hpp"

#include "engine/check.hpp"
#include "engine/kill_point.hpp"
#include "engine/sabotage.hpp"

#include <algorithm>
#include <array>
#include <span>
#include <utility>

namespace weir::wal {
namespace {

static_assert(file_bytes_min > data_offset + sizeof(Seal));

/// Lengths of oversized files are whole blocks, like those of all others.
constexpr std::uint64_t round_up(std::uint64_t bytes) {
  return (bytes + data_offset - 1) / data_offset * data_offset;
}

} // namespace

struct Writer::CurrentFile {
  std::unique_ptr<io::File> file;
  std::uint64_t number = 0;
  std::uint64_t identity = 0;
  std::uint64_t file_bytes = 0;
  std::uint64_t first_record = 0;
  std::uint64_t records = 0;
  std::uint64_t end = data_offset; ///< Where the last whole group ends.
  std::uint64_t synced_offset = 0; ///< Everything before it is on the disk.
  bool broken = false;             ///< Behind `end` lies what a failed write left.
};

Writer::Writer(io::FileSystem& fs, const WriterOptions& options, const LogEnd& end)
    : fs_(fs), options_(options),
      pool_(fs, options.shard, options.file_bytes, options.spares_max, end.spares, end.next_spare),
      next_file_(end.next_file), last_file_(end.last_file), last_file_record_(end.last_file_record),
      last_record_(end.last_record), synced_record_(end.last_record), next_record_(end.last_record + 1),
      files_(end.files) {
  WEIR_CHECK(options.file_bytes >= file_bytes_min);
  files_.push_back({next_file_, next_record_});
}

Writer::~Writer() = default;

Result<std::uint64_t> Writer::append(Group& group, Compression compression) {
  WEIR_CHECK(group.records() > 0);
  WEIR_TRY(usable());
  if (current_ && current_->broken)
    return fail(Errc::io_error, "an earlier write to the log failed and its file was not abandoned",
                file_path(options_.shard, current_->number));
  const bool compress = compression == Compression::allowed && compressed_.assign(group);
  const std::size_t group_bytes = compress ? compressed_.bytes() : group.bytes();
  // Room for the seal is kept, so that a file can be finished on a full disk.
  if (!current_ || current_->end + group_bytes + sizeof(Seal) > current_->file_bytes)
    WEIR_TRY(open_next(group_bytes));

  CurrentFile& current = *current_;
  const std::uint64_t first_record = next_record_;
  // Even if the write fails the numbers are gone: some of these records may reach the disk.
  if (!sabotaged(Sabotage::reuse_record_numbers))
    next_record_ += group.records();
  const auto bytes = compress ? compressed_.frame(current.identity, current.end, first_record, current.synced_offset)
                              : group.frame(current.identity, current.end, first_record, current.synced_offset);
  kill_point("log.before_write");
  if (Status status = current.file->pwrite(bytes, current.end); !status) {
    current.broken = true;
    return status.error();
  }
  kill_point("log.after_write");
  bytes_appended_ += bytes.size();
  current.end += bytes.size();
  current.records += group.records();
  if (sabotaged(Sabotage::reuse_record_numbers))
    next_record_ += group.records();
  last_record_ = next_record_ - 1;
  return first_record;
}

Status Writer::sync() {
  WEIR_TRY(usable());
  if (!current_ || current_->synced_offset == current_->end)
    return {};
  kill_point("log.before_sync");
  if (sabotaged(Sabotage::retry_failed_sync) && !current_->file->sync_data())
    if (auto again = fs_.open(file_path(options_.shard, current_->number), io::OpenMode::read_write))
      current_->file = std::move(*again); // which knows nothing of the failure
  if (!sabotaged(Sabotage::skip_log_sync))
    if (Status status = current_->file->sync_data(); !status && !sabotaged(Sabotage::believe_failed_sync))
      return poison(std::move(status));
  kill_point("log.after_sync");
  current_->synced_offset = current_->end;
  synced_record_ = last_record_;
  return {};
}

void Writer::begin_sync() noexcept {
  if (!poisoned_ && current_ && current_->synced_offset != current_->end)
    current_->file->begin_sync(current_->synced_offset, current_->end - current_->synced_offset);
}

Status Writer::abandon_file() {
  WEIR_TRY(usable());
  if (!current_ || !current_->broken)
    return {};
  return seal();
}

Status Writer::seal() {
  WEIR_TRY(usable());
  if (!current_)
    return {};
  WEIR_TRY(sync());
  WEIR_TRY(ensure_next_name());
  return seal_current();
}

Status Writer::open_next(std::uint64_t group_bytes) {
  const std::uint64_t file_bytes = std::max(options_.file_bytes, round_up(data_offset + group_bytes + sizeof(Seal)));
  WEIR_TRY(make_directory());
  auto prepared = pool_.take(file_bytes);
  if (!prepared)
    return prepared.error();
  // The name of a file says that its predecessor's groups are on the disk: sync before the rename.
  if (current_ && sabotaged(Sabotage::skip_sync_at_change_over))
    current_->synced_offset = current_->end;
  WEIR_TRY(sync());

  const std::uint64_t number = next_file_;
  const std::string path = file_path(options_.shard, number);
  kill_point("change_over.before_rename");
  if (Status status = fs_.rename(*prepared, path); !status) {
    static_cast<void>(fs_.unlink(*prepared));
    return status;
  }
  kill_point("change_over.after_rename");
  // The name must be durable before any byte of this number's identity is written: otherwise a crash could leave such
  // bytes under the spare's name, and a later life of the same number would believe them.
  if (!sabotaged(Sabotage::skip_log_name_sync))
    if (Status status = fs_.sync_directory(shard_directory(options_.shard)); !status)
      return poison(std::move(status));
  auto file = fs_.open(path, io::OpenMode::read_write);
  if (!file)
    return file.error();
  if (current_)
    WEIR_TRY(seal_current());

  FileHeader header;
  header.shard = options_.shard;
  header.number = number;
  header.predecessor = last_file_;
  header.predecessor_last_record = last_file_record_;
  header.first_record = next_record_;
  header.file_bytes = file_bytes;
  auto next = std::make_unique<CurrentFile>();
  next->identity = file_identity(options_.directory_seed, identity_kind, options_.shard, number);
  header.check = check_of(header, next->identity, 0);
  std::array<std::byte, data_offset> block{};
  std::memcpy(block.data(), &header, sizeof header);
  kill_point("change_over.before_header");
  WEIR_TRY((*file)->pwrite(block, 0));
  kill_point("change_over.after_header");

  next->file = std::move(*file);
  next->number = number;
  next->file_bytes = file_bytes;
  next->first_record = next_record_;
  current_ = std::move(next);
  next_file_ = number + 1;
  pool_.start();
  return {};
}

Status Writer::make_directory() {
  if (directory_made_)
    return {};
  const std::string directory = shard_directory(options_.shard);
  WEIR_TRY(fs_.create_directory(root_directory()));
  kill_point("log.after_directory");
  WEIR_TRY(fs_.create_directory(directory));
  kill_point("log.before_directory_sync");
  // Also if they were there: whoever made them may have died before they were durable.
  if (sabotaged(Sabotage::skip_log_directory_sync))
    return {};
  if (Status status = fs_.sync_directory(root_directory()); !status)
    return poison(std::move(status));
  if (Status status = fs_.sync_directory(""); !status)
    return poison(std::move(status));
  directory_made_ = true;
  return {};
}

Status Writer::ensure_next_name() {
  const std::string path = file_path(options_.shard, next_file_);
  const auto info = fs_.stat(path);
  if (!info && info.code() != Errc::not_found)
    return info.error();
  if (!info) {
    auto created = fs_.open(path, io::OpenMode::create);
    if (!created)
      return created.error();
    kill_point("seal.after_next_name");
  }
  if (sabotaged(Sabotage::skip_successor_sync))
    return {};
  if (Status status = fs_.sync_directory(shard_directory(options_.shard)); !status)
    return poison(std::move(status));
  return {};
}

Status Writer::seal_current() {
  CurrentFile& current = *current_;
  WEIR_CHECK(current.synced_offset == current.end);
  Seal seal;
  seal.last_record = current.first_record + current.records - 1;
  seal.records = current.records;
  seal.successor = current.number + 1;
  seal.check = check_of(seal, current.identity, current.end);
  kill_point("seal.before_write");
  if (Status status = current.file->pwrite(std::as_bytes(std::span(&seal, 1)), current.end); !status) {
    current.broken = true;
    return status;
  }
  kill_point("seal.after_write");
  if (Status status = current.file->sync_data(); !status)
    return poison(std::move(status));
  kill_point("seal.after_sync");
  last_file_ = current.number;
  last_file_record_ = seal.last_record;
  current_.reset();

  const std::lock_guard lock(files_mutex_);
  files_.push_back({next_file_, next_record_});
  return {};
}

Status Writer::usable() const {
  if (poisoned_)
    return fail(Errc::io_error, "a sync of the log failed earlier, so it is no longer written",
                shard_directory(options_.shard));
  return {};
}

Status Writer::poison(Status failed) {
  poisoned_ = true;
  // One answer for every failed sync: `disk_full` would read as something that can be waited out.
  return fail(Errc::io_error, failed.error().message, failed.error().where);
}

std::uint64_t Writer::first_file_holding(std::uint64_t record) const {
  const std::lock_guard lock(files_mutex_);
  std::uint64_t number = files_.front().number;
  for (const LiveFile& file : files_) {
    if (file.first_record <= record)
      number = file.number;
  }
  return number;
}

Status Writer::release_before(std::uint64_t file_number) {
  while (true) {
    std::uint64_t oldest = 0;
    {
      const std::lock_guard lock(files_mutex_);
      if (files_.size() == 1 || files_.front().number >= file_number)
        return {};
      oldest = files_.front().number;
    }
    WEIR_TRY(pool_.accept(file_path(options_.shard, oldest)));
    const std::lock_guard lock(files_mutex_);
    files_.erase(files_.begin());
  }
}

} // namespace weir::wal
