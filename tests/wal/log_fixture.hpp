// Small verbs for tests of the log: write records, read them back, damage a file.
#pragma once

#include "engine/io/memory_file_system.hpp"
#include "wal/recovery.hpp"
#include "wal/writer.hpp"

#include <cstddef>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <vector>

namespace weir::wal::test {

inline constexpr std::uint64_t directory_seed = 0x5EED;
inline constexpr std::uint64_t small_file_bytes = 8 * 1024;

struct Disk {
  io::MemoryFileSystem fs;
};

/// Records by number, as recovery visits them.
using Records = std::map<std::uint64_t, std::string>;

WriterOptions writer_options(std::uint64_t file_bytes = small_file_bytes);
RecoverOptions recover_options(std::uint64_t first_file = 1, std::uint64_t cut_record = 0);

/// A group of these bodies.
std::shared_ptr<Group> group_of(const std::vector<std::string>& bodies);
/// A body of `bytes` bytes that names `record`, so that no two are alike.
std::string body_for(std::uint64_t record, std::size_t bytes = 40);

struct Recovered {
  Result<LogEnd> end = LogEnd{};
  Records records;
};

/// recover() with everything it visits; fails the test if numbers are not increasing.
Recovered recover_all(io::FileSystem& fs, const RecoverOptions& options = recover_options());

/// Appends a group of one record and returns its number.
std::uint64_t append_one(Writer& writer, const std::string& body);

std::vector<std::byte> read_file(io::FileSystem& fs, const std::string& path);
/// Puts `bytes` in the place of the file's content.
void replace_file(io::FileSystem& fs, const std::string& path, const std::vector<std::byte>& bytes);
/// Flips the bits of `mask` in the byte at `offset`.
void flip(io::FileSystem& fs, const std::string& path, std::uint64_t offset, unsigned mask = 0x01);
void truncate(io::FileSystem& fs, const std::string& path, std::uint64_t bytes);
/// Every file below wal/000 with its content.
std::map<std::string, std::vector<std::byte>> snapshot(io::FileSystem& fs);

} // namespace weir::wal::test
