#include "bench/usage.hpp"

#include <fcntl.h>
#include <filesystem>
#include <fstream>
#include <stdexcept>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <sys/vfs.h>
#include <unistd.h>

namespace weir::bench {

namespace {

std::uint64_t status_kib(const std::string& field) {
  std::ifstream status("/proc/self/status");
  for (std::string line; std::getline(status, line);)
    if (line.starts_with(field + ":"))
      return std::stoull(line.substr(field.size() + 1));
  throw std::runtime_error("/proc/self/status has no " + field);
}

std::string device_of(const std::string& directory) {
  struct stat status {};
  if (::stat(directory.c_str(), &status) != 0)
    throw std::runtime_error("no directory " + directory);
  return std::to_string(major(status.st_dev)) + ":" + std::to_string(minor(status.st_dev));
}

} // namespace

double cpu_us() {
  rusage usage{};
  ::getrusage(RUSAGE_SELF, &usage);
  const auto us = [](const timeval& time) {
    return static_cast<double>(time.tv_sec) * 1e6 + static_cast<double>(time.tv_usec);
  };
  return us(usage.ru_utime) + us(usage.ru_stime);
}

MemoryPeak::MemoryPeak() {
  if (!(std::ofstream("/proc/self/clear_refs") << "5" << std::flush)) // VmHWM begins anew
    throw std::runtime_error("/proc/self/clear_refs cannot be written");
  before_kib_ = status_kib("VmRSS");
}

double MemoryPeak::mib() const {
  const std::uint64_t peak = status_kib("VmHWM");
  return peak > before_kib_ ? static_cast<double>(peak - before_kib_) / 1024 : 0;
}

DeviceCounter::DeviceCounter(const std::string& directory) : path_("/sys/dev/block/" + device_of(directory) + "/stat") {
  ::sync();
  before_ = read();
}

std::optional<std::uint64_t> DeviceCounter::read() const {
  std::ifstream stat(path_);
  std::uint64_t value = 0;
  for (int field = 0; field < 7; ++field) // the seventh: sectors written, of 512 bytes whatever the device's are
    if (!(stat >> value))
      return std::nullopt;
  return value * 512;
}

std::optional<double> DeviceCounter::written_bytes() const {
  ::sync();
  const auto now = read();
  if (!now || !before_)
    return std::nullopt;
  return static_cast<double>(*now - *before_);
}

void drop_page_cache(const std::string& directory) {
  ::sync(); // only clean pages can be dropped
  if (std::ofstream("/proc/sys/vm/drop_caches") << "3" << std::flush)
    return;
  for (const auto& entry : std::filesystem::recursive_directory_iterator(directory)) {
    if (!entry.is_regular_file())
      continue;
    const int descriptor = ::open(entry.path().c_str(), O_RDONLY | O_CLOEXEC);
    if (descriptor < 0 || ::posix_fadvise(descriptor, 0, 0, POSIX_FADV_DONTNEED) != 0)
      throw std::runtime_error("the page cache of " + entry.path().string() + " cannot be dropped");
    ::close(descriptor);
  }
}

std::string describe_file_system(const std::string& directory) {
  constexpr long tmpfs = 0x01021994;
  constexpr long ext = 0xEF53;
  constexpr long xfs = 0x58465342;
  constexpr long btrfs = 0x9123683E;
  struct statfs status {};
  if (::statfs(directory.c_str(), &status) != 0)
    throw std::runtime_error("no directory " + directory);
  const auto type = static_cast<long>(status.f_type);
  const std::string name = type == tmpfs   ? in_memory
                           : type == ext   ? "ext4"
                           : type == xfs   ? "xfs"
                           : type == btrfs ? "btrfs"
                                           : "another file system";
  return name + " on device " + device_of(directory);
}

} // namespace weir::bench
