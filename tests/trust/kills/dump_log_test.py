#!/usr/bin/env python3
"""The dumper reads the worked example of docs/formats/wal.md, and says where it is damaged."""
import pathlib
import re
import sqlite3
import struct
import sys
import tempfile
import unittest

sys.dont_write_bytecode = True
import dump_log
from xxh3 import MASK, xxh3_64

ROOT = pathlib.Path(__file__).resolve().parents[3]
SEED = 1


def example():
    """The 8 KiB of the example's file."""
    text = (ROOT / "docs/formats/wal.md").read_text().split("## Example", 1)[1]
    file = bytearray(8192)
    for offset, row in re.findall(r"^    ([0-9a-f]{4})  ((?:[0-9a-f]{2} ?)+)$", text, re.MULTILINE):
        data = bytes.fromhex(row)
        file[int(offset, 16) : int(offset, 16) + len(data)] = data
    return file


class ExampleTest(unittest.TestCase):
    def setUp(self):
        scratch = tempfile.TemporaryDirectory()
        self.addCleanup(scratch.cleanup)
        self.directory = pathlib.Path(scratch.name)
        (self.directory / "wal/000").mkdir(parents=True)
        self.data = example()

    def log(self, names=(2,)):
        (self.directory / "wal/000/0000000000000001.wal").write_bytes(self.data)
        for number in names:
            (self.directory / f"wal/000/{number:016}.wal").touch()
        return dump_log.Log(self.directory, SEED, 0, 1)

    def damage(self):
        with self.assertRaises(dump_log.Damage) as caught:
            self.log()
        return str(caught.exception)

    def test_reads_header_groups_and_seal(self):
        (file,) = self.log().files
        self.assertEqual(file.records, [b"abc", b"a" * 60])
        self.assertEqual((file.header.first_record, file.header.file_bytes), (1, 8192))
        self.assertEqual([(offset, group.group_bytes, group.raw_bytes, group.synced_offset) for offset, group in file.groups],
                         [(0x1000, 52, 0, 0), (0x1034, 64, 69, 0x1034)])
        self.assertEqual((file.end, file.seal.successor), (0x1074, 2))

    def test_a_missing_seal_is_no_damage(self):
        self.data[0x1074:0x109C] = bytes(40)
        (file,) = self.log(names=()).files
        self.assertEqual((len(file.records), file.end, file.seal), (2, 0x1074, None))

    def test_what_a_later_group_says_was_synced_is_damaged(self):
        self.data[0x1031] ^= 1
        self.assertTrue(self.damage().startswith("wal/000/0000000000000001.wal:4096: "))

    def test_the_last_group_without_a_seal_may_be_torn(self):
        self.data[0x1074:0x109C] = bytes(40)
        self.data[0x1064] ^= 1
        (file,) = self.log(names=()).files
        self.assertEqual((file.records, file.end), ([b"abc"], 0x1034))

    def test_the_last_group_before_a_seal_is_damaged(self):
        self.data[0x1064] ^= 1
        self.assertTrue(self.damage().startswith("wal/000/0000000000000001.wal:4148: "))

    def test_every_flipped_byte_that_means_something_is_noticed(self):
        for offset in [*range(64), *range(0x1000, 0x109C)]:
            self.data = example()
            self.data[offset] ^= 0x10
            with self.subTest(offset=offset):
                self.assertIn("wal/000/0000000000000001.wal:", self.damage() if offset < 0x1074 else self.unsealed())

    def unsealed(self):
        (file,) = self.log().files
        self.assertIsNone(file.seal)
        return f"{file.name}:{file.end}"

    def test_a_truncated_file_is_damaged(self):
        for size in (63, 0x1010, 0x1050, 0x1074):
            self.data = example()[:size]
            with self.subTest(size=size):
                self.assertIn("truncated", self.damage())

    def test_a_successor_must_exist(self):
        with self.assertRaisesRegex(dump_log.Damage, "0000000000000002.wal:0: .* missing"):
            self.log(names=())


class CallTest(unittest.TestCase):
    BODY = bytes.fromhex("ac020501000000000000000103 6f2d31 08000002 70616964 7b7d")

    def test_decodes_the_example(self):
        self.assertEqual(dump_log.decode_call(self.BODY),
                         [dump_log.Event("o-1", 300, 5, 1, "paid", 1, "", "", "{}")])

    def test_refuses_what_is_shorter_or_longer(self):
        for body in [*(self.BODY[:size] for size in range(len(self.BODY))), self.BODY + b"x"]:
            with self.assertRaises(dump_log.Malformed):
                dump_log.decode_call(body)


