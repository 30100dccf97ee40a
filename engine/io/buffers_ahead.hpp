// Buffers whose memory another thread has touched before they are needed.
//
// Why: fresh memory costs a page fault every 4 KiB; for 60 MiB of log that is a third of a restart, and it can be done
// beside the reading. (2 MiB pages would be touched in a quarter of the time, unless a hypervisor has to find them
// first: then in five times as much.) Owner: one reader. Threading: one thread takes; the touching thread begins with
// the third buffer, so that short work needs none, and ends with this object.
#pragma once

#include <atomic>
#include <condition_variable>
#include <cstddef>
#include <memory>
#include <mutex>
#include <thread>
#include <vector>

namespace weir::io {

class BuffersAhead {
public:
  explicit BuffersAhead(std::size_t buffer_bytes) : buffer_bytes_(buffer_bytes) {}
  ~BuffersAhead();
  BuffersAhead(const BuffersAhead&) = delete;
  BuffersAhead& operator=(const BuffersAhead&) = delete;

  [[nodiscard]] std::size_t buffer_bytes() const noexcept { return buffer_bytes_; }
  /// A buffer of buffer_bytes(), its content undefined. Never waits for one whose pages are touched.
  [[nodiscard]] std::shared_ptr<char[]> take();

private:
  void run();

  const std::size_t buffer_bytes_;
  std::size_t taken_ = 0;
  std::mutex mutex_;
  std::condition_variable changed_;
  std::vector<std::shared_ptr<char[]>> ready_;
  std::atomic<bool> stop_ = false; ///< Set with the mutex held.
  std::thread thread_;             // Last: it uses the others.
};

} // namespace weir::io
