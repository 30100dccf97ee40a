// A file that reaches the disk while it is written, not all at its end.
//
// Purpose: one sync of a large new file keeps the disk busy for as long as it takes, and the syncs of the logs behind
// it wait. Syncing every few MiB costs some syncs more and lets the logs in between. Owner: SegmentFiles, for a segment
// that is written; one thread.
#pragma once

#include "engine/io/file_system.hpp"

#include <weir/limits.hpp>

#include <cstdint>
#include <memory>

namespace weir::segments {

class PacedFile final : public io::File {
public:
  explicit PacedFile(std::unique_ptr<io::File> file) : file_(std::move(file)) {}

  Status append(std::span<const std::byte> data) override {
    WEIR_TRY(file_->append(data));
    unsynced_bytes_ += data.size();
    return unsynced_bytes_ >= step_bytes ? sync_data() : Status{};
  }
  Status sync_data() override {
    unsynced_bytes_ = 0;
    return file_->sync_data();
  }
  Result<std::size_t> pread(std::span<std::byte> out, std::uint64_t offset) const override {
    return file_->pread(out, offset);
  }
  Status pwrite(std::span<const std::byte> data, std::uint64_t offset) override { return file_->pwrite(data, offset); }
  Result<std::uint64_t> size() const override { return file_->size(); }
  Status truncate(std::uint64_t size_bytes) override { return file_->truncate(size_bytes); }

private:
  static constexpr std::uint64_t step_bytes = 2 * MiB; // a few milliseconds of a disk's time

  std::unique_ptr<io::File> file_;
  std::uint64_t unsynced_bytes_ = 0;
};

} // namespace weir::segments
