// Where lines come from: a file or standard input, compressed or not.
//
// Threading: one thread at a time.
#pragma once

#include "api/cli/interrupt.hpp"
#include <weir/result.hpp>

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <string>

namespace weir::cli {

class ByteSource {
public:
  virtual ~ByteSource() = default;
  /// At least one byte, or 0 at the end. Errors: `io_error`; `corruption` for damaged compression; `cancelled` when
  /// interrupted.
  virtual Result<std::size_t> read(std::span<char> out) = 0;
};

/// A file, or standard input for "-".
class FileSource : public ByteSource {
public:
  /// Errors: `not_found`, `invalid_argument` for a directory, `io_error`. `interrupt`, if given, ends a read that
  /// waits; it must outlive the source.
  static Result<std::unique_ptr<FileSource>> open(const std::string& path, const Interrupt* interrupt);
  ~FileSource() override;
  FileSource(const FileSource&) = delete;
  FileSource& operator=(const FileSource&) = delete;

  Result<std::size_t> read(std::span<char> out) override;
  /// What errors call it.
  [[nodiscard]] const std::string& name() const noexcept { return name_; }
  [[nodiscard]] std::uint64_t bytes_read() const noexcept { return bytes_read_; }
  [[nodiscard]] std::uint64_t size_bytes() const noexcept { return size_bytes_; } ///< 0: not known.

private:
  FileSource(int descriptor, std::string name, std::uint64_t size_bytes, const Interrupt* interrupt);
  int descriptor_;
  std::string name_;
  std::uint64_t size_bytes_;
  std::uint64_t bytes_read_ = 0;
  const Interrupt* interrupt_;
};

} // namespace weir::cli
