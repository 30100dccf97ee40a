#!/usr/bin/env python3
"""The weir program as its users meet it: every command, format and exit code.

Usage: cli_test.py PROGRAM [unittest arguments]
"""
import csv
import fcntl
import gzip
import io
import json
import os
import pathlib
import pty
import re
import select
import shutil
import signal
import subprocess
import sys
import tempfile
import termios
import time
import unittest

PROGRAM = os.path.abspath(sys.argv.pop(1))
SAMPLE = pathlib.Path(__file__).resolve().parents[2] / "docs/examples/sample.jsonl.gz"
TIMEOUT_S = 60
EVENT_KEYS = ["context_id", "event_type", "sequence", "position", "timestamp", "recorded_at", "payload"]


def line(context, number, **more):
    return json.dumps({"context_id": context, "event_type": "tick", "payload": {"n": number}, **more})


class Cli(unittest.TestCase):
    def setUp(self):
        self.root = tempfile.mkdtemp(prefix="weir-cli-")
        self.addCleanup(shutil.rmtree, self.root)
        self.data = os.path.join(self.root, "data")

    def path(self, name, content=None):
        path = os.path.join(self.root, name)
        if content is not None:
            with open(path, "wb") as file:
                file.write(content if isinstance(content, bytes) else content.encode())
        return path

    def weir(self, *arguments, code=0, stdin=b"", errors=None):
        """Runs the program, demands its exit code, and returns (stdout, stderr) as text."""
        done = subprocess.run([PROGRAM, *arguments], input=stdin.encode() if isinstance(stdin, str) else stdin,
                              capture_output=True, timeout=TIMEOUT_S)
        out, err = done.stdout.decode(), done.stderr.decode()
        self.assertEqual(done.returncode, code, f"weir {arguments}\n{out}\n{err}")
        if code != 0:
            self.assertRegex(err, r"(?m)^weir: [^\n]+$")
        if errors is not None:
            self.assertRegex(err, errors)
        return out, err

    def rows(self, *arguments):
        return [json.loads(text) for text in self.weir(*arguments, "--format", "jsonl")[0].splitlines()]

    def import_lines(self, *lines):
        return self.weir("import", self.data, "-", stdin="".join(text + "\n" for text in lines))

    def start(self, *arguments):
        process = subprocess.Popen([PROGRAM, *arguments], stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                                   stderr=subprocess.PIPE, bufsize=0)

        def end():
            if process.poll() is None:
                process.kill()
            process.wait()
            for stream in (process.stdin, process.stdout, process.stderr):
                stream.close()

        self.addCleanup(end)
        return process

    def read_line(self, process):
        """One line of a running program's output, which it must print without being asked twice."""
        ready, _, _ = select.select([process.stdout], [], [], TIMEOUT_S)
        self.assertTrue(ready, "no line came")
        return process.stdout.readline()

    def read_terminal(self, terminal, wanted):
        """What a program shows at a terminal up to `wanted`, which must come."""
        shown = b""
        while wanted.encode() not in shown:
            ready, _, _ = select.select([terminal], [], [], TIMEOUT_S)
            self.assertTrue(ready, f"{wanted!r} did not come, only {shown!r}")
            try:
                shown += os.read(terminal, 65536)
            except OSError:  # What Linux says when the other end is closed.
                self.fail(f"ended before {wanted!r}: {shown!r}")
        return shown.decode()


class Usage(Cli):
    COMMANDS = ["init", "store", "import", "export", "replay", "tail", "query", "shell", "flush", "compact", "stats",
                "verify", "backup", "restore", "salvage", "schema", "consumer", "context", "retention", "model"]

    def test_help_lists_every_command_and_each_shows_an_example(self):
        out, _ = self.weir("--help")
        for command in self.COMMANDS:
            self.assertIn(f"  {command} ", out)
            text, err = self.weir(command, "--help")
            self.assertIn(f"Example:\n  weir {command} ", text)
            self.assertEqual(err, "")

    def test_what_is_missing_or_unknown_is_named(self):
        self.weir(code=2, errors="A command is required")
        self.weir("replai", self.data, code=2, errors="replai")

    def test_version(self):
        self.assertRegex(self.weir("--version")[0], r"^weir \d+\.\d+\.\d+\n$")

    def test_wrong_usage_is_2_says_what_to_read_and_touches_nothing(self):
        cases = [[], ["nonsense"], ["init"], ["init", self.data, "--shards", "many"], ["init", self.data, "--shards=-1"],
                 ["init", self.data, "--shards", "0"], ["init", self.data, "extra"], ["import", self.data],
                 ["import", self.data, "-", "--on-error", "shrug"], ["store", self.data, "--context", "c"],
                 ["store", self.data, "--context", "c", "--type", "t", "--payload", "{}", "--timestamp", "yesterday"],
                 ["store", self.data, "--context", "c", "--type", "t", "--payload", "{}", "--event-id", ""],
                 ["replay", self.data], ["replay", self.data, "c", "--from", "x"],
                 ["replay", self.data, "c", "--limit", "0"], ["replay", self.data, "c", "--to", "18446744073709551616"],
                 ["tail"], ["tail", self.data, "--from", "x"], ["tail", self.data, "--limit", "0"],
                 ["tail", self.data, "--where", "payload.n >"], ["tail", self.data, "--where", "payload.n > 1 COUNT"],
                 ["query", self.data, "QUERY *", "--format", "xml"], ["stats", self.data, "--wrong"],
                 ["import", self.data, "-", "--event-id-field", "payload..key"],
                 ["import", self.data, "-", "--event-id-field", ""], ["export", self.data, "--format", "csv"],
                 ["export", self.data, "--from", "yesterday"], ["export", self.data, "--source", ""],
                 ["context"], ["context", "erase", self.data, "c"], ["context", "truncate", self.data, "c"],
                 ["context", "truncate", self.data, "c", "--before", "0"], ["context", "delete", self.data],
                 ["model"], ["model", "list"], ["model", "show", self.data], ["model", "show", self.data, "../shop"],
                 ["model", "search", self.data, "shop", "orders", "status"],
                 ["retention"], ["retention", "apply"], ["retention", "set", self.data, "--count", "0"]]
        for case in cases:
            with self.subTest(case):
                out, err = self.weir(*case, code=2)
                self.assertEqual(out, "")
                self.assertRegex(err, r"^weir: [^\n]+ \(see weir [^\n]*--help\)\n$")
        self.assertEqual(os.listdir(self.root), [])

    def test_options_may_stand_anywhere(self):
        self.import_lines(line("c", 1), line("c", 2))
        for arguments in ([self.data, "c", "--limit", "1"], ["--limit", "1", self.data, "c"],
                          [self.data, "--limit=1", "c"]):
            self.assertEqual(len(self.rows("replay", *arguments)), 1)

    def test_names_of_commands_and_odd_names_are_contexts_too(self):
        for context in ("query", "stats", "-dash", "[a,b]", "--help", "a b", "%s", "../x", "ä"):
            with self.subTest(context):
                self.weir("store", self.data, f"--context={context}", "--type", "t", "--payload", "{}")
                rows = [json.loads(text) for text in
                        self.weir("replay", "--format", "jsonl", "--", self.data, context)[0].splitlines()]
                self.assertEqual([row["context_id"] for row in rows], [context])


