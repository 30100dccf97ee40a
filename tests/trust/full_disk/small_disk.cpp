#include "trust/full_disk/small_disk.hpp"

#include <cerrno>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <stdexcept>
#include <stdlib.h>

#include <fcntl.h>
#include <sched.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

namespace weir::trust {

namespace {

constexpr std::uint64_t page = 4096;

[[noreturn]] void stop(const std::string& what) {
  throw std::runtime_error(what + ": " + std::strerror(errno));
}

bool write_text(const char* path, const std::string& text) {
  std::ofstream file(path);
  file << text;
  return static_cast<bool>(file.flush());
}

struct statvfs space_of(const std::string& path) {
  struct statvfs space = {};
  if (::statvfs(path.c_str(), &space) != 0)
    stop("statvfs");
  return space;
}

} // namespace

bool enter_private_mounts(std::string& why) {
  const std::string uid = std::to_string(::geteuid()), gid = std::to_string(::getegid());
  if (::unshare(CLONE_NEWNS) != 0) {
    if (::unshare(CLONE_NEWUSER | CLONE_NEWNS) != 0) {
      why = std::string("no namespace of its own: ") + std::strerror(errno);
      return false;
    }
    if (!write_text("/proc/self/setgroups", "deny") || !write_text("/proc/self/uid_map", "0 " + uid + " 1") ||
        !write_text("/proc/self/gid_map", "0 " + gid + " 1")) {
      why = "a user namespace that knows no users";
      return false;
    }
  }
  if (::mount("none", "/", nullptr, MS_REC | MS_PRIVATE, nullptr) != 0) {
    why = std::string("mounts are everybody's: ") + std::strerror(errno);
    return false;
  }
  try {
    const SmallDisk tried(1 << 20U);
  } catch (const std::exception& e) {
    why = e.what();
    return false;
  }
  return true;
}

SmallDisk::SmallDisk(std::uint64_t bytes, std::uint64_t files_max) {
  auto pattern = (std::filesystem::temp_directory_path() / "weir-disk-XXXXXX").string();
  if (::mkdtemp(pattern.data()) == nullptr)
    stop("mkdtemp");
  root_ = pattern;
  std::string options = "mode=0700,size=" + std::to_string(bytes);
  if (files_max != 0)
    options += ",nr_inodes=" + std::to_string(files_max);
  if (::mount("tmpfs", root_.c_str(), "tmpfs", MS_NOSUID | MS_NODEV, options.c_str()) != 0) {
    const int error = errno;
    ::rmdir(root_.c_str());
    errno = error;
    stop("mounting a tmpfs");
  }
  ballast_ = ::open((root_ + "/ballast").c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0600);
  if (ballast_ < 0)
    stop("ballast");
}

SmallDisk::~SmallDisk() {
  ::close(ballast_);
  // Lazily: whoever still has a file open here must not keep the place.
  ::umount2(root_.c_str(), MNT_DETACH);
  ::rmdir(root_.c_str());
}

std::uint64_t SmallDisk::free_bytes() const {
  const struct statvfs space = space_of(root_);
  return std::uint64_t{space.f_bavail} * space.f_frsize;
}

void SmallDisk::resize_ballast(std::uint64_t bytes) {
  if (bytes < ballast_bytes_) {
    if (::ftruncate(ballast_, static_cast<off_t>(bytes)) != 0)
      stop("ftruncate");
    ballast_bytes_ = bytes;
  } else if (bytes > ballast_bytes_) {
    // All or nothing; somebody else may have been quicker to the space.
    if (::fallocate(ballast_, 0, static_cast<off_t>(ballast_bytes_), static_cast<off_t>(bytes - ballast_bytes_)) == 0)
      ballast_bytes_ = bytes;
    else if (errno != ENOSPC)
      stop("fallocate");
  }
}

bool SmallDisk::set_free(std::uint64_t bytes) {
  bytes = bytes / page * page;
  for (int tries = 0; tries < 1'000; ++tries) {
    const std::uint64_t free = free_bytes();
    if (free > bytes)
      resize_ballast(ballast_bytes_ + (free - bytes));
    else if (free < bytes && ballast_bytes_ < bytes - free)
      return false;
    else if (free < bytes)
      resize_ballast(ballast_bytes_ - (bytes - free));
    else
      return true;
  }
  return true; // as near as the others let us
}

void SmallDisk::fill() {
  for (int tries = 0; tries < 1'000; ++tries) {
    const std::uint64_t free = free_bytes();
    if (free < page)
      return;
    resize_ballast(ballast_bytes_ + free);
  }
}

std::uint64_t SmallDisk::free_names() const {
  return space_of(root_).f_favail;
}

void SmallDisk::take_all_names() {
  while (true) {
    const int file = ::open((root_ + "/name-" + std::to_string(names_taken_)).c_str(), O_WRONLY | O_CREAT, 0600);
    if (file < 0 && errno == ENOSPC)
      return;
    if (file < 0)
      stop("name");
    ::close(file);
    ++names_taken_;
  }
}

void SmallDisk::give_names_back() {
  while (names_taken_ != 0)
    ::unlink((root_ + "/name-" + std::to_string(--names_taken_)).c_str());
}

} // namespace weir::trust
