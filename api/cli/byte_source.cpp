#include "api/cli/byte_source.hpp"

#include "engine/text.hpp"

#include <array>
#include <cerrno>
#include <fcntl.h>
#include <poll.h>
#include <sys/stat.h>
#include <system_error>
#include <unistd.h>

namespace weir::cli {
namespace {

Error system_error(const char* what, int error, const std::string& name) {
  const Errc code = error == ENOENT ? Errc::not_found : Errc::io_error;
  return fail(code, format("{} failed: {}", what, std::generic_category().message(error)), name);
}

} // namespace

Result<std::unique_ptr<FileSource>> FileSource::open(const std::string& path, const Interrupt* interrupt) {
  if (path == "-")
    return std::unique_ptr<FileSource>(new FileSource(STDIN_FILENO, "standard input", 0, interrupt));
  const int descriptor = ::open(path.c_str(), O_RDONLY | O_CLOEXEC);
  if (descriptor < 0)
    return system_error("opening", errno, path);
  struct stat info {};
  const bool known = ::fstat(descriptor, &info) == 0;
  if (known && S_ISDIR(info.st_mode)) {
    ::close(descriptor);
    return fail(Errc::invalid_argument, "this is a directory, not a file of events", path);
  }
  const auto size_bytes = known && S_ISREG(info.st_mode) ? static_cast<std::uint64_t>(info.st_size) : 0;
  return std::unique_ptr<FileSource>(new FileSource(descriptor, path, size_bytes, interrupt));
}

FileSource::FileSource(int descriptor, std::string name, std::uint64_t size_bytes, const Interrupt* interrupt)
    : descriptor_(descriptor), name_(std::move(name)), size_bytes_(size_bytes), interrupt_(interrupt) {
}

FileSource::~FileSource() {
  if (descriptor_ != STDIN_FILENO)
    ::close(descriptor_);
}

Result<std::size_t> FileSource::read(std::span<char> out) {
  for (;;) {
    if (interrupt_ != nullptr) {
      // A signal that comes between a check and a plain read() would be noticed only after the next input.
      std::array<pollfd, 2> waiting{pollfd{descriptor_, POLLIN, 0}, pollfd{interrupt_->descriptor(), POLLIN, 0}};
      ::poll(waiting.data(), waiting.size(), -1);
      if (interrupt_->requested())
        return fail(Errc::cancelled, "interrupted", name_);
    }
    const ssize_t bytes = ::read(descriptor_, out.data(), out.size());
    if (bytes >= 0) {
      bytes_read_ += static_cast<std::uint64_t>(bytes);
      return static_cast<std::size_t>(bytes);
    }
    if (errno != EINTR && errno != EAGAIN)
      return system_error("reading", errno, name_);
  }
}

} // namespace weir::cli
