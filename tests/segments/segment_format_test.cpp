// The worked example of docs/formats/segment.md: files of this format stay readable for ever.
#include "tests/segments/segment_fixture.hpp"

#include "segments/bytes.hpp"

#include <doctest/doctest.h>

using namespace weir;
using namespace weir::segments;
using namespace weir::segments::test;

namespace {

Rows example_rows() {
  Row row;
  row.context_id = "order-42";
  row.sequence = 1;
  row.position = 1000;
  row.recorded_at = row.timestamp = Timestamp(std::chrono::microseconds(1'700'000'000'000'000));
  row.event_type = "Placed";
  row.payload = R"({"total":99})";
  return {row};
}

constexpr std::string_view example_hex =
    "574549525345473102000000000000000100000000000000954f6092bb3ac142001000000000000045b9a3b5001b443e"
    "1b940f04e08b641a000b00000c0000000c0000007b22746f74616c223a39397da4bdf518844781d20101000011000000"
    "0d00000044e80300000200500000000000ba3132acc22428b800020000110000001100000000401e18240a0600000000"
    "000000000000eb169ff6cf3f21a701040000110000000a0000001700010050000000000069780cfc5f384dde010a0000"
    "110000000b000000260c0001005000000000004658bb99ab490e53010c00008000000044000000440100000004000002"
    "00000c000f02000100180000040013501d00130d0800137108001311080013960800130a080013b40800130b08001330"
    "0800800c00000000000000d35bbb068090d789010d00001c0000001a000000e200086f726465722d3432010100000200"
    "80010000000100000026baa8b88af2f131000e0000400000004000000000000000000000000000000000800000000000"
    "000000000000010004000000000000000000000000000004000000000000000000000000000040000000020000884739"
    "2fab491b5901110000f4000000790000002201000100040800120c0f004100e803000a000408007f00401e18240a0608"
    "0007d21000000106506c6163656401303c0022005007002300d308006444000000010153000408000f53000603730014"
    "019c0023012b0a00131a5000a3086f726465722d343259190000070013061d000f020002500000000000";

constexpr std::string_view example_4_hex =
    "574549525345473104000000000000000100000000000000954f6092bb3ac142001000000000000095a521fc142c0d31"
    "1f236a3bda67d238000b000033000000330000007b22746f74616c223a39397d7b22746f74616c223a3130307d7b2274"
    "6f74616c223a3130317d7b22746f74616c223a3130327deaae20b22648ccd6011400001e000000170000006000000000"
    "63000600060200a002e40000000000000000978349a8c40bb5ca000100001200000012000000e80300000000000002e4"
    "00000000000000005956c9bf689f7d0f00020000110000001100000000401e18240a06000000000000000000000e173e"
    "b7b7ad64c301040000110000000a00000017000100500000000000afe297e5e335f6b7010a0000120000001000000022"
    "0c000100a0010e0000000000000000827b4aef1d789cc7010c0000800000004c0000005304000000010400000200000c"
    "000f02000100180000040013a21d001312080013c808001311080013ed0800130a0800100b3500410000001006003100"
    "00300600a000003300000000000000e2858226dc5f836b010d00001c0000001a000000e200086f726465722d34320401"
    "0000020080010000000100000037e72296074f6ca3000e00004000000040000000000000000000000000000000008000"
    "000000000000000000000100040000000000000000000000000000040000000000000000000000000000400000000200"
    "00cfee36fd84116916001000000900000009000000e4000000000000000056c81a0078a35201011600001f0000001b00"
    "0000410a770000020072170000000400630d0090006600000000000000cf1f3be4f91f07b30017000014000000140000"
    "00010105746f74616c2e020000000000001b00000037ade5d4ca03890501110000000100008300000022040001001201"
    "0700230033080022e803090013eb08007f00401e18240a06080007e21000000106506c616365640130003d0012a20700"
    "23002f5e006f4c00000001045b001d13013e004200018f015100121a0700c200086f726465722d3432bd011200002a00"
    "12060b000302002311020900070200c05d0200000000000014000000";

std::string from_hex(std::string_view hex) {
  const auto digit = [](char c) { return c <= '9' ? c - '0' : c - 'a' + 10; };
  std::string bytes;
  for (std::size_t i = 0; i < hex.size(); i += 2)
    bytes.push_back(static_cast<char>(digit(hex[i]) * 16 + digit(hex[i + 1])));
  return bytes;
}

const SegmentOptions example_options = {.directory_seed = 7, .zone_rows = 4'096, .filter_bits_per_key = 10};

/// The document's file in the place of what is written today; it must hold `rows`.
std::shared_ptr<const SegmentReader> open_example(SegmentDirectory& directory, const Rows& rows,
                                                  const std::string& example, std::uint64_t footer_offset) {
  SegmentMeta meta = directory.write(rows);
  meta.file_bytes = example.size();
  meta.footer_offset = footer_offset;
  meta.footer_checksum = load<std::uint64_t>(example.data() + footer_offset);
  directory.overwrite(meta, example);
  auto reader = directory.open(meta);
  const Status verified = reader->verify();
  CHECK_MESSAGE(verified.ok(), to_string(verified.error()));
  CHECK(*scan(*reader) == rows);
  return reader;
}

} // namespace

TEST_CASE("segment format: the worked example of the document reads as the event it is made of") {
  SegmentDirectory directory(example_options);
  const auto reader = open_example(directory, example_rows(), from_hex(example_hex), 429);
  CHECK(reader->fields()->empty()); // as in format 3
}

TEST_CASE("segment format: the writer writes the example's header and first block as they are documented") {
  SegmentDirectory directory(example_options);
  // Blocks after these two are compressed, and another release of LZ4 may do that in other bytes.
  const std::string file = directory.content(directory.write(example_rows()));
  std::string expected = from_hex(example_hex).substr(0, 80);
  expected.replace(8, 1, 1, '\x06'); // the example is of format 2: what later ones add lies behind it
  expected.replace(40, 8, from_hex("2f75728e61ec56d4"));
  CHECK(file.substr(0, 80) == expected);
}

TEST_CASE("segment format: the document's example of format 4 has its field as a column") {
  Rows rows = example_rows();
  for (int more = 0; more < 3; ++more) {
    rows.push_back(rows.back());
    ++rows.back().sequence;
    ++rows.back().position;
    rows.back().payload = "{\"total\":" + std::to_string(100 + more) + "}";
  }
  SegmentDirectory directory(example_options);
  const auto reader = open_example(directory, rows, from_hex(example_4_hex), 645);
  REQUIRE(reader->fields()->size() == 1);
  CHECK((*reader->fields())[0].path == json::Path{"total"});
  CHECK((*reader->field_zones(0))[0].integer_max == 102);
  const std::size_t total = 0;
  const auto columns = reader->read_columns(0, 0, {&total, 1});
  REQUIRE(columns.ok());
  const auto integers = (*columns)->fields()[0].integers;
  CHECK(std::vector<std::int64_t>(integers.begin(), integers.end()) == std::vector<std::int64_t>{99, 100, 101, 102});
}
