// Memory that a process and those it forks hold in common.
//
// Purpose: the workload lies here, so that children read it without copying a page. Threading: as any memory.
// Errors: std::runtime_error.
#pragma once

#include <cstddef>

namespace weir::bench {

class SharedMemory {
public:
  SharedMemory() = default;
  /// `bytes` zeroed bytes; pages take memory once they are touched.
  explicit SharedMemory(std::size_t bytes);
  SharedMemory(SharedMemory&& other) noexcept;
  SharedMemory& operator=(SharedMemory&& other) noexcept;
  ~SharedMemory();

  [[nodiscard]] char* data() const noexcept { return data_; }

private:
  char* data_ = nullptr;
  std::size_t bytes_ = 0;
};

} // namespace weir::bench
