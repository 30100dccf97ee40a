// Standard output: buffered, and aware that its reader may leave.
//
// Purpose: a failed write is an error like any other; a reader that has seen enough (`weir replay ... | head`) is none.
// Owner: main. Threading: one thread at a time.
// Invariants: SIGPIPE is ignored while an Output lives, so a write to nobody comes back as an error.
#pragma once

#include <weir/result.hpp>

#include <string>

namespace weir::cli {

class Output {
public:
  explicit Output(int descriptor);

  /// What is written next; append to it, then call pass_on() or flush().
  [[nodiscard]] std::string& buffer() noexcept { return buffer_; }
  /// Writes the buffer if it has grown large.
  Status pass_on() { return buffer_.size() < large_bytes ? Status() : flush(); }
  /// Writes the buffer. Errors: `cancelled` once the reader has gone (see reader_gone), `disk_full`, `io_error`.
  Status flush();
  /// Nobody reads any more: stop quietly.
  [[nodiscard]] bool reader_gone() const noexcept { return reader_gone_; }

  [[nodiscard]] int descriptor() const noexcept { return descriptor_; }

private:
  static constexpr std::size_t large_bytes = 64 * 1024;
  int descriptor_;
  bool reader_gone_ = false;
  std::string buffer_;
};

} // namespace weir::cli
