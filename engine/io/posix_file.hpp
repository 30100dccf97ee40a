// One open file of the POSIX file system.
//
// Threading and errors: as File.
#pragma once

#include "engine/io/file_system.hpp"
#include "engine/io/posix_descriptor.hpp"

#include <string>

namespace weir::io {

class PosixFile final : public File {
public:
  /// `path` is only for messages.
  PosixFile(Descriptor descriptor, std::string path) : descriptor_(std::move(descriptor)), path_(std::move(path)) {}

  Result<std::size_t> pread(std::span<std::byte> out, std::uint64_t offset) const override;
  Status pwrite(std::span<const std::byte> data, std::uint64_t offset) override;
  Status append(std::span<const std::byte> data) override;
  Status sync_data() override;
  void begin_sync(std::uint64_t offset, std::uint64_t bytes) noexcept override;
  void begin_read(std::uint64_t offset, std::uint64_t bytes) const noexcept override;
  Result<std::uint64_t> size() const override;
  Status truncate(std::uint64_t size_bytes) override;

private:
  Descriptor descriptor_;
  std::string path_;
  bool sync_failed_ = false;
};

} // namespace weir::io
