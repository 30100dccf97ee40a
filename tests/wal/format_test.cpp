// The bytes on disk, as docs/formats/wal.md shows them: old logs must stay readable.

#include "tests/wal/log_fixture.hpp"

#include "wal/format.hpp"
#include "wal/paths.hpp"

#include <doctest/doctest.h>

namespace weir::wal {
namespace {

std::string hex(std::span<const std::byte> bytes) {
  constexpr std::string_view digits = "0123456789abcdef";
  std::string text;
  for (const std::byte b : bytes) {
    text += digits[std::to_integer<unsigned>(b) >> 4U];
    text += digits[std::to_integer<unsigned>(b) & 15U];
  }
  return text;
}

TEST_CASE("wal format: header, group and seal have the bytes of the documented example") {
  const std::uint64_t identity = file_identity(1, identity_kind, 0, 1);
  FileHeader header;
  header.number = 1;
  header.first_record = 1;
  header.file_bytes = 8192;
  header.check = check_of(header, identity, 0);
  CHECK(hex(std::as_bytes(std::span(&header, 1))) ==
        "5745495257414c000100000000000000010000000000000000000000000000000000000000000000"
        "01000000000000000020000000000000a7fb00bc09df181c");

  Group group(10);
  group.add("abc");
  CHECK(hex(group.frame(identity, 4096, 1, 0)) == "a7574752010000000100000000000000" // magic, records, first record
                                                  "3b000000000000000000000000000000" // bytes, synced offset
                                                  "84b59f22adf912fb"                 // check
                                                  "030000000ebd4cde96cb7747342613cf" // record header
                                                  "616263");

  Seal seal;
  seal.last_record = 1;
  seal.records = 1;
  seal.successor = 2;
  seal.check = check_of(seal, identity, 4096 + 59);
  CHECK(hex(std::as_bytes(std::span(&seal, 1))) ==
        "a757534c0000000001000000000000000100000000000000020000000000000028943f9665286427");
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
