#include "trust/damage/image.hpp"

#include <algorithm>
#include <span>
#include <stdexcept>

namespace weir::trust {

namespace {

void read_directory(io::FileSystem& fs, const std::string& directory, Image& image) {
  const auto entries = fs.list(directory);
  if (!entries)
    throw std::runtime_error(to_string(entries.error()));
  for (const io::DirectoryEntry& entry : *entries) {
    const std::string path = directory.empty() ? entry.name : directory + "/" + entry.name;
    if (entry.kind == io::EntryKind::directory) {
      read_directory(fs, path, image);
      continue;
    }
    const auto file = fs.open(path, io::OpenMode::read_only);
    if (file.code() == Errc::not_found) // gone since: an engine is at work
      continue;
    if (!file)
      throw std::runtime_error(to_string(file.error()));
    std::string content((*file)->size().value(), '\0');
    static_cast<void>((*file)->pread(std::as_writable_bytes(std::span(content)), 0).value());
    image.emplace(path, std::move(content));
  }
}

} // namespace

Image read_image(io::FileSystem& fs) {
  Image image;
  read_directory(fs, "", image);
  return image;
}

int shard_of_path(std::string_view path) {
  const std::size_t slash = path.find('/');
  if (slash == std::string_view::npos || slash + 4 >= path.size() || path[slash + 4] != '/')
    return -1;
  return std::stoi(std::string(path.substr(slash + 1, 3)));
}

ByteRange difference(std::string_view before, std::string_view after) {
  const std::size_t common = std::min(before.size(), after.size());
  const auto first = std::mismatch(before.begin(), before.begin() + static_cast<std::ptrdiff_t>(common), after.begin());
  const auto begin = static_cast<std::uint64_t>(first.first - before.begin());
  if (before.size() != after.size())
    return {begin, std::max(before.size(), after.size())};
  std::uint64_t end = before.size();
  while (end > begin && before[end - 1] == after[end - 1])
    --end;
  return {begin, end};
}

} // namespace weir::trust
