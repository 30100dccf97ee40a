#include "engine/io/path.hpp"

#include <string>

namespace weir::io {

Result<std::vector<std::string_view>> split_path(std::string_view path) {
  std::vector<std::string_view> names;
  if (path.empty() || path == ".")
    return names;
  for (auto rest = path;;) {
    const auto slash = rest.find('/');
    const auto name = rest.substr(0, slash);
    if (name.empty() || name == "." || name == ".." || name.find('\0') != std::string_view::npos)
      return fail(Errc::invalid_argument, "not a path inside the data directory", std::string(path));
    names.push_back(name);
    if (slash == std::string_view::npos)
      return names;
    rest.remove_prefix(slash + 1);
  }
}

std::string directory_of(std::string_view path) {
  const auto slash = path.find_last_of('/');
  return std::string(path.substr(0, slash == std::string_view::npos ? 0 : slash));
}

} // namespace weir::io
