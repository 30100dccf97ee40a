#!/usr/bin/env python3
"""Every kill point of engine/kill_point.hpp stands in exactly one call. (That no other name is called, the compiler sees.)"""
import collections
import pathlib
import re
import sys

FOLDERS = ("engine", "wal", "segments", "actors")

root = pathlib.Path(__file__).resolve().parents[2]
listed = re.findall(r'^    "([a-z_.]+)",$', (root / "engine/kill_point.hpp").read_text(), re.MULTILINE)
called = collections.defaultdict(list)
for folder in FOLDERS:
    for path in sorted((root / folder).rglob("*.cpp")):
        for number, line in enumerate(path.read_text().splitlines(), 1):
            for name in re.findall(r'\bkill_point\("([^"]*)"\)', line):
                called[name].append(f"{path.relative_to(root)}:{number}")
wrong = [f"{name}: {', '.join(called[name]) or 'no call'}" for name in listed if len(called[name]) != 1]
print("\n".join(wrong + [f"{len(listed)} kill points, {len(wrong)} not in exactly one call"]))
sys.exit(1 if wrong or not listed else 0)
