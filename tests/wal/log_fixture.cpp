#include "tests/wal/log_fixture.hpp"

#include "wal/paths.hpp"

#include <weir/limits.hpp>

#include <doctest/doctest.h>

#include <array>

namespace weir::wal::test {

WriterOptions writer_options(std::uint64_t file_bytes) {
  return {0, directory_seed, file_bytes, 4};
}

RecoverOptions recover_options(std::uint64_t first_file, std::uint64_t cut_record) {
  return {0, directory_seed, first_file, cut_record, small_file_bytes, 4};
}

std::shared_ptr<Group> group_of(const std::vector<std::string>& bodies) {
  auto group = std::make_shared<Group>(256);
  for (const std::string& body : bodies)
    group->add(body);
  return group;
}

std::string body_for(std::uint64_t record, std::size_t bytes) {
  std::string body = "record " + std::to_string(record) + " ";
  while (body.size() < bytes)
    body += static_cast<char>('a' + (record + body.size()) % 26);
  return body;
}

Recovered recover_all(io::FileSystem& fs, const RecoverOptions& options) {
  Recovered recovered;
  recovered.end = recover(fs, options,
                          [&](std::uint64_t first_record, std::span<const std::string_view> bodies,
                              std::shared_ptr<const void> owner, std::uint64_t owner_bytes) -> Status {
                            REQUIRE(owner);
                            std::uint64_t bytes = 0;
                            for (const std::string_view body : bodies) {
                              REQUIRE((recovered.records.empty() || recovered.records.rbegin()->first < first_record));
                              recovered.records.emplace(first_record++, body);
                              bytes += body.size();
                            }
                            CHECK(bytes <= owner_bytes);
                            return {};
                          });
  return recovered;
}

std::uint64_t append_one(Writer& writer, const std::string& body) {
  const auto record = writer.append(*group_of({body}));
  REQUIRE(record.ok());
  return *record;
}

std::vector<std::byte> read_file(io::FileSystem& fs, const std::string& path) {
  auto bytes = io::read_whole_file(fs, path, 64 * MiB);
  REQUIRE(bytes.ok());
  return std::move(*bytes);
}

void replace_file(io::FileSystem& fs, const std::string& path, const std::vector<std::byte>& bytes) {
  auto file = fs.open(path, io::OpenMode::read_write);
  REQUIRE(file.ok());
  REQUIRE((*file)->truncate(bytes.size()).ok());
  REQUIRE((*file)->pwrite(bytes, 0).ok());
}

void flip(io::FileSystem& fs, const std::string& path, std::uint64_t offset, unsigned mask) {
  auto file = fs.open(path, io::OpenMode::read_write);
  REQUIRE(file.ok());
  std::array<std::byte, 1> byte{};
  REQUIRE((*file)->pread(byte, offset).ok());
  byte[0] ^= static_cast<std::byte>(mask);
  REQUIRE((*file)->pwrite(byte, offset).ok());
}

void truncate(io::FileSystem& fs, const std::string& path, std::uint64_t bytes) {
  auto file = fs.open(path, io::OpenMode::read_write);
  REQUIRE(file.ok());
  REQUIRE((*file)->truncate(bytes).ok());
}

std::map<std::string, std::vector<std::byte>> snapshot(io::FileSystem& fs) {
  std::map<std::string, std::vector<std::byte>> files;
  const auto entries = fs.list(shard_directory(0));
  if (entries.code() == Errc::not_found)
    return files;
  REQUIRE(entries.ok());
  for (const io::DirectoryEntry& entry : *entries) {
    if (entry.kind == io::EntryKind::file)
      files[entry.name] = read_file(fs, shard_directory(0) + "/" + entry.name);
  }
  return files;
}

} // namespace weir::wal::test