class RecordTest(unittest.TestCase):
    OTHER = bytes.fromhex("0106010000000000000001 03 6f2d32 08000002 70616964 7b7d")

    def test_decodes_one_call_and_several(self):
        self.assertEqual([event.context for event in dump_log.decode_record(CallTest.BODY)], ["o-1"])
        both = bytes([0, 2, len(CallTest.BODY)]) + CallTest.BODY + bytes([len(self.OTHER)]) + self.OTHER
        self.assertEqual([(event.context, event.sequence, event.position) for event in dump_log.decode_record(both)],
                         [("o-1", 300, 5), ("o-2", 1, 6)])
        for body in [*(both[:size] for size in range(len(both))), both + b"x",
                     bytes([0, 1, len(CallTest.BODY)]) + CallTest.BODY]:
            with self.assertRaises(dump_log.Malformed):
                dump_log.decode_record(body)


class Lz4Test(unittest.TestCase):
    def test_literals_long_lengths_and_overlapping_copies(self):
        self.assertEqual(dump_log.lz4_block(b"\x30abc", 3), b"abc")
        self.assertEqual(dump_log.lz4_block(b"\xf0\x05" + b"x" * 20, 20), b"x" * 20)
        self.assertEqual(dump_log.lz4_block(b"\xf0\xff\x00" + b"y" * 270, 270), b"y" * 270)
        self.assertEqual(dump_log.lz4_block(b"\x22ab\x02\x00\x10z", 9), b"abababab" + b"z")
        self.assertEqual(dump_log.lz4_block(b"\x1fa\x01\x00\xff\x03\x10z", 1 + 19 + 258 + 1), b"a" * 278 + b"z")

    def test_refuses_what_leads_nowhere(self):
        for block, raw_bytes in ((b"", 1), (b"\x40abc", 4), (b"\x10a\x02\x00", 5), (b"\x10a\x00\x00", 5),
                                 (b"\x10a\x01", 5), (b"\x30abc", 4), (b"\xf0\xff", 300)):
            with self.assertRaises(dump_log.Malformed):
                dump_log.lz4_block(block, raw_bytes)


class Xxh3Test(unittest.TestCase):
    # From the reference implementation, over bytes(i * 131 & 255): size, seed 0, seed 0xFEDCBA9876543210.
    KNOWN = [
        (0, 0x2D06800538D394C2, 0xE2BDA2B8C0A330DA),
        (1, 0xC44BDFF4074EECDB, 0x76761C489ED890A3),
        (3, 0x6811538B444FC6DC, 0x506C52F3216D0DDE),
        (4, 0xED503340C589A28B, 0x1254BE2AB7478645),
        (8, 0xE5B43AB074C9C13B, 0x54F93E6248B65FBD),
        (9, 0x089B8D25B20FB877, 0x52DD8EC3715FA4CD),
        (16, 0x0A0EC5AE8679CB7F, 0xCF8D024F774C6332),
        (17, 0x57C52D21CE492C1E, 0xC93CFEF1857F9741),
        (32, 0x8E62A5F67100F10D, 0x1FFAF98CD0E4D5C6),
        (33, 0xBC16FC6B42571F75, 0xD9568569D358986E),
        (64, 0x7714914B0D794113, 0x91BA5E7A91D29D61),
        (100, 0x387363CE0E6084AA, 0x1568651534F7C1FA),
        (128, 0x696069C4F1E6A91A, 0x00FC8AD98A30DCC7),
        (129, 0xB1ADA52285757BEB, 0x4A5E449146B5EB77),
        (191, 0x20E0251F5A7D1944, 0xD6404C337214646F),
        (240, 0xB80284837259EEE4, 0x5B6A6407C456E215),
        (241, 0x44DBD3180A664E27, 0xFF2C54254089460C),
        (255, 0x942AB7E775F54ACA, 0x543C86F77D42FB7C),
        (256, 0x266A2C816CBB31C5, 0xDDFDE1D73ED6187E),
        (257, 0xF9540CBF52865B43, 0x9F6C990B6D3B0EA9),
        (512, 0xD3A5291037DFE500, 0x3ACFE9B16672D617),
        (1024, 0xBD7C43CD9A89CB69, 0xFDA35AC9C6C8DC98),
        (1025, 0x21866A1DF47680CE, 0x5683E13028998305),
        (2048, 0xD65C6D0C8C6AB041, 0xD65757276409757F),
        (4000, 0x494265ACC8205155, 0xF14D890251D5504C),
    ]

    def test_agrees_with_the_reference(self):
        for size, plain, seeded in self.KNOWN:
            data = bytes(i * 131 & 255 for i in range(size))
            with self.subTest(size=size):
                self.assertEqual(xxh3_64(data, 0), plain)
                self.assertEqual(xxh3_64(data, 0xFEDCBA9876543210), seeded)


