// The bytes on disk, as docs/formats/wal.md shows them: old logs must stay readable.

#include "tests/wal/log_fixture.hpp"

#include "wal/format.hpp"
#include "wal/paths.hpp"

#include <doctest/doctest.h>

namespace weir::wal {
namespace {

using namespace test;

std::string hex(std::span<const std::byte> bytes) {
  constexpr std::string_view digits = "0123456789abcdef";
  std::string text;
  for (const std::byte b : bytes) {
    text += digits[std::to_integer<unsigned>(b) >> 4U];
    text += digits[std::to_integer<unsigned>(b) & 15U];
  }
  return text;
}

std::vector<std::byte> from_hex(std::string_view text) {
  std::vector<std::byte> bytes;
  for (std::size_t i = 0; i < text.size(); i += 2)
    bytes.push_back(static_cast<std::byte>(std::stoi(std::string(text.substr(i, 2)), nullptr, 16)));
  return bytes;
}

constexpr std::string_view example_header = "5745495257414c00040000000000000001000000000000000000000000000000"
                                            "000000000000000001000000000000000020000000000000b49e5b57462a201a";
constexpr std::string_view example_header_3 = "5745495257414c00030000000000000001000000000000000000000000000000"
                                              "0000000000000000010000000000000000200000000000008d2d92db395a4536";
constexpr std::string_view example_header_2 = "5745495257414c00020000000000000001000000000000000000000000000000"
                                              "0000000000000000010000000000000000200000000000000efbb642f88b5ea8";
constexpr std::string_view example_plain_group = "a7574752010000000100000000000000" // magic, records, first record
                                                 "34000000000000000000000000000000" // bytes, raw bytes, synced offset
                                                 "91008a974000498e"                 // check
                                                 "03f5f479f194851c68616263";        // length, check, "abc"
constexpr std::string_view example_compressed_group = "a7574752010000000200000000000000"
                                                      "40000000450000003410000000000000"
                                                      "060fade1d6745b95"
                                                      "2b3f58d313a16d0e" // check of the block
                                                      "233c00010"        // 2 literals, 7 zeros more
                                                      "01f61010023"      // "a", 54 more
                                                      "506161616161";
constexpr std::string_view example_seal = "a757534c0000000002000000000000000200000000000000020000000000000"
                                          "02b8a6fcc26c87d4e";

TEST_CASE("wal format: header, group and seal have the bytes of the documented example") {
  const std::uint64_t identity = file_identity(1, identity_kind, 0, 1);
  FileHeader header;
  header.number = 1;
  header.first_record = 1;
  header.file_bytes = 8192;
  header.check = check_of(header, identity, 0);
  CHECK(hex(std::as_bytes(std::span(&header, 1))) == example_header);

  Group group(10);
  group.add("abc");
  CHECK(hex(group.frame(identity, 4096, 1, 0)) == example_plain_group);

  Seal seal;
  seal.last_record = 2;
  seal.records = 2;
  seal.successor = 2;
  seal.check = check_of(seal, identity, 0x1074);
  CHECK(hex(std::as_bytes(std::span(&seal, 1))) == example_seal);
}

TEST_CASE_FIXTURE(Disk,
                  "wal format: the documented example is read, its compressed group too, and so are versions 2 and 3") {
  auto bytes = from_hex(example_header);
  SUBCASE("version 4") {
  }
  SUBCASE("version 3") {
    bytes = from_hex(example_header_3);
  }
  SUBCASE("version 2") {
    bytes = from_hex(example_header_2);
  }
  bytes.resize(data_offset);
  for (const std::string_view part : {example_plain_group, example_compressed_group, example_seal}) {
    const auto more = from_hex(part);
    bytes.insert(bytes.end(), more.begin(), more.end());
  }
  bytes.resize(8192);
  for (const char* directory : {"wal", "wal/000"})
    REQUIRE(fs.create_directory(directory).ok());
  for (const std::uint64_t number : {1U, 2U})
    REQUIRE(fs.open(file_path(0, number), io::OpenMode::create).ok());
  replace_file(fs, file_path(0, 1), bytes);
  auto options = recover_options();
  options.directory_seed = 1;
  const auto recovered = recover_all(fs, options);
  REQUIRE(recovered.end.ok());
  CHECK((recovered.records == Records{{1, "abc"}, {2, std::string(60, 'a')}}));
}

TEST_CASE("wal paths: names are read back to the letter, and nothing else is") {
  CHECK(file_path(3, 42) == "wal/003/0000000000000042.wal");
  const auto file = parse_name("0000000000000042.wal");
  REQUIRE(file);
  CHECK(file->kind == NameKind::file);
  CHECK(file->number == 42);
  const auto spare = parse_name("spare-0000000000000007.wal");
  REQUIRE(spare);
  CHECK(spare->kind == NameKind::spare);
  CHECK(spare->number == 7);
  CHECK(parse_name("spare-0000000000000007.tmp")->kind == NameKind::unfinished_spare);

  for (const char* name : {"", "42.wal", "0000000000000000.wal", "0000000000000042.wal~", "0000000000000042.WAL",
                           "0000000000000042", "0000000000000042.tmp", "000000000000004x.wal", "00000000000000042.wal",
                           "-000000000000042.wal", "spare-.wal", "spare-0000000000000042.seg", "spare-"}) {
    CAPTURE(name);
    CHECK_FALSE(parse_name(name));
  }
}

} // namespace
} // namespace weir::wal
