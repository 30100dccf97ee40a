#!/usr/bin/env python3
"""What the documents tell people to type does what they say.

Usage: check_guide_commands.py PROGRAM HOST [--self-test]

Every block of the README and the guides that calls `weir` is run, in the order of its document, in a directory made by
HOST (tests/cli/guides_host.cpp). Each command must end with 0, or as CODES and AGAIN say. What a document shows behind
`$ ` must be what a terminal shows; what it shows elsewhere, what comes out, but for the figures. And each command and
option that any document names in passing must be in the program's help. --self-test plants mistakes in a copy of the
documents and demands that each is found.
"""
import fcntl
import functools
import json
import os
import pathlib
import pty
import re
import signal
import struct
import subprocess
import sys
import tempfile
import termios

ROOT = pathlib.Path(__file__).resolve().parents[2]
PROGRAM, HOST = (os.path.abspath(path) for path in sys.argv[1:3])
TIMEOUT_S = 20
ACK_KEYS = ["line", "context_id", "sequence", "position", "durability"]
COLUMNS = 60  # of the terminal in the documents
COMMAND = re.compile(r"(?:^|[|;] *)weir +[a-z]")

SALVAGE = "weir salvage data saved"
FOLLOW = "tail -f orders.jsonl | weir import data - --acks"
EXPECT = "weir store data --context order-42 --type order_paid --payload '{}' --expect exactly:7"
SEARCH = "weir model search data shop orders status=open --sort -total,id --limit 20"
# Other exit codes than 0, and what a command does that is typed once more.
CODES = {SALVAGE: 1}
AGAIN = {EXPECT: (1, '{"context_id":"order-42","current_sequence":8}\n')}
# Blocks without a command, by their first line: what prints them, and where.
SHOWN_BY = {
    '{"context_id":"order-42","event_type":"order_placed","sequence":1,"position":1048576,':
        ("weir replay data order-42 --limit 1", "stdout"),
    "20 of 3,456 objects": (SEARCH, "stderr"),
    "DEFINE order_placed FIELDS {": (None, None),  # is given to `weir schema define`
}
# Run behind a block that holds the command.
AFTER = {
    "weir import copy events.jsonl.gz": "weir export copy | cmp - <(weir export data)",
    "weir restore backups/tuesday data-2": "weir replay data order-1 | cmp - <(weir replay data-2 order-1)",
    EXPECT: "test $(weir replay data order-42 | wc -l) = 8",
}


def fail(where, what, text=""):
    raise AssertionError(f"{where}: {what}" + (f"\n{text}" if text else ""))


class Block:
    """An indented or fenced block: commands, and what is shown behind each."""

    def __init__(self, where, lines, fenced):
        self.where, self.lines = where, lines
        self.terminal = any(line.startswith("$ ") for line in lines)
        typed = [line for line in lines if (line.startswith("$ ") if self.terminal else COMMAND.search(line))]
        if typed and not fenced:
            typed = lines
        self.commands = []  # (text, lines shown)
        for line in lines:
            if line in typed:
                self.commands.append((line.removeprefix("$ "), []))
            elif self.commands:
                self.commands[-1][1].append(line)


def blocks_of(path, text):
    """Blocks of no language, in their order; those of C++ are check_documents.py's."""
    found, lines, at, fence = [], [], 0, None
    for number, line in enumerate(text.splitlines() + [""], 1):
        if fence is not None:
            if line == "```":
                if fence == "```":
                    found.append(Block(f"{path}:{at}", lines, True))
                lines, fence = [], None
            else:
                lines.append(line)
        elif line.startswith("```"):
            fence, at = line, number
        elif line.startswith("    "):
            at = at if lines else number
            lines.append(line[4:])
        elif lines:
            found.append(Block(f"{path}:{at}", lines, False))
            lines = []
    return [block for block in found if not block.lines[0].startswith("make ")]


