// A file that tells somebody of every byte before it moves.
//
// Purpose: merges count what they read and write, and may be slowed down or ended between two pieces of a file, however
// large the work round them is. Owner: SegmentFiles, for the files of one merge; as thread-safe as its meter.
#pragma once

#include "engine/io/file_system.hpp"

#include <cstdint>
#include <memory>
#include <span>
#include <utility>

namespace weir::segments {

/// Told by the thread that is about to move the bytes, which may wait in here. An error keeps them from moving and ends
/// the work with it.
class TransferMeter {
public:
  virtual ~TransferMeter() = default;
  virtual Status before_read(std::uint64_t bytes) = 0;
  virtual Status before_write(std::uint64_t bytes) = 0;
};

class MeteredFile final : public io::File {
public:
  /// `meter` outlives this.
  MeteredFile(std::unique_ptr<io::File> file, TransferMeter& meter) : file_(std::move(file)), meter_(meter) {}

  Result<std::size_t> pread(std::span<std::byte> out, std::uint64_t offset) const override {
    WEIR_TRY(meter_.before_read(out.size()));
    return file_->pread(out, offset);
  }
  Status pwrite(std::span<const std::byte> data, std::uint64_t offset) override {
    WEIR_TRY(meter_.before_write(data.size()));
    return file_->pwrite(data, offset);
  }
  Status append(std::span<const std::byte> data) override {
    WEIR_TRY(meter_.before_write(data.size()));
    return file_->append(data);
  }
  Status sync_data() override { return file_->sync_data(); }
  Result<std::uint64_t> size() const override { return file_->size(); }
  Status truncate(std::uint64_t size_bytes) override { return file_->truncate(size_bytes); }

private:
  std::unique_ptr<io::File> file_;
  TransferMeter& meter_;
};

/// `file`, metered if there is a meter.
[[nodiscard]] inline std::unique_ptr<io::File> metered(std::unique_ptr<io::File> file, TransferMeter* meter) {
  return meter == nullptr ? std::move(file) : std::make_unique<MeteredFile>(std::move(file), *meter);
}

} // namespace weir::segments
