#include "engine/io/file_system.hpp"

#include "engine/text.hpp"

namespace weir::io {

Result<std::vector<std::byte>> read_whole_file(FileSystem& fs, const std::string& path, std::uint64_t size_bytes_max) {
  auto file = fs.open(path, OpenMode::read_only);
  if (!file)
    return std::move(file).error();
  const auto size_bytes = (*file)->size();
  if (!size_bytes)
    return size_bytes.error();
  if (*size_bytes > size_bytes_max)
    return fail(Errc::too_large, format("file has {} bytes, at most {} are read", *size_bytes, size_bytes_max), path);
  std::vector<std::byte> content(*size_bytes);
  const auto read_bytes = (*file)->pread(content, 0);
  if (!read_bytes)
    return read_bytes.error();
  // Shorter than a moment ago: somebody truncated it. The rest of the buffer is not content.
  content.resize(*read_bytes);
  return content;
}

} // namespace weir::io