def pattern_of(lines, figures_differ):
    """What matches what is shown: a word that ends with ... stands for any, and so may figures for others."""
    parts = [re.escape(part) for part in re.split(r"\S*\.\.\.", "\n".join(line.rstrip() for line in lines))]
    if figures_differ:
        parts = [re.sub(r"(?<![a-z]\\-)(?<![a-z\d])\d[\d,]*", r"\\d[\\d,]*", part) for part in parts]
    return r"\S+".join(parts)


class Stage:
    """A directory in which the commands of one document run."""

    def __init__(self, folder):
        self.folder = folder
        links = folder.parent / "bin"
        links.mkdir(exist_ok=True)
        if not (links / "weir").exists():
            (links / "weir").symlink_to(PROGRAM)
        self.environment = {**os.environ, "PATH": f"{links}:{os.environ['PATH']}", "LC_ALL": "C.UTF-8", "PAGER": "",
                            "XDG_STATE_HOME": str(folder)}

    def run(self, command, terminal=False):
        """(exit code, standard output, standard error)"""
        arguments = ["bash", "-c", f"set -o pipefail\n{command}"]
        if not terminal:
            process = subprocess.Popen(arguments, cwd=self.folder, env=self.environment, stdin=subprocess.DEVNULL,
                                       stdout=subprocess.PIPE, stderr=subprocess.PIPE, start_new_session=True)
            try:
                output, errors = process.communicate(timeout=TIMEOUT_S)
            except subprocess.TimeoutExpired:
                os.killpg(process.pid, signal.SIGKILL)
                process.communicate()
                fail(self.folder.name, f"`{command}` has not ended after {TIMEOUT_S} s")
            return process.returncode, output.decode(), errors.decode()
        master, slave = pty.openpty()
        fcntl.ioctl(slave, termios.TIOCSWINSZ, struct.pack("HHHH", 24, COLUMNS, 0, 0))
        with tempfile.TemporaryFile() as errors:
            process = subprocess.Popen(arguments, cwd=self.folder, env=self.environment, stdin=subprocess.DEVNULL,
                                       stdout=slave, stderr=errors)
            os.close(slave)
            shown = b""
            while True:
                try:
                    shown += os.read(master, 65536)
                except OSError:  # What Linux says when the other end is closed.
                    break
            os.close(master)
            code = process.wait(TIMEOUT_S)
            errors.seek(0)
            return code, shown.decode().replace("\r\n", "\n"), errors.read().decode()

    def must(self, where, command, code=0, terminal=False):
        done = self.run(command, terminal)
        if done[0] != code:
            fail(where, f"`{command}` ended with {done[0]}, not {code}", done[1] + done[2])
        return done

    def lines(self, name, events):
        (self.folder / name).write_text("".join(json.dumps(event) + "\n" for event in events))

    def follow(self, where, command):
        """An import that waits for more: each line is acknowledged as it comes, and Ctrl-C ends it with 1."""
        file = self.folder / "orders.jsonl"
        process = subprocess.Popen(["bash", "-c", f"trap : INT\n{command}\nexit ${{PIPESTATUS[-1]}}"], cwd=self.folder,
                                   env=self.environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                                   start_new_session=True)
        try:
            count = len(file.read_text().splitlines())
            for number in range(1, count + 2):
                if number == count + 1:
                    with file.open("a") as more:
                        more.write(json.dumps(order("order-99", 5)) + "\n")
                row = json.loads(process.stdout.readline() or "{}")
                if row.get("line") != number or list(row) != ACK_KEYS:
                    fail(where, f"`{command}`: row {number} is {row}")
            os.killpg(process.pid, signal.SIGINT)
            errors = process.communicate(timeout=TIMEOUT_S)[1].decode()
            if process.returncode != 1 or str(count + 1) not in errors:
                fail(where, f"`{command}`: ended with {process.returncode}", errors)
        finally:
            if process.poll() is None:
                os.killpg(process.pid, signal.SIGKILL)
                process.wait()


