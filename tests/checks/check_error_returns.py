#!/usr/bin/env python3
"""Every line of wal/ and segments/ that makes an error or passes one on was executed by a test.

Of a line with WEIR_TRY or ? every outcome must have been seen. Used by check_coverage.py. Run by itself it compiles a
small program with errors that never happen, and demands that exactly those are found.
"""
import pathlib
import re
import subprocess
import tempfile

import gcov_counts

FOLDERS = ("wal", "segments")
ROOT = pathlib.Path(__file__).resolve().parents[2]
# Functions that return a Status, and never a good one; those that return an Error are found by their declarations.
ALWAYS_FAIL = {"fail", "poison", "read_only", "stop"}
DECLARED = re.compile(r"\bError\s+(?:\w+::)*(\w+)\(|\bauto (\w+) = \[&\] \{ return source\.damaged")
COMMENT_OR_TEXT = re.compile(r'//[^\n]*|"(?:[^"\\\n]|\\.)*"|\'(?:[^\'\\\n]|\\.)\'')


def without_comments_and_texts(text):
    return COMMENT_OR_TEXT.sub(lambda m: "'" * len(m[0]) if m[0][0] != "/" else " " * len(m[0]), text)


def line_of(text, at):
    return text.count("\n", 0, at) + 1


def end_of_macro(text, at):
    """Behind the parenthesis that closes the first one at or behind `at`."""
    depth = 0
    for i in range(text.index("(", at), len(text)):
        depth += {"(": 1, ")": -1}.get(text[i], 0)
        if depth == 0:
            return i + 1
    return len(text)


def error_lines(text, makers):
    """(first line, last line, whether outcomes count) of all that makes an error or passes one on."""
    text = without_comments_and_texts(text).replace("{}", "()")  # braces of values do not begin a statement
    macros = [(m.start(), end_of_macro(text, m.start())) for m in re.finditer(r"\bWEIR_TRY\(", text)]
    for begin, _ in macros:
        yield line_of(text, begin), line_of(text, begin), True  # all of a macro counts as its first line
    made = r"(?<![\w.>:])(?:[\w.:]+(?:\.|->|::))?\b(?:" + "|".join(sorted(makers)) + r")\("
    passed = r"(?:\.|->)error\(\)"
    whole = r"if \(!(\w+)\)\s*return (?P<same>\1);"
    for match in re.finditer(f"{made}|{passed}|{whole}", text):
        at = match.start("same") if match["same"] else match.start()
        around = [begin for begin, end in macros if begin < at < end]
        if around:
            if line_of(text, around[0]) != line_of(text, at):
                yield line_of(text, at), line_of(text, at), False  # on no line of its own: nobody can tell
            continue
        before = text[:at].rstrip()
        if re.search(r"[\w>&*\]]$", before) and not re.search(r"\breturn$", before) and match[0][0] not in ".-":
            continue  # a declaration: behind the type of what it returns
        begin = max(text.rfind(c, 0, at) for c in ";{}") + 1
        statement_begin = re.compile(r"\s*").match(text, begin).end()
        inner = text.rfind("return", statement_begin, at)
        begin = inner if inner >= 0 else statement_begin
        end = text.find(";", at)
        yield line_of(text, begin), line_of(text, end), "?" in text[begin:end]


def declared_makers(root):
    names = set(ALWAYS_FAIL)
    for folder in FOLDERS:
        for path in (root / folder).glob("*.[ch]pp"):
            names.update(filter(None, sum(DECLARED.findall(path.read_text()), ())))
    return names


def an_outcome_is_missing(line):
    """Outcomes come in pairs, in the order of the code. Pairs that were never come to are clean-up after exceptions, or
    lie behind an outcome that is missing itself."""
    pairs = [line.outcomes[i:i + 2] for i in range(0, len(line.outcomes), 2)]
    return any(any(pair) and not all(pair) for pair in pairs)


def check(root, files):
    """Lines never executed, as text, and how many were asked for. `files` is what gcov_counts.read() returns."""
    makers = declared_makers(root)
    found, asked = [], 0
    for folder in FOLDERS:
        for path in sorted((root / folder).glob("*.[ch]pp")):
            name = path.relative_to(root).as_posix()
            lines, source = files.get(name, {}), path.read_text()
            for first, last, outcomes in sorted(set(error_lines(source, makers))):
                asked += 1
                known = [lines[n] for n in range(first, last + 1) if n in lines]
                if not known or not all(line.count for line in known):
                    why = "never executed"
                elif outcomes and any(map(an_outcome_is_missing, known)):
                    why = "an outcome was never seen"
                else:
                    continue
                found.append(f"{name}:{first}: {why}: {source.splitlines()[first - 1].strip()}")
    return found, asked


PROGRAM = """#include <weir/result.hpp>
namespace weir::detail { void result_misused(const Error*) noexcept { __builtin_abort(); } }
using namespace weir;
Error declared(int which);
Error declared(int which) { return fail(Errc::corruption, "return fail(", which > 0 ? "a" : "b"); }
Status made(int which) {
  if (which == 1)
    return fail(Errc::io_error, "seen");
  if (which == 2)
    return declared(0); // never
  if (which == 3)
    return fail(Errc::io_error, // never
                "in two lines");
  return which == 4 ? fail(Errc::io_error, "x") : Status{}; // never
}
Status passed(int which) {
  WEIR_TRY(made(which));
  WEIR_TRY(made(which - 1)); // never
  auto again = made(which);
  if (!again)
    return again; // never
  if (!again.ok())
    return std::move(again).error(); // never
  Result<int> number(which);
  return number.ok() ? Status{} : Status(number.error()); // never
}
Status inside(int which) {
  WEIR_TRY([&]() -> Status { // never
    if (which == 1)
      return fail(Errc::io_error, "on no line of its own"); // never
    return {};
  }());
  return {};
}
int main() {
  Error error = declared(1), other = declared(0);
  return made(1).ok() || !passed(0).ok() || passed(1).ok() || !inside(0).ok() || error.code != other.code;
}
"""


def self_test():
    with tempfile.TemporaryDirectory() as folder:
        root = pathlib.Path(folder).resolve()
        for name in FOLDERS:
            (root / name).mkdir()
        (root / "include").mkdir()
        (root / "include/weir").symlink_to(ROOT / "engine")
        (root / "wal/planted.cpp").write_text(PROGRAM)
        subprocess.run(["g++", "-std=c++20", "-O0", "--coverage", f"-I{root}/include", root / "wal/planted.cpp", "-o",
                        root / "planted"], check=True, cwd=root)
        subprocess.run([root / "planted"], check=True)
        found, _ = check(root, gcov_counts.read(root, root, FOLDERS))
        expected = [n for n, line in enumerate(PROGRAM.splitlines(), 1) if line.endswith("// never")]
        assert [int(line.split(":")[1]) for line in found] == expected, (found, expected)
        print(f"{len(expected)} planted lines, each found")


if __name__ == "__main__":
    self_test()
