#!/usr/bin/env python3
"""Shows what the write-ahead logs of a weir directory hold, without weir.

Written from docs/formats/wal.md and docs/formats/catalog.md alone, with nothing but Python's standard library, so that
what the engine reads back can be compared with somebody else's opinion. Changes nothing in the directory; the engine may
be dead, or alive and idle.

Without an option it prints each shard's files and where they end; --records adds every group and record, --events prints
only the events and removals that no segment holds yet, one a line, tab separated (\\t, \\n and \\\\ inside a field are escaped):

  shard     SHARD FIRST_FILE CUT_RECORD POSITION_MAX LAST_RECORD
  event     SHARD RECORD CONTEXT SEQUENCE POSITION RECORDED_AT TYPE TIMESTAMP EVENT_ID METADATA PAYLOAD
  removal   SHARD RECORD CONTEXT NEXT_SEQUENCE POSITION RECORDED_AT FIRST_LIVE CLOSES
  end       SHARDS EVENTS                                        what was printed; missing if there was damage

POSITION_MAX is the highest position in the shard's segments: events up to it are there, those above must be here. Times
are microseconds since 1970.

Exit code: 0 all is well (a torn end, which recovery will cut, is), 1 damage, 2 no such directory.
"""
import argparse
import collections
import os
import pathlib
import shutil
import sqlite3
import struct
import sys
import tempfile

from xxh3 import MASK, xxh3_64

FILE_MAGIC = b"WEIRWAL\0"
GROUP_MAGIC = bytes.fromhex("a7574752")
SEAL_MAGIC = bytes.fromhex("a757534c")
FORMAT_VERSIONS = (2, 3, 4)
DATA_OFFSET = 4096
WAL_KIND = 1
RAW_BYTES_MAX = 8 << 20
APPLICATION_ID, CATALOG_VERSIONS = 0x77656972, (1, 2, 3, 4)

FILE_HEADER = struct.Struct("<8sIIQQQQQQ")
GROUP_HEADER = struct.Struct("<4sIQIIQQ")
SEAL = struct.Struct("<4sIQQQQ")

FileHeader = collections.namedtuple(
    "FileHeader", "magic version shard number predecessor predecessor_last_record first_record file_bytes check")
GroupHeader = collections.namedtuple("GroupHeader", "magic records first_record group_bytes raw_bytes synced_offset check")
Seal = collections.namedtuple("Seal", "magic zero last_record records successor check")
Removal = collections.namedtuple("Removal", "context next_sequence position recorded_at first_live closes")
Event = collections.namedtuple("Event", "context sequence position recorded_at type timestamp event_id metadata payload")


class Damage(Exception):
    """Something is not as it was written; the text names file and offset."""


class Malformed(Exception):
    """Bytes that end too early, or say what cannot be."""


def checksum(data, identity, offset):
    return xxh3_64(data, identity ^ ((offset * 0x9E3779B97F4A7C15 + 0x632BE59BD9B4E019) & MASK))


def file_identity(seed, shard, number):
    return xxh3_64(struct.pack("<3Q", WAL_KIND, shard, number), seed)


