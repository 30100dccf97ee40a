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

std::string from_hex(std::string_view hex) {
  const auto digit = [](char c) { return c <= '9' ? c - '0' : c - 'a' + 10; };
  std::string bytes;
  for (std::size_t i = 0; i < hex.size(); i += 2)
    bytes.push_back(static_cast<char>(digit(hex[i]) * 16 + digit(hex[i + 1])));
  return bytes;
}

} // namespace

TEST_CASE("segment format: the worked example of the document reads as the event it is made of") {
  const std::string example = from_hex(example_hex);
  const Rows rows = example_rows();
  SegmentDirectory directory({.directory_seed = 7, .zone_rows = 4'096, .filter_bits_per_key = 10});
  SegmentMeta meta = directory.write(rows);
  meta.file_bytes = example.size();
  meta.footer_offset = 429;
  meta.footer_checksum = load<std::uint64_t>(example.data() + meta.footer_offset);
  directory.overwrite(meta, example);
  const auto reader = directory.open(meta);
  const Status verified = reader->verify();
  CHECK_MESSAGE(verified.ok(), to_string(verified.error()));
  CHECK(*scan(*reader) == rows);
}

TEST_CASE("segment format: the writer writes the example's header and first block as they are documented") {
  SegmentDirectory directory({.directory_seed = 7, .zone_rows = 4'096, .filter_bits_per_key = 10});
  // Blocks after these two are compressed, and another release of LZ4 may do that in other bytes.
  const std::string file = directory.content(directory.write(example_rows()));
  std::string expected = from_hex(example_hex).substr(0, 80);
  expected.replace(8, 1, 1, '\x03'); // the example is of format 2: what format 3 adds is not in it
  expected.replace(40, 8, from_hex("25f8b73dfb8b0ca8"));
  CHECK(file.substr(0, 80) == expected);
}