class Schemas(Cli):
    DEFINITION = "DEFINE paid FIELDS { amount: int64 }"

    def setUp(self):
        super().setUp()
        self.weir("init", self.data, "--shards", "1")

    def test_a_schema_is_defined_listed_and_shown_and_changes_by_versions(self):
        self.assertEqual(self.rows("schema", "list", self.data), [])
        self.assertEqual(self.weir("schema", "define", self.data, self.DEFINITION)[0], "paid version 1\n")
        self.assertEqual(self.weir("schema", "define", self.data, self.DEFINITION.lower().replace("define", "DEFINE"))[0],
                         "paid version 1\n")
        self.assertEqual(self.weir("schema", "define", self.data,
                                   "DEFINE paid FIELDS OPEN { amount: int64 OPTIONAL }")[0], "paid version 2\n")
        self.assertEqual(self.weir("schema", "define", self.data, "DEFINE 'a b' FIELDS {}")[0], "a b version 1\n")
        self.assertEqual(self.rows("schema", "list", self.data),
                         [{"event_type": "a b", "version": 1, "fields": 0, "open": False},
                          {"event_type": "paid", "version": 2, "fields": 1, "open": True}])
        self.assertEqual(self.weir("schema", "show", self.data, "paid")[0],
                         "DEFINE paid FIELDS OPEN {\n  amount: int64 OPTIONAL\n}\n")
        shown = self.weir("schema", "show", self.data, "paid", "--version", "1")[0]
        self.assertEqual(shown, "DEFINE paid FIELDS {\n  amount: int64\n}\n")
        self.assertEqual(self.weir("schema", "define", self.data, shown)[0], "paid version 1\n")

    def test_what_cannot_be_defined_or_shown_is_1_and_says_why(self):
        _, err = self.weir("schema", "define", self.data, "DEFINE paid FIELDS { amount int64 }", code=1)
        self.assertEqual(err, "weir: expected ':', found 'int64' (line 1, column 29)\n"
                              "DEFINE paid FIELDS { amount int64 }\n" + " " * 28 + "^\n")
        self.weir("schema", "define", self.data, self.DEFINITION)
        self.weir("schema", "define", self.data, "DEFINE paid FIELDS { amount: double }", code=1,
                  errors=r"int64 cannot become double.*\(payload\.amount\)")
        self.weir("schema", "show", self.data, "sent", code=1, errors="no schema is defined for type 'sent'")
        self.weir("schema", "show", self.data, "paid", "--version", "2", code=1, errors="has no version 2")
        self.weir("schema", "list", self.path("nothing"), code=1, errors="nothing")
        self.weir("schema", code=2)
        self.weir("schema", "forget", self.data, code=2)

    def test_store_and_import_are_checked(self):
        self.weir("schema", "define", self.data, self.DEFINITION)
        store = ["store", self.data, "--context", "c", "--type", "paid", "--payload"]
        self.weir(*store, '{"amount":1}')
        self.weir(*store, '{"amount":1.5}', code=1, errors=r"expected int64, found 1\.5 .*\(payload\.amount\)")
        lines = "".join(json.dumps({"context_id": "c", "event_type": "paid", "payload": payload}) + "\n"
                        for payload in ({"amount": 2}, {"amount": "x"}, {"amount": 3}))
        _, err = self.weir("import", self.data, "-", "--on-error", "skip", stdin=lines)
        self.assertRegex(err, r"line 2.*payload\.amount")
        self.assertEqual([row["payload"]["amount"] for row in self.rows("replay", self.data, "c")], [1, 2, 3])
        self.weir("import", self.data, "-", stdin=lines, code=1, errors=r"line 2.*payload\.amount")
        self.assertEqual([row["payload"]["amount"] for row in self.rows("replay", self.data, "c")], [1, 2, 3, 2])


class Models(Cli):
    """Databases of models are made by services: what there is without them. The others are in model_test.cpp."""

    def test_a_directory_without_models(self):
        self.import_lines(line("c", 1))
        self.assertEqual(self.rows("model", "list", self.data), [])
        self.assertEqual(self.rows("model", "health", self.data), [])
        for command in ("show", "health", "rebuild", "shell"):
            self.weir("model", command, self.data, "shop", code=1, errors="there is no projection shop; there are: none")
        self.weir("model", "list", self.path("nowhere"), code=1, errors="nowhere")

    def test_what_is_no_database_is_an_error_and_stays_as_it_is(self):
        self.import_lines(line("c", 1))
        os.mkdir(os.path.join(self.data, "models"), 0o700)
        content = b"no database" * 1000
        file = self.path("data/models/shop.db", content)
        self.path("data/models/shop.rebuild.db", content)
        for arguments in (["list"], ["show", "shop"], ["search", "shop", "orders"], ["health"], ["rebuild", "shop"]):
            with self.subTest(arguments):
                self.weir("model", arguments[0], self.data, *arguments[1:], code=1, errors="shop.*not a database")
        _, err = self.weir("model", "shell", self.data, "shop", stdin="SELECT 1; SELECT count(*) FROM orders", code=1)
        self.assertEqual(err.count("not a database"), 2)
        with open(file, "rb") as read:
            self.assertEqual(read.read(), content)
        self.assertEqual(sorted(os.listdir(os.path.dirname(file))), ["shop.db", "shop.rebuild.db"])
        self.weir("model", "rebuild", self.data, "shop", "--yes")
        self.assertEqual(os.listdir(os.path.dirname(file)), ["shop.rebuild.db"])


class Directories(Cli):
    def test_init_creates_once_and_keeps_the_number_of_shards(self):
        self.assertIn("created, 3 shards", self.weir("init", self.data, "--shards", "3")[0])
        self.assertIn("is there already, 3 shards", self.weir("init", self.data)[0])
        self.assertIn("is there already, 3 shards", self.weir("init", self.data, "--shards", "3")[0])
        self.weir("init", self.data, "--shards", "5", code=1, errors="3")
        self.assertEqual(len(self.rows("stats", self.data)), 4)

    def test_init_refuses_what_the_engine_refuses(self):
        self.weir("init", self.data, "--shards", "65", code=1, errors="shards")
        self.weir("init", self.path("file", "x"), code=1)

    def test_a_missing_directory_is_an_error_and_stays_missing(self):
        for arguments in (["replay", self.data, "c"], ["query", self.data, "QUERY *"], ["flush", self.data],
                          ["stats", self.data], ["compact", self.data], ["verify", self.data], ["export", self.data],
                          ["consumer", "list", self.data]):
            with self.subTest(arguments):
                out, _ = self.weir(*arguments, code=1)
                self.assertEqual(out, "")
                self.assertEqual(os.listdir(self.root), [])

    def test_a_missing_import_file_creates_no_directory(self):
        self.weir("import", self.data, self.path("none.jsonl"), code=1, errors="none.jsonl")
        self.weir("import", self.data, self.root, code=1, errors="directory")
        self.assertEqual(os.listdir(self.root), [])

    def test_a_directory_in_use_is_refused_with_the_holder(self):
        holder = self.start("import", self.data, "-", "--acks", "--format", "jsonl")
        holder.stdin.write((line("c", 1) + "\n").encode())
        holder.stdin.flush()
        self.assertEqual(json.loads(self.read_line(holder))["sequence"], 1)
        for arguments in (["replay", self.data, "c"], ["query", self.data, "QUERY *"], ["flush", self.data],
                          ["stats", self.data], ["verify", self.data], ["init", self.data],
                          ["store", self.data, "--context", "c", "--type", "t", "--payload", "{}"],
                          ["import", self.data, "-"]):
            with self.subTest(arguments):
                self.weir(*arguments, code=1, errors=rf"\b{holder.pid}\b")
        _, err = holder.communicate(timeout=TIMEOUT_S)
        self.assertEqual(holder.returncode, 0, err)
        self.assertEqual(len(self.rows("replay", self.data, "c")), 1)


class Store(Cli):
    def store(self, *more, context="order-1", payload='{"total": 12}', **options):
        return self.weir("store", self.data, "--context", context, "--type", "placed", "--payload", payload, *more,
                         **options)

    def test_the_receipt_is_a_row(self):
        receipt = json.loads(self.store()[0])
        self.assertEqual((receipt["context_id"], receipt["sequence"], receipt["durability"]), ("order-1", 1, "synced"))
        self.assertGreater(json.loads(self.store()[0])["position"], receipt["position"])
        rows = list(csv.DictReader(io.StringIO(self.store("--format", "csv")[0])))
        self.assertEqual(rows[0]["sequence"], "3")

    def test_an_expectation_that_fails_prints_the_current_sequence_and_exits_with_1(self):
        self.store("--expect", "no_context")
        self.store("--expect", "exactly:1")
        self.store("--expect", "exists")
        for wrong in ("no_context", "exactly:0", "exactly:2", "exactly:4"):
            with self.subTest(wrong):
                out, _ = self.store("--expect", wrong, code=1, errors="has come to sequence 3, expected.*order-1")
                self.assertEqual(json.loads(out), {"context_id": "order-1", "current_sequence": 3})
        out, _ = self.store("--expect", "exists", context="order-2", code=1, errors="has no event, expected")
        self.assertEqual(json.loads(out), {"context_id": "order-2", "current_sequence": 0})
        for wrong in ("", "exactly", "exactly:", "exactly:-1", "exactly:1x", "none"):
            with self.subTest(wrong):
                self.store("--expect", wrong, code=2, errors="--expect")
        self.assertEqual(len(self.rows("replay", self.data, "order-1")), 3)

    def test_an_event_id_makes_a_store_safe_to_repeat(self):
        first = json.loads(self.store("--event-id", "e-1", "--expect", "no_context")[0])
        again = json.loads(self.store("--event-id", "e-1", "--expect", "no_context")[0])
        self.assertEqual((first.pop("duplicate"), again.pop("duplicate")), (False, True))
        self.assertEqual(first, again)
        self.store("--event-id", "e-1", payload="{}", code=1, errors="another event has the event_id e-1 .sequence 1.")
        self.assertEqual(len(self.rows("replay", self.data, "order-1")), 1)

    def test_every_field_comes_back(self):
        self.store("--event-id", "e-1", "--timestamp", "2024-02-29T12:00:00+02:00", "--metadata", '{"by":"me"}')
        self.store("--timestamp", "-1", payload="-", stdin='  {"total": 1.50,\n "x": "ä"}\n')
        first, second = self.weir("replay", self.data, "order-1")[0].splitlines()
        self.assertEqual(list(json.loads(first)), EVENT_KEYS[:6] + ["event_id", "metadata", "payload"])
        self.assertIn('"timestamp":"2024-02-29T10:00:00.000000Z"', first)
        self.assertIn('"event_id":"e-1","metadata":{"by":"me"},"payload":{"total": 12}', first)
        self.assertEqual(list(json.loads(second)), EVENT_KEYS)
        self.assertIn('"timestamp":"1969-12-31T23:59:59.999000Z"', second)
        self.assertIn('"payload":{"total": 1.50,  "x": "ä"}', second)

    def test_a_refused_event_says_why(self):
        self.store(payload="[]", code=1, errors="payload")
        self.store(payload='{"a":1,"a":2}', code=1, errors="payload")
        self.store(context="", code=1, errors="context_id")
        self.store(context="x" * 513, code=1, errors="512")
        self.assertEqual(self.rows("query", self.data, "QUERY * COUNT"), [{"count": 0}])


