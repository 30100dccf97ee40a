#include "trust/damage/sqlite_bytes.hpp"

#include <cstddef>
#include <cstdint>
#include <utility>

namespace weir::trust {

namespace {

constexpr std::size_t file_header_bytes = 100;

/// Fields of the file header that do not bear on what is read, or not with every value: the journal's kind (ours is set
/// again); the change counter and the number of pages (0 is the file's size); the schema's cookie, its format (what is
/// known reads the same, the rest is refused) and the suggested cache size; the encoding of text; the vacuum mode
/// without auto-vacuum; reserved bytes, and which version of SQLite wrote last.
constexpr std::pair<std::size_t, std::size_t> idle_fields[] = {{18, 20}, {24, 32}, {40, 52},
                                                               {56, 60}, {64, 68}, {72, 100}};

std::size_t big_endian(std::string_view bytes, std::size_t at) {
  return std::size_t{static_cast<unsigned char>(bytes[at])} << 8 | static_cast<unsigned char>(bytes[at + 1]);
}

/// Value and length of the varint at `at`.
std::pair<std::uint64_t, std::size_t> varint(std::string_view bytes, std::size_t at) {
  std::uint64_t value = 0;
  for (std::size_t i = 0; i < 8; ++i) {
    const auto byte = static_cast<unsigned char>(bytes[at + i]);
    value = value << 7 | (byte & 0x7F);
    if (byte < 0x80)
      return {value, i + 1};
  }
  return {value << 8 | static_cast<unsigned char>(bytes[at + 8]), 9};
}

std::size_t cell_bytes(std::string_view page, std::size_t at, unsigned type) {
  std::size_t bytes = type == 2 || type == 5 ? 4 : 0; // the page to the left
  if (type == 5)
    return bytes + varint(page, at + bytes).second;
  const auto [payload, length] = varint(page, at + bytes);
  bytes += length;
  if (type == 13)
    bytes += varint(page, at + bytes).second; // the row's number
  return bytes + static_cast<std::size_t>(payload);
}

/// Where the type of the first column is, in a cell of a table's leaf.
std::size_t first_type(std::string_view page, std::size_t at) {
  at += varint(page, at).second; // payload
  at += varint(page, at).second; // number
  return at + varint(page, at).second;
}

} // namespace

std::vector<bool> meaningful_bytes(std::string_view database) {
  std::vector<bool> used(database.size(), false);
  const auto mark = [&used](std::size_t begin, std::size_t end) {
    for (std::size_t i = begin; i < end; ++i)
      used.at(i) = true;
  };
  const std::size_t page_bytes = big_endian(database, 16);
  mark(0, file_header_bytes);
  for (const auto& [begin, end] : idle_fields)
    for (std::size_t i = begin; i < end; ++i)
      used[i] = false;
  for (std::size_t begin = 0; begin < database.size(); begin += page_bytes) {
    const std::string_view page = database.substr(begin, page_bytes);
    const std::size_t header = begin == 0 ? file_header_bytes : 0;
    const auto type = static_cast<unsigned char>(page[header]);
    if (type != 2 && type != 5 && type != 10 && type != 13) {
      mark(begin, begin + page.size());
      continue;
    }
    const std::size_t cells = big_endian(page, header + 3);
    const std::size_t pointers = header + (type == 2 || type == 5 ? 12 : 8);
    mark(begin + header, begin + pointers + 2 * cells);
    for (std::size_t i = 0; i < cells; ++i) {
      const std::size_t at = big_endian(page, pointers + 2 * i);
      mark(begin + at, begin + at + cell_bytes(page, at, type));
      if (begin == 0)
        used[at + varint(page, at).second] = false; // the number of a row of the schema, by which nobody looks
      if (type == 13)
        if (const std::size_t first = first_type(page, at); page[first] == 0)
          used[begin + first] = false; // stands where the row's number would be
    }
  }
  return used;
}

} // namespace weir::trust
