#!/usr/bin/env python3
"""Makes one source of several test files, so that headers are read and templates compiled once for all of them.

Usage: unity.py OUT FILE_test.cpp...

Each file keeps a namespace of its own, so that helpers of the same name do not meet: what stands behind the includes is
wrapped into one, or, where it is in namespace weir already, goes one deeper.
"""
import pathlib
import re
import sys


def parts(text):
    """The lines up to the last include, and the rest."""
    lines = text.splitlines()
    last = max((i for i, line in enumerate(lines) if line.startswith("#include")), default=-1) + 1
    if last < len(lines) and lines[last].startswith("#endif"):
        last += 1
    return lines[:last], lines[last:], last


def wrapped(path, number):
    head, body, last = parts(path.read_text())
    own = f"file_{number}"
    text = "\n".join(body)
    deeper, count = re.subn(r"^namespace (weir[\w:]*) \{", rf"namespace \1::{own} {{", text, flags=re.MULTILINE)
    if count == 0:
        deeper = f"namespace {own} {{\n#line {last + 1} \"{path}\"\n{text}\n}}"
    return f"#line 1 \"{path}\"\n" + "\n".join(head) + f"\n#line {last + 1} \"{path}\"\n{deeper}\n"


def main():
    out, files = pathlib.Path(sys.argv[1]), [pathlib.Path(file) for file in sys.argv[2:]]
    out.parent.mkdir(parents=True, exist_ok=True)
    out.write_text("\n".join(wrapped(path, number) for number, path in enumerate(files, 1)))


if __name__ == "__main__":
    main()
