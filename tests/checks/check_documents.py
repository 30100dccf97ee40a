#!/usr/bin/env python3
"""Code in documents is code that the tests compile and run.

The README holds docs/examples/embed.cpp word for word. Every C++ block of a guide stands, line for line, in one of
docs/examples/*.cpp. And every relative link of a document leads to a file.
"""
import pathlib
import re
import sys

root = pathlib.Path(__file__).resolve().parents[2]
guides = sorted((root / "docs/guides").glob("*.md"))
documents = sorted([*root.glob("*.md"), *root.glob("docs/**/*.md")])
examples = {path: path.read_text() for path in sorted((root / "docs/examples").glob("*.cpp"))}
failures = []


def blocks(document):
    return re.findall(r"^```cpp\n(.*?)^```$", document.read_text(), re.MULTILINE | re.DOTALL)


if (root / "docs/examples/embed.cpp").read_text() not in blocks(root / "README.md"):
    failures.append("README.md does not hold docs/examples/embed.cpp word for word")
for guide in guides:
    for block in blocks(guide):
        if not any(f"\n{block}" in text for text in examples.values()):
            failures.append(f"{guide.relative_to(root)}: no example holds the block that begins {block.splitlines()[0]!r}")
for document in documents:
    for link in re.findall(r"\]\(([^)#:]+)(?:#[^)]*)?\)", document.read_text()):
        if not (document.parent / link).exists():
            failures.append(f"{document.relative_to(root)}: broken link {link}")

print("\n".join(failures or [f"{len(documents)} documents agree with {len(examples)} examples"]))
sys.exit(1 if failures else 0)
