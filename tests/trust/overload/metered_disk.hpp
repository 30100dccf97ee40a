// A disk that writes one byte for every so many that senders offer, or nothing at all.
//
// Purpose: an engine on it is offered a multiple of what it can take by construction, on any machine, because the disk
// is paid by the senders and knows no time. Owner: a stage shares the meter with the disk. Threading: any thread.
// Invariants: the logs and everything else are paid alike and do not take from each other; spare log files, which are
// written ahead, are free.
#pragma once

#include "engine/io/file_system.hpp"

#include <condition_variable>
#include <cstdint>
#include <memory>
#include <mutex>
#include <string>
#include <string_view>

namespace weir::trust {

class DiskMeter {
public:
  /// From now on `times` bytes that are offered pay for one byte of the logs and one of anything else.
  void limit(std::uint64_t times);
  void offered(std::uint64_t bytes);
  /// From now on whoever writes into `directory` waits.
  void stand(std::string directory);
  /// Returns once somebody does.
  void await_standing();
  /// No limits any more.
  void let_go();
  /// Written to the logs while there was a limit.
  [[nodiscard]] std::uint64_t limited_log_bytes() const;

  /// For the disk: returns when it may write.
  void write(std::string_view path, std::uint64_t bytes);

private:
  mutable std::mutex mutex_;
  std::condition_variable changed_;
  std::uint64_t times_ = 0;          // 0: no limit
  std::int64_t log_ = 0, other_ = 0; // offered bytes not used up yet; the last write may use more than there are
  std::uint64_t limited_log_bytes_ = 0;
  std::string standing_; // empty: none
  std::size_t waiting_there_ = 0;
};

/// `meter` is shared with whoever offers.
[[nodiscard]] std::unique_ptr<io::FileSystem> make_metered_disk(std::unique_ptr<io::FileSystem> disk,
                                                                std::shared_ptr<DiskMeter> meter);

} // namespace weir::trust