class Import(Cli):
    def test_the_sample_comes_back_byte_for_byte(self):
        _, err = self.weir("import", self.data, str(SAMPLE))
        lines = gzip.open(SAMPLE, "rt").read().splitlines()
        self.assertRegex(err, rf"^imported {len(lines):,} events in [^\n]+/s\)\n$")
        contexts = {}
        for text in lines:
            contexts.setdefault(json.loads(text)["context_id"], []).append(text)
        context, expected = max(contexts.items(), key=lambda item: len(item[1]))
        printed = self.weir("replay", self.data, context)[0].splitlines()
        self.assertEqual([re.search(r'"payload":(.*)}$', text)[1] for text in printed],
                         [re.search(r'"payload":(.*)}$', text)[1] for text in expected])
        self.assertEqual([json.loads(text)["sequence"] for text in printed], list(range(1, len(expected) + 1)))
        self.assertEqual(self.rows("query", self.data, "QUERY * COUNT"), [{"count": len(lines)}])

    def test_plain_gzip_and_standard_input_are_the_same(self):
        text = "\r\n".join(line("c", n) for n in range(3)).encode()  # No line feed at the end.
        for name, content in (("a.jsonl", text), ("b.gz", gzip.compress(text)), ("c.jsonl", gzip.compress(text)),
                              ("d.gz", text)):
            with self.subTest(name):
                self.weir("import", self.path("data-" + name), self.path(name, content))
                self.weir("import", self.path("data-" + name), "-", stdin=content)
                self.assertEqual([row["payload"]["n"] for row in self.rows("replay", self.path("data-" + name), "c")],
                                 [0, 1, 2, 0, 1, 2])

    def test_empty_lines_and_empty_files_store_nothing(self):
        self.import_lines()
        self.import_lines("", "  ", line("c", 1), "")
        self.assertEqual(self.rows("query", self.data, "QUERY * COUNT"), [{"count": 1}])

    BAD = [("{", "ends too early"), ('{"context_id":"c"}', "event_type"), (line("c", 1, surprise=1), "surprise"),
           (line("", 1), "context_id"), (line("c\x01", 1), "context_id"), (line("c", 1, timestamp="soon"), "timestamp"),
           ('{"context_id":"c","event_type":"t","payload":{"a":1,"a":2}}', "payload"),
           ('{"context_id":"c","event_type":"t","payload":{"a":"' + "x" * (1 << 20) + '"}}', "payload"),
           ("x" * (33 << 20), "32 MiB")]

    def test_a_bad_line_stops_the_import_with_all_before_it_stored_and_nothing_behind_it(self):
        for number, (bad, reason) in enumerate(self.BAD):
            with self.subTest(reason=reason, number=number):
                data = self.path(f"data-{number}")
                text = "\n".join([line("c", 1), line("d", 2), bad, line("c", 3)])
                _, err = self.weir("import", data, "-", stdin=text, code=1)
                self.assertRegex(err, r"imported 2 events in ")
                self.assertRegex(err, rf"weir: line 3: [^\n]*{reason}[^\n]*\(standard input[^\n]*\)\n$")
                self.assertEqual(self.rows("query", data, "QUERY * COUNT"), [{"count": 2}])

    def test_skip_reports_each_bad_line_and_stores_the_others(self):
        text = "\n".join(part for bad, _ in self.BAD for part in (line("c", 1), bad))
        _, err = self.weir("import", self.data, self.path("mixed.jsonl", text), "--on-error", "skip")
        for number, (_, reason) in enumerate(self.BAD):
            self.assertRegex(err, rf"(?m)^weir: line {2 * number + 2}: .*{reason}.*\(.*mixed.jsonl")
        self.assertRegex(err, rf"imported {len(self.BAD)} events in .*, skipped {len(self.BAD)} bad lines\n$")
        self.assertEqual(len(self.rows("replay", self.data, "c")), len(self.BAD))

    def test_a_damaged_archive_is_an_error_after_what_was_whole(self):
        whole = gzip.compress("\n".join(line("c", n) for n in range(5000)).encode())
        _, err = self.weir("import", self.data, self.path("cut.gz", whole[:-20]), code=1, errors="ends too early")
        stored = int(re.search(r"imported ([\d,]+) events", err)[1].replace(",", ""))
        self.assertEqual(len(self.rows("replay", self.data, "c")), stored)
        self.assertGreater(stored, 1000)

    def test_acks_come_one_a_line_in_order_as_soon_as_events_are_durable(self):
        process = self.start("import", self.data, "-", "--acks")
        for number in range(1, 6):
            process.stdin.write((line("c", number) + "\n").encode())
            process.stdin.flush()
            ack = json.loads(self.read_line(process))
            self.assertEqual((ack["line"], ack["context_id"], ack["sequence"], ack["durability"]),
                             (number, "c", number, "synced"))
        process.communicate(timeout=TIMEOUT_S)
        self.assertEqual(process.returncode, 0)

    def test_what_was_acknowledged_survives_kill_9(self):
        process = self.start("import", self.data, "-", "--acks")
        written = b"".join((line(f"c-{n % 7}", n) + "\n").encode() for n in range(700))
        process.stdin.write(written)
        process.stdin.flush()
        acks = [json.loads(self.read_line(process)) for _ in range(100)]
        process.kill()
        acks += [json.loads(text) for text in process.stdout.read().splitlines(keepends=True) if text.endswith(b"\n")]
        process.wait()
        stored = {}
        for n in range(7):
            rows = self.rows("replay", self.data, f"c-{n}")
            self.assertEqual([row["sequence"] for row in rows], list(range(1, len(rows) + 1)))
            stored.update({(row["context_id"], row["sequence"]): row["payload"]["n"] for row in rows})
        for ack in acks:
            self.assertEqual(stored[ack["context_id"], ack["sequence"]], ack["line"] - 1)

    def test_an_interrupt_drains_what_was_sent_and_says_how_much_is_stored(self):
        for number in (signal.SIGINT, signal.SIGTERM):
            with self.subTest(number):
                data = self.path(f"data-{number}")
                process = self.start("import", data, "-", "--acks")
                process.stdin.write("".join(line("c", n) + "\n" for n in range(3)).encode())
                process.stdin.flush()
                for _ in range(3):
                    self.read_line(process)
                process.send_signal(number)
                _, err = process.communicate(timeout=TIMEOUT_S)
                self.assertEqual(process.returncode, 1)
                self.assertRegex(err.decode(), r"^imported 3 events in .*\nweir: interrupted \(standard input\)\n$")
                self.assertEqual(len(self.rows("replay", data, "c")), 3)


class Tail(Cli):
    def setUp(self):
        super().setUp()
        self.weir("init", self.data, "--shards", "1")  # several would decide among themselves who gets a position first
        self.import_lines(*(json.dumps({"context_id": f"c-{n % 3}", "event_type": "even" if n % 2 == 0 else "odd",
                                        "timestamp": n, "payload": {"n": n}}) for n in range(1, 31)))

    def numbers(self, *options):
        return [row["payload"]["n"] for row in self.rows("tail", self.data, *options)]

    def test_the_last_events_of_all_contexts_in_the_order_they_were_stored(self):
        self.assertEqual(self.numbers("--limit", "30"), list(range(1, 31)))
        self.assertEqual(self.numbers(), list(range(21, 31)))
        self.assertEqual(self.numbers("--limit", "3"), [28, 29, 30])
        self.weir("flush", self.data)
        self.assertEqual(self.numbers("--limit", "3"), [28, 29, 30])
        self.assertEqual(self.numbers("--limit", "100"), list(range(1, 31)))

    def test_filters(self):
        self.assertEqual(self.numbers("--limit", "2", "--type", "odd"), [27, 29])
        self.assertEqual(self.numbers("--limit", "2", "--context-prefix", "c-1"), [25, 28])
        self.assertEqual(self.numbers("--where", "payload.n < 4"), [1, 2, 3])
        self.assertEqual(self.numbers("--type", "even", "--context-prefix", "c-2", "--where", "payload.n > 10"),
                         [14, 20, 26])
        self.assertEqual(self.numbers("--type", "none"), [])

    def test_from_a_position(self):
        rows = self.rows("tail", self.data, "--limit", "30")
        position = str(rows[9]["position"])
        self.assertEqual(self.numbers("--from", position), list(range(10, 31)))
        self.assertEqual(self.numbers("--from", position, "--limit", "2", "--type", "odd"), [11, 13])
        self.assertEqual(self.numbers("--from", "0", "--limit", "2"), [1, 2])
        self.assertEqual(self.numbers("--from", str(rows[-1]["position"] + 1)), [])

    def test_an_empty_directory_and_one_that_is_not_there(self):
        empty = self.path("empty")
        self.weir("init", empty)
        self.assertEqual(self.rows("tail", empty), [])
        self.weir("tail", self.path("nowhere"), code=1, errors="nowhere")

    def test_formats(self):
        table = self.weir("tail", self.data, "--limit", "1", "--format", "table")[0]
        self.assertIn("position", table)
        self.assertIn("c-0", table)
        rows = list(csv.DictReader(io.StringIO(self.weir("tail", self.data, "--format", "csv")[0], newline="")))
        self.assertEqual(len(rows), 10)