class CatalogTest(unittest.TestCase):
    def setUp(self):
        scratch = tempfile.TemporaryDirectory()
        self.addCleanup(scratch.cleanup)
        self.directory = pathlib.Path(scratch.name)

    def test_a_directory_without_one_is_new_unless_it_holds_logs(self):
        self.assertEqual(dump_log.Catalog(self.directory).shards, [])
        (self.directory / "wal/000").mkdir(parents=True)
        with self.assertRaisesRegex(dump_log.Damage, "catalog.db:0: "):
            dump_log.Catalog(self.directory)

    def test_records_are_checked_and_nothing_is_changed(self):
        for version in dump_log.CATALOG_VERSIONS:
            with self.subTest(version):
                self.check_records(version)
            (self.directory / "catalog.db").unlink()

    def check_records(self, version):
        database = sqlite3.connect(self.directory / "catalog.db")
        database.execute("CREATE TABLE head(shard_count, directory_seed, positions_reserved, segment_count, records_sum,"
                         " checksum)")
        database.execute("CREATE TABLE shards(shard, wal_first_file, wal_cut_record, next_segment, checksum)")
        database.execute("CREATE TABLE segments(shard, number, file_bytes, footer_offset, footer_checksum, event_count,"
                         " context_count, payload_bytes, position_min, position_max, timestamp_min, timestamp_max,"
                         " recorded_at_min, recorded_at_max, checksum)")
        database.execute(f"PRAGMA application_id={dump_log.APPLICATION_ID}")
        if version >= 2:
            database.execute("CREATE TABLE schemas(event_type, version, definition, checksum)")
        if version >= 3:
            database.execute("CREATE TABLE retention_rules(context_prefix, event_type, age, count, checksum)")
            database.execute("CREATE TABLE retention_point(before, now, applied, checksum)")
        if version >= 4:
            database.execute("CREATE TABLE views(name, query, checksum)")
        database.execute(f"PRAGMA user_version={version}")
        total = 0

        def insert(table, kind, row):
            nonlocal total
            words = [kind] + [xxh3_64(value.encode(), SEED) if isinstance(value, str) else value & MASK for value in row]
            check = xxh3_64(struct.pack(f"<{len(words)}Q", *words), SEED)
            total += check if kind != 1 else 0
            row = [value if isinstance(value, str) else (value & MASK) - ((value & MASK) >> 63 << 64)
                   for value in [*row, check]]
            database.execute(f"INSERT INTO {table} VALUES({','.join('?' * len(row))})", row)

        insert("shards", 2, [0, 3, 17, 2])
        insert("segments", 3, [0, 1, 570, 400, 99, 1, 1, 12, 1000, 1000, -1, 1, 1, 1])
        if version >= 2:
            insert("schemas", 4, ["paid", 1, "DEFINE paid FIELDS {}"])
        if version >= 3:
            insert("retention_rules", 5, ["order-", "", 86_400_000_000, 0])
            insert("retention_point", 6, [4000, 1_700_000_000_000_000, 1])
        if version >= 4:
            insert("views", 7, ["by_day", "QUERY * COUNT PER DAY"])
        insert("head", 1, [1, SEED, 5000, 1, total & MASK])
        database.commit()
        before = (self.directory / "catalog.db").read_bytes()
        self.assertEqual(dump_log.Catalog(self.directory).shards, [(0, 3, 17, 1000)])
        self.assertEqual((self.directory / "catalog.db").read_bytes(), before)
        database.execute("UPDATE shards SET wal_cut_record=18")
        database.commit()
        with self.assertRaisesRegex(dump_log.Damage, "table shards, shard 0"):
            dump_log.Catalog(self.directory)
        database.close()


if __name__ == "__main__":
    unittest.main()
