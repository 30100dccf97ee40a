#include "api/cli/output.hpp"

#include "engine/text.hpp"

#include <cerrno>
#include <csignal>
#include <string_view>
#include <system_error>
#include <unistd.h>

namespace weir::cli {

Output::Output(int descriptor) : descriptor_(descriptor) {
  std::signal(SIGPIPE, SIG_IGN);
}

Status Output::flush() {
  std::string_view rest = buffer_;
  while (!rest.empty()) {
    const ssize_t written = ::write(descriptor_, rest.data(), rest.size());
    if (written >= 0) {
      rest.remove_prefix(static_cast<std::size_t>(written));
      continue;
    }
    const int error = errno;
    if (error == EINTR)
      continue;
    buffer_.clear();
    if (error == EPIPE) {
      reader_gone_ = true;
      return fail(Errc::cancelled, "nobody reads the output any more", "standard output");
    }
    return fail(error == ENOSPC || error == EDQUOT ? Errc::disk_full : Errc::io_error,
                format("writing failed: {}", std::generic_category().message(error)), "standard output");
  }
  buffer_.clear();
  return {};
}

} // namespace weir::cli