def lz4_block(block, raw_bytes):
    """Decodes one LZ4 block, which must give exactly `raw_bytes`."""
    out = bytearray()
    at = 0

    def length(nibble):
        nonlocal at
        total, more = nibble, nibble == 15
        while more:
            total += block[at]
            more = block[at] == 255
            at += 1
        return total

    try:
        while True:
            token = block[at]
            at += 1
            literals = length(token >> 4)
            if at + literals > len(block):
                raise Malformed("literals beyond the block")
            out += block[at : at + literals]
            at += literals
            if at == len(block):
                break
            offset = block[at] | block[at + 1] << 8
            at += 2
            copied = length(token & 15) + 4
            if offset == 0 or offset > len(out) or len(out) + copied > raw_bytes:
                raise Malformed("a copy from nowhere")
            start = len(out) - offset
            if offset >= copied:
                out += out[start : start + copied]
            else:  # what is copied overlaps what it makes
                pattern = bytes(out[start:])
                out += (pattern * (copied // offset + 1))[:copied]
    except IndexError:
        raise Malformed("the block ends too early") from None
    if len(out) != raw_bytes:
        raise Malformed(f"the block decodes to {len(out)} bytes, not {raw_bytes}")
    return bytes(out)


class Cursor:
    """Takes fields from bytes, in order."""

    def __init__(self, data, at=0, end=None):
        self.data, self.at, self.end = data, at, len(data) if end is None else end

    def bytes(self, count):
        if count > self.end - self.at:
            raise Malformed("ends too early")
        self.at += count
        return self.data[self.at - count : self.at]

    def u64(self):
        return int.from_bytes(self.bytes(8), "little")

    def i64(self):
        return int.from_bytes(self.bytes(8), "little", signed=True)

    def varint(self):
        value = shift = 0
        while shift < 64:
            byte = self.bytes(1)[0]
            value |= (byte & 0x7F) << shift
            shift += 7
            if byte < 0x80:
                if (byte == 0 and shift > 7) or value > MASK:
                    break
                return value
        raise Malformed("no varint")


def decode_record(body):
    """The events of one record: of one call, or of several, one for each context."""
    if body[:1] != b"\0":
        return decode_call(body)
    take = Cursor(body, 1)
    calls = [take.bytes(take.varint()) for _ in range(take.varint())]
    if len(calls) < 2 or take.at != take.end or any(call[:1] in (b"", b"\0") for call in calls):
        raise Malformed("a record that does not fit its calls")
    return [event for call in calls for event in decode_call(call)]


def decode_call(body):
    """The events of one call, or its removal."""
    take = Cursor(body)
    sequence, position, recorded_at, count = take.varint(), take.varint(), take.i64(), take.varint()
    context = take.bytes(take.varint()).decode()
    if not sequence or not context:
        raise Malformed("a call without sequence or context")
    if not count:
        removal = Removal(context, sequence, position, recorded_at, take.varint(), take.varint())
        if take.at != take.end or not 1 <= removal.first_live <= sequence or removal.closes > 1:
            raise Malformed("a removal that is not as one is written")
        return [removal]
    events = []
    for i in range(count):
        shape, id_bytes, metadata_bytes, payload_bytes = take.varint(), take.varint(), take.varint(), take.varint()
        if shape & 512 and not take.varint():  # the version of its type's schema
            raise Malformed("an event with schema version 0")
        timestamp = take.i64() if shape & 1 else recorded_at
        fields = [take.bytes(size).decode() for size in ((shape & 511) >> 1, id_bytes, metadata_bytes, payload_bytes)]
        events.append(Event(context, sequence + i, position + i, recorded_at, fields[0], timestamp, *fields[1:]))
    if take.at != take.end:
        raise Malformed("a call that is longer than its events")
    return events


class LogFile:
    """One file: its header, its good groups and records, and where they end."""

    def __init__(self, directory, seed, shard, number):
        self.name = f"wal/{shard:03}/{number:016}.wal"
        self.shard, self.number = shard, number
        self.data = (directory / self.name).read_bytes()
        self.identity = file_identity(seed, shard, number)
        self.seed = seed
        self.header = self._header()
        self.groups, self.records, self.seal, self.truncated = [], [], None, False
        self.end = DATA_OFFSET
        if self.header:
            self.limit = min(len(self.data), self.header.file_bytes)
            self._read()

    def damage(self, offset, what):
        return Damage(f"{self.name}:{offset}: {what}")

    def last_record(self):
        return self.header.first_record + len(self.records) - 1

    def _unpack(self, kind, layout, offset):
        return kind(*layout.unpack_from(self.data, offset)) if offset + layout.size <= len(self.data) else None

    def _header(self):
        header = self._unpack(FileHeader, FILE_HEADER, 0)
        if not header:
            if self.data:
                raise self.damage(0, "the log file was truncated")
            return None
        if header.magic != FILE_MAGIC:
            return None
        if header.check != checksum(self.data[:56], self.identity, 0):
            other = file_identity(self.seed, header.shard, header.number)
            if header.check == checksum(self.data[:56], other, 0) and (
                    header.shard != self.shard or header.number > self.number):
                raise self.damage(0, f"this is the header of shard {header.shard}, file {header.number}")
            return None  # never written, torn, or of an earlier life of the file
        if header.version not in FORMAT_VERSIONS:
            raise self.damage(0, f"log format {header.version} is not known, only {FORMAT_VERSIONS}")
        if header.shard != self.shard or header.number != self.number or not header.first_record or (
                header.predecessor_last_record >= header.first_record or header.file_bytes < DATA_OFFSET):
            return None
        return header

    def group_at(self, offset):
        """The whole group header at `offset`, wherever its records are; None if there is none."""
        group = self._unpack(GroupHeader, GROUP_HEADER, offset)
        if not group or group.magic != GROUP_MAGIC or group.check != checksum(
                self.data[offset : offset + 32], self.identity, offset):
            return None
        behind = group.group_bytes - GROUP_HEADER.size
        if not group.records or behind <= 0 or group.synced_offset > offset or (
                group.raw_bytes > min(RAW_BYTES_MAX, 255 * behind)):
            return None
        return group

    def seal_at(self, offset):
        seal = self._unpack(Seal, SEAL, offset)
        if not seal or seal.magic != SEAL_MAGIC or seal.check != checksum(
                self.data[offset : offset + 32], self.identity, offset):
            return None
        return seal

    def _read(self):
        while True:
            offset = self.end
            if offset + GROUP_HEADER.size > self.limit:
                self.truncated = True
                break
            group = self.group_at(offset)
            if not group or group.first_record != self.last_record() + 1:
                break
            if offset + group.group_bytes > self.limit:
                self.truncated = True
                break
            self.groups.append((offset, group))
            if not (self._compressed if group.raw_bytes else self._plain)(offset, group):
                break
        self.seal = self.seal_at(self.end)
        if self.seal:
            if (self.seal.last_record, self.seal.records, self.seal.successor) != (
                    self.last_record(), len(self.records), self.number + 1):
                raise self.damage(self.end, f"the seal says the file ends with record {self.seal.last_record}, "
                                            f"but {self.last_record()} is the last one found")
            self.truncated = False
        self.truncated = self.truncated and len(self.data) < self.header.file_bytes

    def _plain(self, offset, group):
        take = Cursor(self.data, offset + GROUP_HEADER.size, offset + group.group_bytes)
        for _ in range(group.records):
            try:
                size, check = take.varint(), take.u64()
                body = take.bytes(size)
            except Malformed:
                return False
            if check != checksum(body, self.identity, take.at - size):
                return False
            self.records.append(body)
            self.end = take.at
        return take.at == take.end

    def _compressed(self, offset, group):
        at = offset + GROUP_HEADER.size + 8
        block = self.data[at : offset + group.group_bytes]
        bodies = []
        try:
            if Cursor(self.data, at - 8).u64() != checksum(block, self.identity, at):
                return False
            take = Cursor(lz4_block(block, group.raw_bytes))
            for _ in range(group.records):
                size, check = take.varint(), take.u64()
                bodies.append(take.bytes(size))
                if check:
                    return False
        except Malformed:
            return False
        if take.at != take.end:
            return False
        self.records += bodies
        self.end = offset + group.group_bytes
        return True

    def synced_offset_claimed_behind(self, offset):
        """Up to where the file had been synced, as whole group headers and seals from `offset` on say."""
        claimed = 0
        at = self.data.find(b"\xa7\x57", offset)
        while at >= 0:
            group = self.group_at(at)
            if group:
                claimed = max(claimed, group.synced_offset)
            elif self.seal_at(at):
                claimed = max(claimed, at)
            at = self.data.find(b"\xa7\x57", at + 1)
        return claimed


class Log:
    """A shard's chain of files, from the first live one to its end."""

    def __init__(self, directory, seed, shard, first_file):
        self.files = []
        names = os.listdir(directory / f"wal/{shard:03}") if (directory / f"wal/{shard:03}").is_dir() else []
        self.numbers = sorted(int(name[:16]) for name in names
                              if len(name) == 20 and name[:16].isdigit() and name.endswith(".wal"))
        if first_file not in self.numbers:
            if first_file == 1 and not self.numbers:
                return
            raise Damage(f"wal/{shard:03}/{first_file:016}.wal:0: the first live file of the log is missing")
        number = first_file
        while True:
            file = LogFile(directory, seed, shard, number)
            if not file.header:
                self._check_never_written(file)
                return
            self._check_predecessor(file)
            self.files.append(file)
            if not file.seal:
                self._check_torn(file, directory, seed)
                return
            number += 1
            if number not in self.numbers:
                raise Damage(f"wal/{shard:03}/{number:016}.wal:0: the log file that follows a sealed one is missing")

    def last_record(self):
        return self.files[-1].last_record() if self.files else 0

    def _check_predecessor(self, file):
        before = self.files[-1] if self.files else None
        if before and (file.header.predecessor, file.header.predecessor_last_record) != (
                before.number, before.last_record()):
            raise file.damage(0, f"the log file follows record {file.header.predecessor_last_record} of file "
                                 f"{file.header.predecessor}, not record {before.last_record()} of file {before.number}")

    def _check_never_written(self, file):
        if any(number > file.number for number in self.numbers):
            raise file.damage(0, "the header is damaged: later files exist")
        claimed = file.synced_offset_claimed_behind(DATA_OFFSET)
        if claimed:
            raise file.damage(0, f"the header is damaged: the file was synced up to {claimed}")

    def _check_torn(self, file, directory, seed):
        if file.truncated:
            raise file.damage(file.end, "the log file was truncated")
        claimed = file.synced_offset_claimed_behind(file.end)
        if claimed > file.end:
            raise file.damage(file.end, f"damaged after record {file.last_record()}: it was synced up to {claimed}")
        finished = any(number > file.number + 1 for number in self.numbers)
        if not finished and file.number + 1 in self.numbers:
            following = LogFile(directory, seed, file.shard, file.number + 1)
            finished = following.header is not None
            if not finished:
                self._check_never_written(following)
        if finished:
            raise file.damage(file.end, f"damaged after record {file.last_record()}: it goes on in the next file")


class Catalog:
    """What catalog.db says, read from a copy: SQLite would move the journal into the file that it opens."""

    def __init__(self, directory):
        self.shards = []
        path = directory / "catalog.db"
        if not path.exists():
            self._check_new(directory)
            return
        with tempfile.TemporaryDirectory() as scratch:
            for ending in ("", "-wal", "-journal"):
                if (directory / f"catalog.db{ending}").exists():
                    shutil.copy(directory / f"catalog.db{ending}", f"{scratch}/catalog.db{ending}")
            database = sqlite3.connect(f"{scratch}/catalog.db")
            try:
                self._read(database, directory)
            except sqlite3.DatabaseError as error:
                raise Damage(f"catalog.db:0: {error}") from None
            finally:
                database.close()

    @staticmethod
    def _check_new(directory):
        for folder in ("wal", "segments"):
            if (directory / folder).is_dir() and os.listdir(directory / folder):
                raise Damage("catalog.db:0: the catalog is missing or empty, but there are logs or segments")

    def _read(self, database, directory):
        marks = [database.execute(f"PRAGMA {mark}").fetchone()[0] for mark in ("application_id", "user_version")]
        if marks == [0, 0]:
            self._check_new(directory)
            return
        if marks[0] != APPLICATION_ID or marks[1] not in CATALOG_VERSIONS:
            raise Damage(f"catalog.db:0: not a catalog of a format in {CATALOG_VERSIONS}: marks {marks}")
        (head,) = database.execute("SELECT shard_count, directory_seed, positions_reserved, segment_count, records_sum,"
                                   " checksum FROM head").fetchall()
        self.seed = head[1] & MASK
        self._check("table head", 1, head)
        total = 0
        shards = database.execute("SELECT shard, wal_first_file, wal_cut_record, next_segment, checksum FROM shards"
                                  " ORDER BY shard").fetchall()
        for row in shards:
            total += self._check(f"table shards, shard {row[0]}", 2, row)
        segments = database.execute(
            "SELECT shard, number, file_bytes, footer_offset, footer_checksum, event_count, context_count, payload_bytes,"
            " position_min, position_max, timestamp_min, timestamp_max, recorded_at_min, recorded_at_max, checksum"
            " FROM segments").fetchall()
        for row in segments:
            total += self._check(f"table segments, shard {row[0]} number {row[1]}", 3, row)
        if marks[1] >= 2:
            for row in database.execute("SELECT event_type, version, definition, checksum FROM schemas").fetchall():
                total += self._check(f"table schemas, type {row[0]} version {row[1]}", 4, row)
        if marks[1] >= 3:
            for row in database.execute("SELECT context_prefix, event_type, age, count, checksum"
                                        " FROM retention_rules").fetchall():
                total += self._check(f"table retention_rules, context prefix {row[0]} event type {row[1]}", 5, row)
            for row in database.execute("SELECT before, now, applied, checksum FROM retention_point").fetchall():
                total += self._check("table retention_point", 6, row)
        if marks[1] >= 4:
            for row in database.execute("SELECT name, query, checksum FROM views").fetchall():
                total += self._check(f"table views, name {row[0]}", 7, row)
        if [row[0] for row in shards] != list(range(head[0])) or len(segments) != head[3] or total & MASK != head[4] & MASK:
            raise Damage("catalog.db: table head: records are missing, or older than the others")
        for shard, first_file, cut_record, _, _ in shards:
            position_max = max((row[9] & MASK for row in segments if row[0] == shard), default=0)
            self.shards.append((shard, first_file & MASK, cut_record & MASK, position_max))

    def _check(self, place, kind, row):
        words = [kind] + [xxh3_64(value.encode(), self.seed) if isinstance(value, str) else value & MASK
                          for value in row[:-1]]
        check = xxh3_64(struct.pack(f"<{len(words)}Q", *words), self.seed)
        if check != row[-1] & MASK:
            raise Damage(f"catalog.db: {place}: the record's checksum differs")
        return check


def escaped(text):
    return text.replace("\\", "\\\\").replace("\t", "\\t").replace("\n", "\\n")


def print_events(catalog, logs, out):
    count = 0
    for shard, first_file, cut_record, position_max in catalog.shards:
        log = logs[shard]
        print("shard", shard, first_file, cut_record, position_max, log.last_record(), sep="\t", file=out)
        for file in log.files:
            for record, body in enumerate(file.records, file.header.first_record):
                if record <= cut_record:
                    continue
                try:
                    events = decode_record(body)
                except (Malformed, UnicodeDecodeError) as error:
                    raise Damage(f"{file.name}: record {record} is no call: {error}") from None
                for event in events:
                    kind = "event" if isinstance(event, Event) else "removal"
                    count += kind == "event"
                    print(kind, shard, record, *(escaped(str(field)) for field in event), sep="\t", file=out)
    print("end", len(catalog.shards), count, sep="\t", file=out)


def print_files(catalog, logs, records, out):
    if not catalog.shards:
        print("no catalog yet: the directory was never completed", file=out)
    for shard, first_file, cut_record, position_max in catalog.shards:
        log = logs[shard]
        print(f"shard {shard}: live from file {first_file}, records up to {cut_record} and positions up to {position_max}"
              f" are in segments, the log ends with record {log.last_record()}", file=out)
        for file in log.files:
            end = "sealed" if file.seal else "open"
            print(f"  {file.name}: records {file.header.first_record} to {file.last_record()}, {len(file.groups)} groups,"
                  f" {end} at {file.end} of {len(file.data)}", file=out)
            if records:
                print_records(file, cut_record, out)


def print_records(file, cut_record, out):
    for offset, group in file.groups:
        form = f"{group.raw_bytes} bytes compressed" if group.raw_bytes else "plain"
        print(f"    {offset}: group of {group.records} records, {group.group_bytes} bytes, {form}, behind"
              f" {group.synced_offset} synced bytes", file=out)
        for record in range(group.first_record, min(group.first_record + group.records, file.last_record() + 1)):
            body = file.records[record - file.header.first_record]
            try:
                events = decode_record(body)
                what = f"context {escaped(events[0].context)}, position {events[0].position}, "
                if isinstance(events[0], Removal):
                    what += f"{'closed' if events[0].closes else 'events removed'} before sequence {events[0].first_live}"
                else:
                    what += f"{len(events)} events from sequence {events[0].sequence}"
            except (Malformed, UnicodeDecodeError) as error:
                what = f"no call: {error}"
            print(f"      {record}: {what}{', in a segment' if record <= cut_record else ''}", file=out)


def main():
    about, details = __doc__.split("\n\n", 1)
    parser = argparse.ArgumentParser(description=about, epilog=details, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("directory", type=pathlib.Path, help="a weir data directory that nobody writes to")
    what = parser.add_mutually_exclusive_group()
    what.add_argument("--records", action="store_true", help="every group and record")
    what.add_argument("--events", action="store_true", help="the events that are in no segment, one a line")
    options = parser.parse_args()
    if not options.directory.is_dir():
        print(f"dump_log: {options.directory} is no directory", file=sys.stderr)
        return 2
    try:
        catalog = Catalog(options.directory)
        logs = {shard: Log(options.directory, catalog.seed, shard, first_file)
                for shard, first_file, _, _ in catalog.shards}
        if options.events:
            print_events(catalog, logs, sys.stdout)
        else:
            print_files(catalog, logs, options.records, sys.stdout)
    except Damage as damage:
        sys.stdout.flush()
        print(f"dump_log: {damage}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    try:
        sys.exit(main())
    except BrokenPipeError:  # the reader has seen enough
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        sys.exit(0)
