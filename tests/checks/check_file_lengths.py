#!/usr/bin/env python3
"""No source file is longer than 450 lines: one concept per file. Tests and benchmarks may be longer."""
import pathlib
import sys

LINES_MAX = 450
FOLDERS = ("engine", "wal", "segments", "actors", "api")

root = pathlib.Path(__file__).resolve().parents[2]
files = [f for folder in FOLDERS for f in (root / folder).rglob("*") if f.suffix in (".hpp", ".cpp", ".h")]
too_long = [(f, n) for f in files if (n := len(f.read_text().splitlines())) > LINES_MAX]
for file, lines in too_long:
    print(f"{file.relative_to(root)}: {lines} lines, at most {LINES_MAX}: split it by concept")
print(f"{len(files)} source files, {len(too_long)} too long")
sys.exit(1 if too_long or not files else 0)
