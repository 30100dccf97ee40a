// Which files of its log a shard keeps: until they are cut, and no backup holds them.
#include "actors/shard_log.hpp"

#include "engine/sabotage.hpp"
#include "engine/text.hpp"

#include <algorithm>

namespace weir {

void ShardLog::cut(std::uint64_t first_file) {
  parts_.lane->post([this, first_file] {
    cut_file_ = std::max(cut_file_, first_file);
    if (holds_ == 0 || sabotaged(Sabotage::recycle_held_files))
      release_cut();
  });
}

void ShardLog::release_cut() {
  if (const Status released = writer_->release_before(cut_file_ + (sabotaged(Sabotage::recycle_too_soon) ? 1 : 0));
      !released)
    events_.warn(format("shard {}: log files could not be released: {}", shard_, to_string(released.error())));
}

void ShardLog::hold_files(UniqueFunction<void(Result<std::uint64_t>)> held) {
  parts_.lane->post([this, held = std::move(held)]() mutable {
    if (failed_) {
      held(*failed_);
      return;
    }
    Status finished = sync();
    if (finished) {
      finished = writer_->seal();
      if (!finished && writer_->poisoned())
        fail_shard(finished.error());
    }
    if (!finished) { // what a failed seal left behind, the next write deals with
      held(finished.error());
      return;
    }
    ++holds_;
    held(first_file_after(UINT64_MAX - 1));
  });
}

void ShardLog::release_files() {
  parts_.lane->post([this] {
    if (--holds_ == 0)
      release_cut();
  });
}

} // namespace weir