class Export(Cli):
    """What is exported is imported again, byte for byte."""
    ODD = [json.dumps({"context_id": "a", "event_type": "t", "timestamp": 5, "event_id": "e-1",
                       "metadata": {"by": "me"}, "payload": {"n": 1}}),
           '{"context_id":"a","event_type":"t","timestamp":6,"payload":{ "n" : 2.50 }}',
           json.dumps({"context_id": "b", "event_type": "u", "timestamp": 7, "payload_text": '{"n":\r\n3}',
                       "metadata_text": '{\n}'}),
           json.dumps({"context_id": "b\u00e4 \"{x}", "event_type": "t", "timestamp": 8, "payload": {"ä": "\n"}})]

    def test_the_sample_goes_out_and_in_and_out_again_in_both_formats(self):
        self.weir("import", self.data, str(SAMPLE))
        first, err = self.weir("export", self.data)
        lines = gzip.open(SAMPLE, "rt").read().splitlines()
        self.assertRegex(err, rf"^exported {len(lines):,} events in [^\n]+/s\)\n$")
        for kind in ("jsonl", "cloudevents"):
            with self.subTest(kind):
                text, _ = self.weir("export", self.data, "--format", kind)
                copy = self.path("copy-" + kind)
                self.weir("import", copy, self.path(kind + ".gz", gzip.compress(text.encode())))
                self.assertEqual(self.weir("export", copy)[0], first)
        contexts = {}
        for text in lines:
            contexts.setdefault(json.loads(text)["context_id"], []).append(json.loads(text)["payload"])
        exported = {}
        for text in first.splitlines():
            exported.setdefault(json.loads(text)["context_id"], []).append(json.loads(text)["payload"])
        self.assertEqual(exported, contexts)

    def test_line_breaks_ids_and_odd_names_survive(self):
        self.import_lines(*self.ODD)
        first, _ = self.weir("export", self.data)
        self.assertEqual(len(first.splitlines()), len(self.ODD))
        self.assertIn('"payload":{ "n" : 2.50 }}', first)
        self.assertIn('"payload_text":"{\\"n\\":\\r\\n3}"', first)
        for kind in ("jsonl", "cloudevents"):
            text, _ = self.weir("export", self.data, "--format", kind, "--source", "/here")
            self.weir("import", self.path(kind), "-", stdin=text)
            self.assertEqual(self.weir("export", self.path(kind))[0], first)
        for text in text.splitlines():
            event = json.loads(text)
            self.assertEqual((event["specversion"], event["source"]), ("1.0", "/here"))
            for name, value in event.items():
                self.assertTrue(name == "data" or re.fullmatch("[a-z0-9]{1,20}", name) and not isinstance(value, dict))

    def test_filters_choose_events(self):
        self.import_lines(*self.ODD)

        def found(*options):
            return [json.loads(text)["timestamp"][-5:-1] for text in self.weir("export", self.data, *options)[0].split("\n")
                    if text]

        def times(*milliseconds):
            return [f"{ms}000" for ms in milliseconds]

        self.assertEqual(sorted(found("--context-prefix", "b")), times(7, 8))
        self.assertEqual(found("--context", "a"), times(5, 6))
        self.assertEqual(found("--type", "u"), times(7))
        self.assertEqual(found("--from", "6", "--to", "1970-01-01T00:00:00.007Z"), times(6))
        self.assertEqual(found("--context", "nobody"), [])

    def test_events_of_others_are_imported_with_what_they_say(self):
        event = {"specversion": "1.0", "type": "placed", "source": "/orders", "id": "A-1", "subject": "o-1",
                 "time": "2018-04-05T17:31:00Z", "data": {"n": 1}}
        self.import_lines("", json.dumps(event), json.dumps({**event, "id": "A-2"}))
        rows = self.rows("replay", self.data, "o-1")
        self.assertEqual([row["event_id"] for row in rows], ["A-1", "A-2"])
        self.assertEqual(rows[0]["metadata"], {"source": "/orders"})
        self.weir("import", self.data, "-", stdin=json.dumps(event) + "\n" + line("c", 1), code=1,
                  errors=r"line 2: the attribute \"specversion\" is missing")

    def test_ids_come_from_a_field_of_the_line(self):
        def ids(path, *lines):
            data = self.path(path + str(len(lines)))
            self.weir("import", data, "-", "--event-id-field", path, stdin="\n".join(lines))
            return [row["event_id"] for row in self.rows("replay", data, "c")]

        self.assertEqual(ids("payload.n", line("c", 7), line("c", "x"), line("c", 1 << 63, event_id="other")),
                         ["7", "x", str(1 << 63)])
        self.assertEqual(ids("metadata.by.key", line("c", 1, metadata={"by": {"key": "k"}})), ["k"])
        for bad in (line("c", 1.5), line("c", None), line("c", ""), line("c", {}), line("c", True)):
            self.weir("import", self.data, "-", "--event-id-field", "payload.n", stdin=bad, code=1,
                      errors="line 1: the field for the event's id")
        self.weir("import", self.data, "-", "--event-id-field", "payload.none", stdin=line("c", 1), code=1)

    def test_large_payloads_are_taken_when_asked(self):
        text = line("c", "x" * (1 << 20))
        self.weir("import", self.data, "-", stdin=text, code=1, errors="payload")
        self.weir("import", self.data, "-", "--payload-bytes-max", str(16 << 20), stdin=text)
        self.assertEqual(json.loads(self.weir("export", self.data)[0])["payload"], {"n": "x" * (1 << 20)})


