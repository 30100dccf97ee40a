#include "engine/io/posix_file.hpp"

#include "engine/text.hpp"

#include <cstdint>
#include <fcntl.h>
#include <limits>
#include <sys/stat.h>
#include <system_error>

namespace weir::io {

namespace {

constexpr auto offset_max = static_cast<std::uint64_t>(std::numeric_limits<off_t>::max());

std::string place(const std::string& path, std::uint64_t offset) {
  return format("{}:{}", path, offset);
}

} // namespace

Error system_error(int error_number, std::string_view what, std::string where) {
  auto code = Errc::io_error;
  // EFBIG: a limit of the process or the file system; like a quota it may be lifted.
  if (error_number == ENOSPC || error_number == EDQUOT || error_number == EFBIG)
    code = Errc::disk_full;
  else if (error_number == ENOENT)
    code = Errc::not_found;
  return fail(code, format("{}: {}", what, std::generic_category().message(error_number)), std::move(where));
}

Result<std::size_t> PosixFile::pread(std::span<std::byte> out, std::uint64_t offset) const {
  std::size_t done_bytes = 0;
  while (done_bytes < out.size() && offset + done_bytes <= offset_max) {
    const auto rest = out.subspan(done_bytes);
    const auto got_bytes = retry_interrupted(
        [&] { return ::pread(descriptor_.get(), rest.data(), rest.size(), static_cast<off_t>(offset + done_bytes)); });
    if (got_bytes < 0)
      return system_error(errno, "cannot read", place(path_, offset + done_bytes));
    if (got_bytes == 0)
      break;
    done_bytes += static_cast<std::size_t>(got_bytes);
  }
  return done_bytes;
}

Status PosixFile::pwrite(std::span<const std::byte> data, std::uint64_t offset) {
  if (offset > offset_max || data.size() > offset_max - offset)
    return fail(Errc::io_error, "cannot write: the file would be too large", place(path_, offset));
  while (!data.empty()) {
    const auto put_bytes = retry_interrupted(
        [&] { return ::pwrite(descriptor_.get(), data.data(), data.size(), static_cast<off_t>(offset)); });
    if (put_bytes < 0)
      return system_error(errno, "cannot write", place(path_, offset));
    if (put_bytes == 0)
      return fail(Errc::io_error, "cannot write: the system took no byte", place(path_, offset));
    data = data.subspan(static_cast<std::size_t>(put_bytes));
    offset += static_cast<std::uint64_t>(put_bytes);
  }
  return {};
}

Status PosixFile::append(std::span<const std::byte> data) {
  const auto end = size();
  if (!end)
    return end.error();
  return pwrite(data, *end);
}

Status PosixFile::sync_data() {
  // A second sync would succeed without having written anything: the kernel reports a lost page once.
  if (sync_failed_)
    return fail(Errc::io_error, "cannot sync: an earlier sync of this file failed", path_);
  if (retry_interrupted([&] { return ::fdatasync(descriptor_.get()); }) != 0) {
    const auto error_number = errno;
    sync_failed_ = true;
    return system_error(error_number, "cannot sync", path_);
  }
  return {};
}

void PosixFile::begin_sync(std::uint64_t offset, std::uint64_t bytes) noexcept {
  // Only starts writing: it takes note of no error, so fdatasync still reports it.
  if (!sync_failed_)
    (void)::sync_file_range(descriptor_.get(), static_cast<off64_t>(offset), static_cast<off64_t>(bytes),
                            SYNC_FILE_RANGE_WRITE);
}

void PosixFile::begin_read(std::uint64_t offset, std::uint64_t bytes) const noexcept {
  (void)::posix_fadvise(descriptor_.get(), static_cast<off_t>(offset), static_cast<off_t>(bytes), POSIX_FADV_WILLNEED);
}

Result<std::uint64_t> PosixFile::size() const {
  struct stat info = {};
  if (::fstat(descriptor_.get(), &info) != 0)
    return system_error(errno, "cannot read the size", path_);
  return static_cast<std::uint64_t>(info.st_size);
}

Status PosixFile::truncate(std::uint64_t size_bytes) {
  if (size_bytes > offset_max)
    return fail(Errc::io_error, "cannot truncate: the file would be too large", place(path_, size_bytes));
  if (retry_interrupted([&] { return ::ftruncate(descriptor_.get(), static_cast<off_t>(size_bytes)); }) != 0)
    return system_error(errno, "cannot truncate", place(path_, size_bytes));
  return {};
}

} // namespace weir::io