def order(context, total, **payload):
    return {"context_id": context, "event_type": "order_placed", "timestamp": "2024-03-01T12:00:00Z",
            "payload": {"total": total, **payload}}


def prepare(stage):
    """The directory as the documents speak of it."""
    subprocess.run([HOST, "data"], cwd=stage.folder, check=True, timeout=TIMEOUT_S)
    more = [{"context_id": "order-42", "event_type": "noted", "payload": {"n": n}} for n in range(6)]
    stage.lines("orders.jsonl", [order("order-42", 12), *more, order("c-7", 400, country="NL")])
    stage.lines("commits.jsonl", [{"context_id": f"file-{n % 40}", "event_type": "commit", "payload": {"n": n},
                                   "timestamp": f"2024-{month}-{1 + n % 28:02}T12:00:00Z"}
                                  for month, count in (("01", 1000), ("02", 501), ("08", 1)) for n in range(count)])
    (stage.folder / "statements.txt").write_text("PING;\nQUERY * COUNT BY event_type\n\nSHOW STATS;\n")


def fill(stage):
    stage.must("setup", "weir import data orders.jsonl && weir import data commits.jsonl")


def damage(stage):
    """A directory of one context, with a byte of a segment's block changed."""
    stage.lines("long.jsonl", [{"context_id": "order-42", "event_type": "noted", "payload": {"n": str(n) * 200}}
                               for n in range(1, 401)])
    stage.must("setup", "mv data sound && weir import data long.jsonl && weir flush data")
    [segment] = (stage.folder / "data/segments").glob("*/*.seg")
    content = bytearray(segment.read_bytes())
    content[len(content) // 2] ^= 1
    segment.write_bytes(content)


# What has to be there before a block, by its document and first command; "": before the first.
SETUP = {
    ("README.md", ""): prepare,
    ("docs/guides/command-line.md", ""): lambda stage: (prepare(stage), fill(stage)),
    ("docs/guides/command-line.md", SALVAGE): damage,
    ("docs/guides/consumers.md", ""): prepare,
    ("docs/guides/evolving-events.md", ""): lambda stage: stage.must("setup", "weir init data && weir init defined"),
}


def compare(block, command, lines, output, figures_differ):
    printed = "\n".join(line.rstrip() for line in output.splitlines())
    if lines and not re.fullmatch(pattern_of(lines, figures_differ), printed):
        fail(block.where, f"`{command}` shows something else", output)


def play(stage, path, blocks):
    """Runs a document's blocks; returns how many commands that were."""
    commands = 0
    if any(block.commands for block in blocks):
        SETUP.get((path, ""), lambda _: None)(stage)
    for block in blocks:
        if not block.commands:
            if block.lines[0] not in SHOWN_BY:
                fail(block.where, "nobody knows what prints this block: see SHOWN_BY", block.lines[0])
            command, stream = SHOWN_BY[block.lines[0]]
            if command is None:
                (stage.folder / "definition").write_text("\n".join(block.lines))
                stage.must(block.where, 'weir schema define defined "$(cat definition)"')
                shown = stage.must(block.where, "weir schema show defined order_placed")[1]
                if shown.split() != " ".join(block.lines).split():  # objects in objects have lines of their own there
                    fail(block.where, "`weir schema show` shows something else", shown)
            else:
                done = stage.must(block.where, command)
                lines = block.lines if stream == "stderr" else ["".join(line.strip() for line in block.lines)]
                compare(block, command, lines, done[1] if stream == "stdout" else done[2], True)
            continue
        SETUP.get((path, block.commands[0][0]), lambda _: None)(stage)
        for command, lines in block.commands:
            commands += 1
            if command == FOLLOW:
                stage.follow(block.where, command)
                continue
            _, output, errors = stage.must(block.where, command, CODES.get(command, 0), block.terminal)
            compare(block, command, lines, output + errors, not block.terminal)
            if command in AGAIN:
                code, wanted = AGAIN[command]
                if stage.must(block.where, command, code)[1] != wanted:
                    fail(block.where, f"`{command}`, once more, does not print {wanted}")
            if command in AFTER:
                stage.must(block.where, AFTER[command])
    return commands


@functools.lru_cache(maxsize=None)
def help_of(words):
    done = subprocess.run([PROGRAM, *words, "--help"], check=True, capture_output=True, timeout=TIMEOUT_S)
    return done.stdout.decode()


def check_names(path, text):
    """Commands and options in `weir ...` within a text; returns how many there are."""
    spans = re.findall(r"`weir ([a-z][^`\n]*)`", text)
    for span in spans:
        words, taken = span.split(), ()
        for word in words:
            parts = re.findall(r"^  ([a-z]+) ", (help_of(taken) + "\nCommands:").split("\nCommands:")[1], re.MULTILINE)
            if not parts:
                break
            for each in word.split("|"):
                if each not in parts:
                    fail(path, f"`weir {span}`: no such command: {each}")
            taken += (word.split("|")[0],)
        for option in re.findall(r"--[a-z-]+", span):
            if not re.search(rf"{option}(?![a-z-])", help_of(taken)):
                fail(path, f"`weir {span}`: no such option: {option}")
    return len(spans)


def check(root, paths):
    """Raises AssertionError for the first thing that is wrong; returns (commands run, commands named)."""
    run = named = 0
    with tempfile.TemporaryDirectory(prefix="weir-guides-") as folder:
        for path in paths:
            text = (root / path).read_text()
            named += check_names(path, text)
            if path == "README.md" or path.startswith("docs/guides/"):
                work = pathlib.Path(folder) / path.replace("/", "-")
                work.mkdir()
                run += play(Stage(work), path, blocks_of(path, text))
    return run, named


# (document, a text of it, what takes its place)
PLANTED = [
    ("README.md", "weir import data", "weir importe data"),
    ("README.md", "weir replay data order-42", "weir replay date order-42"),
    ("docs/guides/consumers.md", "reset data labels", "reset data label"),
    ("docs/guides/consumers.md", "park replay data labels --context", "park replay data labels --contexts"),
    ("docs/guides/evolving-events.md", "order_placed        1       1  false", "order_placed        1       2  false"),
    ("docs/guides/evolving-events.md", "$ weir schema list data", "$ weir schema list data --format jsonl"),
    ("docs/guides/evolving-events.md", "due: date OPTIONAL,\n", "due: date REQUIRED,\n"),
    ("docs/guides/command-line.md", '"recorded_at":"2024', '"recordedAt":"2024'),
    ("docs/guides/command-line.md", "501\n         no rows", "502\n         no rows"),
    ("docs/guides/command-line.md", "no rows for 5 months", "no rows for 6 months"),
    ("docs/guides/command-line.md", "--payload '{}' --expect exactly:7", "--payload '{}' --expect exactly:6"),
    ("docs/guides/subscribing.md", "`weir tail DIR`", "`weir follow DIR`"),
]


def self_test():
    with tempfile.TemporaryDirectory() as folder:
        root = pathlib.Path(folder)
        for path, old, new in PLANTED:
            text = (ROOT / path).read_text()
            assert old in text, f"{path} does not say {old!r} any more"
            (root / path).parent.mkdir(parents=True, exist_ok=True)
            (root / path).write_text(text.replace(old, new, 1))
            try:
                check(root, [path])
            except AssertionError:
                continue
            sys.exit(f"{path}: {new!r} in the place of {old!r} was not found")
    print(f"{len(PLANTED)} planted mistakes, each found")


if sys.argv[3:] == ["--self-test"]:
    self_test()
    sys.exit(0)
try:
    documents = sorted([*ROOT.glob("*.md"), *ROOT.glob("docs/**/*.md")])
    done, named = check(ROOT, [path.relative_to(ROOT).as_posix() for path in documents])
except AssertionError as wrong:
    sys.exit(str(wrong))
print(f"{done} commands run, {named} named")
sys.exit(0 if done and named else 1)