class Backup(Cli):
    def setUp(self):
        super().setUp()
        self.import_lines(*(line(f"c{n % 5}", n) for n in range(200)))
        self.weir("flush", self.data)
        self.import_lines(*(line(f"c{n % 5}", n) for n in range(200, 300)))
        self.events = self.content(self.data)

    def content(self, directory):
        return self.weir("query", directory, "QUERY * ORDER BY position", "--format", "jsonl")[0]

    def backup(self, name, *options, **more):
        return self.weir("backup", self.data, self.path(name), *options, **more)

    def test_a_restored_directory_is_the_same_to_the_last_byte_and_goes_on(self):
        _, err = self.backup("monday")
        self.assertRegex(err, r"^backed up \d+ files, [\d.]+ MiB, of which [\d.]+ MiB were copied and \d+ segments linked")
        self.import_lines(line("c0", 300))
        self.assertIn("no damage", self.weir("verify", self.path("monday"))[0])
        _, err = self.weir("restore", self.path("monday"), self.path("new"))
        self.assertRegex(err, r"^restored \d+ files of the backup of 20\d\d-.*, every checksum compared, in ")
        self.assertEqual(self.content(self.path("new")), self.events)
        last = json.loads(self.weir("query", self.data, "QUERY * ORDER BY position DESC LIMIT 1")[0])["position"]
        receipt = json.loads(self.weir("store", self.path("new"), "--context", "c0", "--type", "t", "--payload", "{}")[0])
        self.assertEqual(receipt["sequence"], 61)
        self.assertGreater(receipt["position"], last)

    def test_a_chain_of_backups_links_what_it_has_and_each_is_whole(self):
        self.backup("monday")
        self.import_lines(*(line(f"c{n % 5}", n) for n in range(300, 400)))
        self.weir("flush", self.data)
        self.events = self.content(self.data)
        _, err = self.backup("tuesday", "--base", self.path("monday"), "--copy")
        self.assertRegex(err, r" and [1-9]\d* segments linked")
        shutil.rmtree(self.path("monday"))
        shutil.rmtree(self.data)
        self.weir("restore", self.path("tuesday"), self.path("new"))
        self.assertEqual(self.content(self.path("new")), self.events)

    def test_damage_is_named_and_nothing_is_restored(self):
        self.backup("monday", "--copy")
        segment = next(pathlib.Path(self.path("monday"), "segments").rglob("*.seg"))
        content = bytearray(segment.read_bytes())
        content[len(content) // 2] ^= 1
        segment.write_bytes(content)
        self.weir("restore", self.path("monday"), self.path("new"), code=1, errors=rf"{segment.name}")
        self.assertEqual([p for p in pathlib.Path(self.path("new")).rglob("*") if p.is_file()], [])
        out, _ = self.weir("verify", self.path("monday"), code=1)
        self.assertIn(segment.name, out)

    def test_what_is_no_backup_is_not_restored_and_a_backup_is_not_opened(self):
        self.weir("restore", self.data, self.path("new"), code=1, errors="no backup")
        self.weir("restore", self.path("none"), self.path("new"), code=1)
        self.assertFalse(os.path.exists(self.path("new")))
        self.backup("monday")
        self.backup("monday", code=1, errors="must not exist, or be empty")
        self.weir("restore", self.path("monday"), self.data, code=1, errors="must not exist, or be empty")
        self.weir("stats", self.path("monday"), code=1, errors="is a backup")
        self.weir("import", self.path("monday"), "-", code=1, errors="is a backup")
        self.weir("backup", self.path("none"), self.path("b"), code=1)
        self.assertFalse(os.path.exists(self.path("b")))

    def test_killed_at_any_moment_it_leaves_a_whole_backup_or_none(self):
        started = time.monotonic()
        self.backup("whole", "--copy")
        took = time.monotonic() - started
        whole = none = 0
        for attempt in range(12):
            target = self.path(f"killed-{attempt}")
            process = self.start("backup", self.data, target, "--copy")
            try:
                process.wait(timeout=took * (attempt + 1) / 12)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()
            if os.path.exists(os.path.join(target, "backup.manifest")):
                self.weir("verify", target)
                whole += 1
            else:
                self.weir("restore", target, self.path("new"), code=1)
                none += 1
        self.assertEqual(whole + none, 12)
        self.assertEqual(self.content(self.data), self.events)
        self.weir("verify", self.data)


class Replay(Cli):
    def setUp(self):
        super().setUp()
        self.import_lines(*(json.dumps({"context_id": "c", "event_type": "even" if n % 2 == 0 else "odd",
                                        "timestamp": n, "payload": {"n": n}}) for n in range(1, 11)),
                          line("other", 0))

    def sequences(self, *options):
        return [row["sequence"] for row in self.rows("replay", self.data, "c", *options)]

    def test_bounds_direction_limit_and_types(self):
        self.assertEqual(self.sequences(), list(range(1, 11)))
        self.assertEqual(self.sequences("--from", "3", "--to", "5"), [3, 4, 5])
        self.assertEqual(self.sequences("--from", "09"), [9, 10])
        self.assertEqual(self.sequences("--backward", "--limit", "2"), [10, 9])
        self.assertEqual(self.sequences("--type", "odd", "--limit", "2"), [1, 3])
        self.assertEqual(self.sequences("--type", "odd", "--type", "even"), list(range(1, 11)))
        self.assertEqual(self.sequences("--type", "none"), [])
        self.assertEqual(self.sequences("--from", "11"), [])

    def test_a_context_without_events_is_empty(self):
        self.assertEqual(self.weir("replay", self.data, "nobody"), ("", ""))

    def test_formats(self):
        rows = list(csv.DictReader(io.StringIO(self.weir("replay", self.data, "c", "--format", "csv")[0], newline="")))
        self.assertEqual(list(rows[0]), EVENT_KEYS[:6] + ["event_id", "metadata", "payload"])
        self.assertEqual([json.loads(row["payload"])["n"] for row in rows], list(range(1, 11)))
        table = self.weir("replay", self.data, "c", "--format", "table")[0].splitlines()
        self.assertRegex(table[0], r"^sequence  event_type  timestamp +payload$")
        self.assertRegex(table[1], r"^-+  -+  -+  -+$")
        self.assertEqual(table[11], '      10  even        1970-01-01T00:00:00.010000Z  {"n": 10}')

    def test_not_a_terminal_means_json_lines(self):
        self.assertEqual(json.loads(self.weir("replay", self.data, "c")[0].splitlines()[0])["sequence"], 1)

    def test_a_terminal_gets_a_table_that_fits(self):
        parent, child = pty.openpty()
        subprocess.run(["stty", "cols", "60", "rows", "20"], stdin=child, check=True)
        process = subprocess.Popen([PROGRAM, "replay", self.data, "c"], stdout=child, stderr=child)
        os.close(child)
        output = b""
        try:
            while chunk := os.read(parent, 65536):
                output += chunk
        except OSError:  # What Linux says when the other end is closed.
            pass
        os.close(parent)
        self.assertEqual(process.wait(timeout=TIMEOUT_S), 0)
        lines = output.decode().splitlines()
        self.assertIn("sequence", lines[0])
        self.assertEqual(len(lines), 12)
        self.assertLessEqual(max(map(len, lines)), 60)

    def test_a_reader_that_leaves_early_ends_it_quietly(self):
        self.import_lines(*(line("long", n, metadata={"pad": "x" * 500}) for n in range(5000)))
        process = self.start("replay", self.data, "long")
        self.assertEqual(json.loads(process.stdout.readline())["sequence"], 1)
        process.stdout.close()
        self.assertEqual((process.wait(timeout=TIMEOUT_S), process.stderr.read()), (0, b""))

    def test_a_full_disk_behind_standard_output_is_an_error(self):
        with open("/dev/full", "wb") as full:
            done = subprocess.run([PROGRAM, "replay", self.data, "c"], stdout=full, stderr=subprocess.PIPE,
                                  timeout=TIMEOUT_S)
        self.assertEqual(done.returncode, 1)
        self.assertRegex(done.stderr.decode(), r"^weir: writing failed: .* \(standard output\)\n$")


class Context(Cli):
    def setUp(self):
        super().setUp()
        self.import_lines(*(line("c", n) for n in range(1, 6)), line("other", 1))

    def test_truncated_and_deleted_events_are_in_no_answer_and_replay_says_which(self):
        row, = self.rows("context", "truncate", self.data, "c", "--before", "3")
        self.assertEqual({**row, "position": None}, {"context_id": "c", "removed_before": 3, "position": None,
                                                     "durability": "synced", "already": False})
        self.assertGreater(row["position"], 0)
        out, err = self.weir("replay", self.data, "c")
        self.assertEqual([json.loads(text)["sequence"] for text in out.splitlines()], [3, 4, 5])
        self.assertEqual(err, "sequences 1 to 2 of c are removed\n")
        self.assertEqual(self.rows("query", self.data, "QUERY * COUNT"), [{"count": 4}])
        self.assertTrue(self.rows("context", "truncate", self.data, "c", "--before", "2")[0]["already"])
        self.weir("flush", self.data)
        self.assertEqual(self.rows("context", "delete", self.data, "c")[0]["removed_before"], 6)
        self.assertEqual(self.weir("replay", self.data, "c"), ("", "sequences 1 to 5 of c are removed\n"))
        self.weir("verify", self.data)
        receipt, = self.rows("store", self.data, "--context", "c", "--type", "t", "--payload", "{}",
                             "--expect", "no_context")
        self.assertEqual(receipt["sequence"], 6)

    def test_a_context_that_is_deleted_for_good_takes_nothing(self):
        self.weir("context", "delete", self.data, "c", "--hard")
        self.weir("store", self.data, "--context", "c", "--type", "t", "--payload", "{}", code=1,
                  errors=r"deleted for good.*\(c\)")
        self.assertTrue(self.rows("context", "delete", "--hard", self.data, "c")[0]["already"])

    def test_retention_is_set_shown_applied_and_taken_away(self):
        self.import_lines(*(line("d", n, event_type="odd" if n % 2 else "even") for n in range(1, 4)))
        rule = {"context_prefix": "c", "event_type": "", "age": None, "count": 2}
        self.assertEqual(self.rows("retention", "set", self.data, "--context-prefix", "c", "--count", "2"), [rule])
        both = [{"context_prefix": "", "event_type": "odd", "age": "36h", "count": 1}, rule]
        self.assertEqual(self.rows("retention", "set", self.data, "--type", "odd", "--count", "1", "--age", "36h"), both)
        self.assertEqual(self.rows("retention", "list", self.data), both)
        report, = self.rows("retention", "apply", self.data)
        self.assertEqual({key: report[key] for key in ("resumed", "contexts", "truncated", "events")},
                         {"resumed": False, "contexts": 3, "truncated": 2, "events": 4})
        self.assertEqual([row["sequence"] for row in self.rows("replay", self.data, "c")], [4, 5])
        self.assertEqual(self.rows("retention", "remove", self.data, "--type", "odd"), [rule])
        self.weir("retention", "remove", self.data, "--type", "odd", code=1, errors="no such rule")
        self.assertEqual(self.rows("retention", "apply", self.data)[0]["truncated"], 0)
        for wrong in ("3", "d", "3x", "-1d", "0s", "99999999999999d"):
            with self.subTest(wrong):
                self.weir("retention", "set", self.data, "--age=" + wrong, code=1, errors="age")
        self.weir("retention", "set", self.data, code=1, errors="needs an age, a count or both")
        self.weir("verify", self.data)

    def test_names_of_commands_are_contexts_too(self):
        for context in ("delete", "truncate", "context", "replay"):
            with self.subTest(context):
                self.import_lines(line(context, 1))
                self.assertEqual(self.rows("context", "delete", self.data, context)[0]["removed_before"], 2)

    def test_a_missing_directory_stays_missing(self):
        self.weir("context", "delete", self.path("nowhere"), "c", code=1)
        self.assertEqual(os.listdir(self.root), ["data"])


class Query(Cli):
    def setUp(self):
        super().setUp()
        self.weir("import", self.data, str(SAMPLE))
        self.events = [json.loads(text) for text in gzip.open(SAMPLE, "rt")]

    def test_whole_events_are_event_lines(self):
        rows = self.rows("query", self.data, "QUERY file_deleted ORDER BY timestamp LIMIT 2")
        self.assertEqual(len(rows), 2)
        self.assertEqual(list(rows[0]), EVENT_KEYS)
        table = self.weir("query", self.data, "QUERY file_deleted LIMIT 2", "--format", "table")[0].splitlines()
        self.assertRegex(table[0], r"^context_id +event_type +sequence +timestamp +payload$")
        self.assertEqual(len(table), 4)

    def test_groups_agree_with_the_file_in_every_format(self):
        text = "QUERY * COUNT BY event_type ORDER BY count DESC"
        counts = {}
        for event in self.events:
            counts[event["event_type"]] = counts.get(event["event_type"], 0) + 1
        expected = sorted(counts.items(), key=lambda item: -item[1])
        self.assertEqual([(row["event_type"], row["count"]) for row in self.rows("query", self.data, text)], expected)
        rows = list(csv.reader(io.StringIO(self.weir("query", self.data, text, "--format", "csv")[0])))
        self.assertEqual(rows, [["event_type", "count"]] + [[name, str(count)] for name, count in expected])
        table = self.weir("query", self.data, text, "--format", "table")[0].splitlines()
        self.assertEqual([tuple(row.split()) for row in table[2:]], [(name, str(count)) for name, count in expected])

    def test_fields_asked_for_are_there_even_where_an_event_has_none(self):
        rows = self.rows("query", self.data, "QUERY file_added RETURN sequence, event_id, payload.directory LIMIT 1")
        self.assertEqual(list(rows[0]), ["sequence", "event_id", "payload.directory"])
        self.assertIsNone(rows[0]["event_id"])

    def test_explain_shows_the_plan_instead_of_rows(self):
        out, _ = self.weir("query", self.data, "QUERY file_deleted COUNT", "--explain")
        self.assertIn("QUERY file_deleted COUNT", out)
        self.assertNotIn('"count"', out)

    def test_a_query_that_does_not_parse_shows_the_place(self):
        _, err = self.weir("query", self.data, "QUERY * WHERE payload.x >> 3", code=1)
        lines = err.splitlines()
        self.assertRegex(lines[0], r"^weir: .* \(line 1, column 26\)$")
        self.assertEqual(lines[1:], ["QUERY * WHERE payload.x >> 3", " " * 25 + "^"])
        # The place of what is not ASCII, and what to do about it.
        _, err = self.weir("query", self.data, "QUERY * WHERE größe = 3", code=1, errors="found 'ö'.*quotes: 'größe'")
        self.assertEqual(err.splitlines()[2], " " * 16 + "^")

    def test_a_reader_that_leaves_early_ends_it_quietly(self):
        done = subprocess.run(f"set -o pipefail; '{PROGRAM}' query '{self.data}' 'QUERY *' | head -n 1", shell=True,
                              executable="/bin/bash", capture_output=True, timeout=TIMEOUT_S)
        self.assertEqual((done.returncode, done.stderr), (0, b""))
        self.assertEqual(len(done.stdout.splitlines()), 1)

    def test_explain_reads_nothing_and_analyze_runs_it(self):
        text = "QUERY file_deleted COUNT BY context_id"
        plan, _ = self.weir("query", self.data, text, "--explain")
        ran, _ = self.weir("query", self.data, text, "--analyze")
        self.assertNotEqual(plan, ran)
        self.assertEqual(self.weir("query", self.data, "EXPLAIN " + text)[0], plan)
        self.weir("query", self.data, text, "--explain", "--analyze", code=2)
        for option in ("--explain", "--analyze", "--plot"): # a format is of rows, and there are none
            self.weir("query", self.data, "QUERY * COUNT PER DAY", option, "--format", "csv", code=2, errors="--format")
        for statement in ("SHOW STATS", "REPLAY c", "PING", "SHOW VIEWS"):
            for option in ("--explain", "--analyze"):
                self.weir("query", self.data, statement, option, code=2, errors=f"{option} wants a QUERY.*--help")

    def test_parameters_are_values_and_never_text_of_the_language(self):
        event = self.events[0]
        text = "QUERY :type FOR ? COUNT"
        expected = sum(1 for each in self.events
                       if (each["context_id"], each["event_type"]) == (event["context_id"], event["event_type"]))
        self.assertEqual(self.rows("query", self.data, text, event["context_id"], "--param",
                                   "type=" + event["event_type"]), [{"count": expected}])
        self.assertEqual(self.rows("query", self.data, "QUERY * FOR ? COUNT", "' OR true COUNT"), [{"count": 0}])
        limited = self.rows("query", self.data, "QUERY * LIMIT ?", "3")
        self.assertEqual(len(limited), 3)
        self.weir("query", self.data, text, code=1, errors="^weir: ")
        self.weir("query", self.data, "QUERY * COUNT", "--param", "nonsense", code=2, errors="name=value")

    def test_a_time_limit(self):
        self.weir("query", self.data, "QUERY * COUNT", "--timeout", "30s")
        self.weir("query", self.data, "QUERY * COUNT", "--timeout", "soon", code=2, errors="--timeout.*like 30s")

    def test_an_answer_over_time_is_plotted(self):
        out, _ = self.weir("query", self.data, "QUERY * COUNT PER MONTH", "--plot")
        lines = out.splitlines()
        self.assertEqual(lines[0], "count per month")
        bars = [line.split() for line in lines[1:] if re.match(r"\d{4}-\d\d  \S", line)]
        counts = {}
        for row in self.rows("query", self.data, "QUERY * COUNT PER MONTH"):
            counts[row["month"][:7]] = row["count"]
        self.assertEqual({bar[0]: int(bar[-1]) for bar in bars}, counts)
        self.assertLessEqual(max(map(len, lines)), 80)
        self.weir("query", self.data, "QUERY * COUNT", "--plot", code=2, errors="--plot wants a query with PER")
        self.weir("query", self.data, "QUERY * COUNT PER MONTH", "--plot", "--explain", code=2)
        self.weir("shell", self.data, stdin="REMEMBER QUERY * COUNT PER MONTH AS monthly; REMEMBER QUERY * COUNT AS all;")
        self.assertEqual(self.weir("query", self.data, "SHOW monthly", "--plot")[0], out)
        self.weir("query", self.data, "SHOW all", "--plot", code=1, errors="with PER can be plotted")

    def test_it_only_reads(self):
        _, err = self.weir("query", self.data, "STORE t FOR c PAYLOAD {}", code=1, errors="weir query only reads")
        self.assertEqual(self.rows("query", self.data, "QUERY t COUNT"), [{"count": 0}])
        self.assertEqual(sum(row["events"] for row in self.rows("query", self.data, "SHOW STATS")), len(self.events))
        context = self.events[0]["context_id"]
        self.assertEqual(self.rows("query", self.data, f"REPLAY '{context}' LIMIT 1")[0]["sequence"], 1)


class Shell(Cli):
    def setUp(self):
        super().setUp()
        self.import_lines(*(line("c", n, event_type="odd" if n % 2 else "even") for n in range(1, 11)))

    def script(self, text, *options, code=0, errors=None):
        return self.weir("shell", self.data, *options, stdin=text, code=code, errors=errors)

    def test_a_script_stores_and_asks(self):
        out, err = self.script(
            'STORE paid FOR c PAYLOAD {"n": 11,\n\n "note": "a;b"};\n'
            "-- a comment;\nQUERY *\n  COUNT BY event_type;\nREPLAY c FROM 11\n\nFLUSH; PING")
        rows = [json.loads(text) for text in out.splitlines()]
        self.assertEqual((rows[0]["sequence"], rows[0]["durability"]), (11, "synced"))
        self.assertEqual(rows[1:4], [{"event_type": name, "count": count}
                                     for name, count in (("even", 5), ("odd", 5), ("paid", 1))])
        self.assertEqual((rows[4]["sequence"], rows[4]["payload"]["note"]), (11, "a;b"))
        self.assertEqual((rows[5:], err), ([{"answer": "pong"}], ""))

    def test_a_script_stops_at_the_first_error(self):
        out, err = self.script("QUERY * COUNT;\nQUERY * WHERE;\nPING;", "--format", "csv", code=1)
        self.assertEqual(out, "count\r\n10\r\n")
        self.assertEqual(err.splitlines()[1:], ["QUERY * WHERE", " " * 13 + "^"])
        out, _ = self.script("QUERY * WHERE;\nPING;", "--keep-going", code=1)
        self.assertEqual(json.loads(out), {"answer": "pong"})
        self.script("\\format xml\n", code=1, errors="table, jsonl or csv")

    def test_commands_of_a_script(self):
        out, err = self.script("\\format csv\n\\timing\nQUERY * COUNT;\n\\explain\nQUERY * COUNT;\n\\q\nPING;")
        self.assertTrue(out.startswith("count\r\n10\r\n"))
        self.assertNotIn("pong", out)
        self.assertEqual(len(re.findall(r"^took [\d.]+ ms$", err, re.MULTILINE)), 2)

    def test_a_directory_that_is_missing_or_in_use(self):
        self.weir("shell", self.path("nowhere"), stdin="PING", code=1, errors="nowhere")
        holder = self.start("import", self.data, "-", "--acks", "--format", "jsonl")
        holder.stdin.write(line("c", 11).encode() + b"\n")
        self.read_line(holder)
        self.script("PING", code=1, errors=rf"\b{holder.pid}\b")

    def test_a_reader_that_leaves_early_ends_it_quietly(self):
        done = subprocess.run(f"set -o pipefail; echo 'QUERY *; QUERY *' | '{PROGRAM}' shell '{self.data}' | head -n 1",
                              shell=True, executable="/bin/bash", capture_output=True, timeout=TIMEOUT_S)
        self.assertEqual((done.returncode, done.stderr), (0, b""))


class ShellAtTerminal(Cli):
    """The shell as somebody meets it who types."""

    def setUp(self):
        super().setUp()
        self.import_lines(*(line("c", n, event_type="odd_one" if n % 2 else "even") for n in range(1, 101)))
        self.terminal = None

    def open(self, *command, wanted="weir> ", **environment):
        parent, child = pty.openpty()
        subprocess.run(["stty", "cols", "100", "rows", "24"], stdin=child, check=True)
        # A terminal of its own, so that Ctrl-C becomes a signal.
        self.process = subprocess.Popen(
            command or [PROGRAM, "shell", self.data], stdin=child, stdout=child, stderr=child, start_new_session=True,
            preexec_fn=lambda: fcntl.ioctl(0, termios.TIOCSCTTY, 0),
            env={**os.environ, "TERM": "xterm", "LC_ALL": "C.UTF-8", "XDG_STATE_HOME": self.path("state"),
                 "PAGER": "", **environment})
        os.close(child)
        self.terminal = parent

        def end():
            if self.process.poll() is None:
                self.process.kill()
            self.process.wait()
            os.close(parent)

        self.addCleanup(end)
        self.read_until(wanted)

    def read_until(self, wanted):
        return self.read_terminal(self.terminal, wanted)

    def type(self, text, wanted="weir> "):
        os.write(self.terminal, text.encode())
        return self.read_until(wanted)

    def type_until_pong(self, text):
        """Types on behind a way back, on which the prompt may be drawn twice."""
        shown = self.type(text)
        while "pong" not in shown:
            shown += self.read_until("weir> ")

    def leave(self, text):
        os.write(self.terminal, text.encode())
        self.assertEqual(self.process.wait(timeout=TIMEOUT_S), 0)

    def test_statements_errors_and_the_way_out(self):
        self.open()
        self.assertRegex(self.type("QUERY *\n", wanted="-> "), r"QUERY")
        self.assertRegex(self.type("COUNT;\n"), r"count\r\n-----\r\n  100\r\n")
        self.assertRegex(self.type("QUERY * WHERE;\n"), r"weir: .*\(line 1, column 14\)\r\nQUERY \* WHERE\r\n {13}\^\r\n")
        self.assertRegex(self.type("\\timing\n"), "timing is on")
        self.assertRegex(self.type("PING;\n"), r"pong\r\ntook [\d.]+ ms")
        self.assertIn("\\format table|jsonl|csv", self.type("\\?\n"))
        self.leave("\\q\n")

    def test_ctrl_c_drops_the_line_and_ctrl_d_leaves(self):
        self.open()
        self.type("QUERY *\n", wanted="-> ")
        self.assertIn("^C", self.type("COUNT\x03"))
        self.assertIn("pong", self.type("PING;\n"))
        self.leave("\x04")

    def test_ctrl_c_cancels_what_runs_and_keeps_the_shell(self):
        # A pattern that nearly fits everywhere is slow to refuse: many times over, this takes far longer than the test.
        text = "a" * 400
        self.import_lines(*(json.dumps({"context_id": str(n % 50), "event_type": "t", "payload": {"s": text + str(n)}})
                            for n in range(50000)))
        self.open()
        self.type("QUERY t WHERE payload.s LIKE 'b%'\n", wanted="-> ")
        for _ in range(30):
            self.type(f"OR payload.s LIKE '%{'a' * 60}_b'\n", wanted="-> ")
        # The line is read once its end is shown, and a Ctrl-C from then on is one for the statement.
        self.type("COUNT; STORE t FOR c PAYLOAD {};\n", wanted=";\r\n")
        self.assertRegex(self.type("\x03"), r"weir: .*cancel")
        self.assertIn("pong", self.type("PING;\n"))
        self.assertRegex(self.type("QUERY t FOR c COUNT;\n"), r"count\r\n-----\r\n    0\r\n")
        self.leave("\\q\n")

    def test_tab_completes_keywords_types_and_fields(self):
        self.open()
        self.assertIn("pong", self.type("PIN\t;\n"))
        # Types and fields are read in the background: tests/cli/completion_names_test.cpp waits for them.
        self.type("REMEMBER QUERY even COUNT AS evens;\n")
        self.assertRegex(self.type("SHOW ev\t;\n"), r"count\r\n-----\r\n   50\r\n")
        self.type("FORGET ev\t;\n")
        self.assertIn("no query is remembered as 'evens'", self.type("SHOW evens;\n"))
        self.assertIn("timing is on", self.type("\\ti\t\n"))
        self.leave("\\q\n")

    def lines_are_echoed(self):
        """The terminal has the modes of a shell, not those of an editor of lines."""
        modes = termios.tcgetattr(self.terminal)[3]
        return modes & termios.ICANON != 0 and modes & termios.ECHO != 0

    def test_ctrl_z_gives_the_terminal_back_and_the_line_is_there_when_it_goes_on(self):
        self.open("/bin/sh", "-i", wanted="sh> ", PS1="sh> ", ENV="")
        before = termios.tcgetattr(self.terminal)
        self.type(f"{PROGRAM} shell {self.data}\n")
        self.type("PI", wanted="PI")
        self.type("\x1a", wanted="sh> ")
        self.assertTrue(self.lines_are_echoed())
        process = int(self.type("jobs -p\n", wanted="\r\nsh> ").splitlines()[1])
        self.type("fg\n", wanted="weir> PI")
        self.assertFalse(self.lines_are_echoed())
        self.type_until_pong("NG;\n")
        # Stopped by somebody else, and gone on in a terminal with other modes.
        os.kill(process, signal.SIGSTOP)
        self.read_until("sh> ")
        termios.tcsetattr(self.terminal, termios.TCSANOW, before)
        self.type("fg\n")
        self.assertFalse(self.lines_are_echoed())
        self.type_until_pong("PING;\n")
        # Ended.
        os.kill(process, signal.SIGTERM)
        self.read_until("sh> ")
        self.assertTrue(self.lines_are_echoed())
        self.assertIn(f"code {128 + signal.SIGTERM}", self.type("echo code $?\n", wanted="\r\nsh> "))
        self.leave("exit\n")

    def test_history_comes_back_in_the_next_session_and_is_private(self):
        self.open()
        self.type("PING;\n")
        self.leave("\\q\n")
        history = os.path.join(self.path("state"), "weir/history")
        self.assertEqual(os.stat(history).st_mode & 0o777, 0o600)
        self.open()
        self.assertIn("pong", self.type("\x1b[A\x1b[A\n"))
        self.leave("\\q\n")

    def test_long_answers_go_through_the_pager_and_short_ones_do_not(self):
        self.open(PAGER="sed 's/^/PAGED /'")
        self.assertIn("PAGED ", self.type("QUERY *;\n"))
        self.assertNotIn("PAGED ", self.type("QUERY * COUNT;\n"))
        self.leave("\\q\n")

    def test_plots_fit_the_terminal(self):
        self.open()
        self.type("\\plot\n")
        shown = self.type("QUERY * COUNT PER DAY;\n")
        self.assertIn("count per day", shown)
        self.assertIn("█", shown)
        self.type("REMEMBER QUERY * COUNT PER DAY AS days;\n")
        self.assertIn("█", self.type("SHOW days;\n"))
        self.leave("\\q\n")


class Maintenance(Cli):
    def test_flush_moves_everything_into_segments_and_stats_tell(self):
        self.import_lines(*(line(f"c-{n % 10}", n) for n in range(100)))
        self.assertRegex(self.weir("flush", self.data)[0], r": 100 events in [1-4] segments\n$")
        rows = self.rows("stats", self.data)
        self.assertEqual([row["shard"] for row in rows], [0, 1, 2, 3, "total"])
        total = rows[-1]
        self.assertEqual((total["events"], total["segment_events"], total["memtable_events"], total["state"]),
                         (100, 100, 0, "ok"))
        self.assertEqual(sum(row["segment_bytes"] for row in rows[:-1]), total["segment_bytes"])
        self.assertIn("disk_free_bytes", total)
        self.assertEqual([total[name] for name in ("flushed_bytes", "merges", "merge_written_bytes",
                                                   "write_amplification")], [0, 0, 0, 0.0]) # nothing since it was opened
        table = self.weir("stats", self.data, "--format", "table")[0].splitlines()
        self.assertEqual(table[0].split()[:2], ["shard", "events"])
        self.assertEqual(table[6].split()[:2], ["total", "100"])
        rows = list(csv.DictReader(io.StringIO(self.weir("stats", self.data, "--format", "csv")[0])))
        self.assertEqual(rows[-1]["events"], "100")

    REPORT = ["merges", "segments_before", "segments_after", "bytes_before", "bytes_after", "bytes_given_back",
              "bytes_read", "bytes_written", "events_removed", "write_amplification"]

    def small_segments(self, count, events=40, payload="x"):
        """A segment for each shard and turn; returns how many there are. Fewer than the background waits for."""
        for turn in range(count):
            self.import_lines(*(line(f"c-{n % 8}", turn * events + n, payload={"text": f"{payload}{n}"})
                                for n in range(events)))
            self.weir("flush", self.data)
        return self.rows("stats", self.data)[-1]["segments"]

    def test_compact_merges_reports_and_changes_no_event(self):
        segments = self.small_segments(4)
        before = self.weir("export", self.data)[0]
        report, = self.rows("compact", self.data, "--all")
        self.assertEqual(list(report), self.REPORT)
        self.assertEqual(report["segments_before"], segments)
        after = self.rows("stats", self.data)[:-1]
        self.assertTrue(all(row["segments"] <= 1 for row in after), after)
        self.assertEqual(report["segments_after"], sum(row["segments"] for row in after))
        self.assertGreater(report["merges"], 0)
        self.assertEqual(report["bytes_given_back"], report["bytes_before"] - report["bytes_after"])
        self.assertGreater(report["write_amplification"], 0)
        self.assertEqual(self.weir("export", self.data)[0], before)
        again, = self.rows("compact", self.data)
        self.assertEqual([again[name] for name in ("merges", "bytes_read", "bytes_written")], [0, 0, 0])
        heads, _, values = self.weir("compact", self.data, "--format", "table")[0].splitlines()
        self.assertEqual(heads.split(), self.REPORT)
        self.assertEqual(values.split()[0], "0")
        self.weir("verify", self.data)

    def test_compact_gives_back_what_was_removed(self):
        self.small_segments(2)
        for context in range(8):
            self.weir("context", "delete", self.data, f"c-{context}")
        report, = self.rows("compact", self.data, "--all")
        self.assertEqual(report["events_removed"], 80)
        self.assertGreater(report["bytes_given_back"], 0)
        self.assertEqual(self.rows("stats", self.data)[-1]["segment_events"], 0)

    def test_compact_takes_its_time_with_a_rate_and_an_interrupt_ends_it_with_nothing_lost(self):
        segments = self.small_segments(3)
        before = self.weir("export", self.data)[0]
        for number in (signal.SIGINT, signal.SIGTERM):
            with self.subTest(number):
                terminal, errors = pty.openpty()
                self.addCleanup(os.close, terminal)
                process = subprocess.Popen([PROGRAM, "compact", self.data, "--all", "--rate", "1500"],  # most of a minute
                                           stdout=subprocess.PIPE, stderr=errors)
                self.addCleanup(process.kill)
                os.close(errors)
                self.read_terminal(terminal, " %")  # A part of the work is done.
                process.send_signal(number)
                self.read_terminal(terminal, "interrupted after 0 merges, which stay; nothing is lost")
                out, _ = process.communicate(timeout=TIMEOUT_S)
                self.assertEqual((process.returncode, out), (1, b""))
                self.assertEqual(self.rows("stats", self.data)[-1]["segments"], segments)
                self.assertEqual(self.weir("export", self.data)[0], before)
        self.weir("compact", self.data, "--rate", "0", code=2, errors="at least 1")
        self.weir("compact", self.data, "--rate", "1M", code=2, errors="whole number")
        self.weir("verify", self.data)

    def test_verify_finds_damage_and_exits_with_1(self):
        self.import_lines(*(line(f"c-{n % 10}", n) for n in range(1000)))
        self.weir("flush", self.data)
        self.assertIn("no damage", self.weir("verify", self.data)[0])
        segment = max(pathlib.Path(self.data, "segments").rglob("*.seg"))
        content = bytearray(segment.read_bytes())
        content[len(content) // 3] ^= 0xFF
        segment.write_bytes(content)
        out, err = self.weir("verify", self.data, code=1)
        self.assertIn(segment.name, out)
        self.assertRegex(err, r"^weir: 1 finding \(")

    def contexts(self, directory):
        """What replays of the ten contexts give, without what a copy does not keep."""
        kept = ("context_id", "sequence", "event_type", "timestamp", "event_id", "metadata", "payload")
        return {f"c-{n}": [{key: row.get(key) for key in kept} for row in self.rows("replay", directory, f"c-{n}")]
                for n in range(10)}

    def test_salvage_of_a_whole_directory_copies_every_event_and_exits_with_0(self):
        self.import_lines(*(line(f"c-{n % 10}", n) for n in range(700)))
        self.weir("flush", self.data)
        self.import_lines(*(line(f"c-{n % 10}", n) for n in range(300)))
        saved = self.path("saved")
        out, err = self.weir("salvage", self.data, saved)
        self.assertEqual(out, "")
        self.assertIn("saved 1,000 events of 10 contexts; 0 damaged places, nothing is missing", err)
        self.assertEqual(self.contexts(saved), self.contexts(self.data))

    def test_salvage_takes_schemas_along_and_events_that_are_older_than_them(self):
        self.import_lines(line("c", "old"), line("c", 1))
        for fields in ("{ n: int64 }", "{ n: int64 OPTIONAL }"):
            self.weir("schema", "define", self.data, "DEFINE tick FIELDS " + fields)
        saved = self.path("saved")
        self.weir("salvage", self.data, saved)
        self.assertEqual([row["payload"]["n"] for row in
                          map(json.loads, self.weir("replay", saved, "c", "--format", "jsonl")[0].splitlines())],
                         ["old", 1])
        self.assertEqual(self.weir("schema", "show", saved, "tick", "--version", "1")[0],
                         "DEFINE tick FIELDS {\n  n: int64\n}\n")
        self.weir("store", saved, "--context", "c", "--type", "tick", "--payload", '{"n":"x"}', code=1,
                  errors="version 2")

    def test_salvage_saves_what_is_whole_lists_what_is_not_and_exits_with_1(self):
        self.import_lines(*(line(f"c-{n % 10}", n) for n in range(1000)))
        self.weir("flush", self.data)
        self.import_lines(*(line(f"c-{n % 10}", n) for n in range(1000, 1200)))
        before = self.contexts(self.data)
        segment = max(pathlib.Path(self.data, "segments").rglob("*.seg"))
        content = bytearray(segment.read_bytes())
        content[100] ^= 0xFF  # in the first block: payloads
        segment.write_bytes(content)
        saved = self.path("saved")
        out, err = self.weir("salvage", self.data, saved, code=1)
        self.assertRegex(out, rf"damaged segments/\d+/{segment.name}:48: ")
        missing = {}
        for context, first, last in re.findall(r"missing (\S+): sequences? (\d+)(?: to (\d+))?", out):
            missing.setdefault(context, set()).update(range(int(first), int(last or first) + 1))
        self.assertTrue(missing)
        expected = {context: [row for row in rows if row["sequence"] not in missing.get(context, ())]
                    for context, rows in before.items()}
        for rows in expected.values():
            for sequence, row in enumerate(rows, 1):
                row["sequence"] = sequence
        self.assertEqual(self.contexts(saved), expected)
        self.assertIn(f"{sum(map(len, missing.values()))} events are missing", err)

    def test_salvage_does_without_a_catalog(self):
        self.import_lines(*(line(f"c-{n % 10}", n) for n in range(100)))
        self.weir("flush", self.data)
        before = self.contexts(self.data)
        os.unlink(os.path.join(self.data, "catalog.db"))
        self.weir("replay", self.data, "c-1", code=1, errors="catalog")
        saved = self.path("saved")
        out, _ = self.weir("salvage", self.data, saved, code=1)  # nobody knows what else there was
        self.assertIn("damaged catalog.db: ", out)
        self.assertEqual(self.contexts(saved), before)

    def test_salvage_refuses_a_destination_in_use_and_exits_with_2(self):
        self.import_lines(line("c", 1))
        self.weir("salvage", self.data, self.data, code=2, errors="destination")
        self.weir("salvage", self.data, os.path.join(self.data, "saved"), code=2, errors="destination")
        self.weir("salvage", self.path("none"), self.path("saved"), code=2, errors="none")
        self.assertFalse(os.path.exists(self.path("saved")))


if __name__ == "__main__":
    unittest.main()
