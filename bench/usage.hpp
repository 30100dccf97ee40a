// What the kernel counts: processor time and memory of this process, bytes written to a device.
//
// Threading: callable from any thread. Errors: std::runtime_error where the kernel gives no figure; a device without
// counters is no error.
#pragma once

#include <cstdint>
#include <optional>
#include <string>

namespace weir::bench {

/// Processor time of all threads of this process so far, user and system, in microseconds.
[[nodiscard]] double cpu_us();

/// Peak of resident memory above what was resident when this was made.
class MemoryPeak {
public:
  MemoryPeak();
  [[nodiscard]] double mib() const;

private:
  std::uint64_t before_kib_ = 0;
};

/// Bytes that reached the device of a directory since this was made, by whomever: measure on a quiet machine.
class DeviceCounter {
public:
  /// Waits until what is dirty now is written.
  explicit DeviceCounter(const std::string& directory);
  /// Waits until everything is written; nothing where the directory's file system has no device of its own.
  [[nodiscard]] std::optional<double> written_bytes() const;

private:
  [[nodiscard]] std::optional<std::uint64_t> read() const;
  std::string path_;
  std::optional<std::uint64_t> before_;
};

/// Empties the page cache of the files below `directory`: of everything if allowed to, else of those files.
void drop_page_cache(const std::string& directory);

/// What describe_file_system() begins with where files are in memory and every figure would be a lie.
inline constexpr const char* in_memory = "tmpfs";

/// "ext4 on device 254:0".
[[nodiscard]] std::string describe_file_system(const std::string& directory);

} // namespace weir::bench
