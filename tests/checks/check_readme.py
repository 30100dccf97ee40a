#!/usr/bin/env python3
"""The example in the README is, line for line, the file that the tests compile and run."""
import pathlib
import re
import sys

root = pathlib.Path(__file__).resolve().parents[2]
example = (root / "docs/examples/embed.cpp").read_text()
blocks = re.findall(r"^```cpp\n(.*?)^```$", (root / "README.md").read_text(), re.MULTILINE | re.DOTALL)
if example not in blocks:
    sys.exit("README.md does not hold docs/examples/embed.cpp word for word")
print(f"README.md and docs/examples/embed.cpp agree, {len(example.splitlines())} lines")
