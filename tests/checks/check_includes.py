#!/usr/bin/env python3
"""The include table: who may include whom, and through which door each third-party library comes in.

Usage: check_includes.py [--self-test]

Prints every stray as file:line and exits with 1 if there is one. --self-test plants strays in a copy of a small tree
and demands that each is found, and that nothing else is.
"""
import pathlib
import re
import sys
import tempfile

# Which of our folders a source may include ("engine/hash.hpp"), by the first row that matches its path.
# "public" stands for <weir/...>: the engine headers listed in CMakeLists.txt; "api" for api's own among them.
OURS = [
    (r"engine/", ["engine/", "public"]),
    (r"wal/", ["wal/", "engine/", "public"]),
    (r"segments/", ["segments/", "engine/", "public"]),
    (r"actors/", ["actors/", "segments/", "wal/", "engine/", "public"]),
    (r"api/[^/]+\.hpp$", ["public", "api"]),
    (r"api/", ["api/", "actors/", "engine/", "public", "api"]),
]
# Third-party and operating system headers, and the only files that may include them.
DOORS = [
    (r"xxhash\.h", r"engine/hash\.cpp"),
    (r"rapidjson/.*", r"engine/json/.*"),
    (r"sqlite3(ext)?\.h", r"engine/sqlite/.*"),
    (r"fmt/.*", r"engine/text\.hpp"),
    (r"(lz4|lz4hc|lz4frame|zstd)\.h", r"engine/lz4\.cpp"),
    (r"caf/.*", r"actors/.*|api/actors\.hpp|api/ingress\w*\.cpp"),
    (r"CLI/.*|zlib\.h|histedit\.h|editline/.*", r"api/cli/.*"),
    (r"(unistd|fcntl|dirent|poll|pthread|sched|signal|spawn|termios)\.h|(sys|linux)/.*", r"engine/io/.*|api/cli/.*"),
    (r"emmintrin\.h", r"engine/json/(sax|scan)\.hpp|segments/hex_text\.cpp"),  # SSE2, where it is measured to pay
    (r"immintrin\.h", r"engine/processor\.hpp"),  # AVX2, where the processor is asked for it first
]
FOLDERS = ["engine", "wal", "segments", "actors", "api"]
INCLUDE = re.compile(r'^[ \t]*#[ \t]*include[ \t]*([<"])([^>"\n]+)[>"]', re.MULTILINE)


def public_engine_headers(root):
    listed = re.search(r"set\(WEIR_PUBLIC_ENGINE_HEADERS\s+([\w\s/]+)\)", (root / "CMakeLists.txt").read_text())
    return set(listed.group(1).split())  # some in a folder: "models/column" is <weir/column.hpp>


def stray(root, public, source, quote, target):
    """Why `source` may not include `target`, or None."""
    allowed = next(folders for pattern, folders in OURS if re.match(pattern, source))
    if target.startswith("weir/"):
        name = target.removeprefix("weir/").removesuffix(".hpp")
        if name in {header.split("/")[-1] for header in public}:
            return None if "public" in allowed else "a public engine header"
        if (root / "api" / f"{name}.hpp").exists():
            return None if "api" in allowed else "a header of api/"
        return "no public header has this name (WEIR_PUBLIC_ENGINE_HEADERS in CMakeLists.txt, api/*.hpp)"
    if quote == '"':
        if source.startswith("engine/") and source.endswith(".hpp"):
            if source.removeprefix("engine/").removesuffix(".hpp") in public:
                return "an installed header may include <weir/...> only"
        if any(target.startswith(folder) for folder in allowed if folder.endswith("/")):
            return None
        return "this folder may include " + ", ".join(allowed)
    for pattern, door in DOORS:
        if re.fullmatch(pattern, target):
            return None if re.fullmatch(door, source) else f"comes in through {door} only"
    if re.fullmatch(r"\w+", target):
        return None  # the standard library
    return "has no door (DOORS in this script)"


def check(root):
    """All strays below `root`, as lines of text, and the number of files read."""
    public = public_engine_headers(root)
    found, files = [], 0
    for folder in FOLDERS:
        for path in sorted((root / folder).rglob("*")):
            if path.suffix not in (".hpp", ".cpp", ".h"):
                continue
            files += 1
            source, text = path.relative_to(root).as_posix(), path.read_text()
            for match in INCLUDE.finditer(text):
                why = stray(root, public, source, match[1], match[2])
                if why:
                    line = text.count("\n", 0, match.start()) + 1
                    found.append(f"{source}:{line}: includes {match[2]}: {why}")
    return found, files


CLEAN = {
    "CMakeLists.txt": "set(WEIR_PUBLIC_ENGINE_HEADERS event result models/column)",
    "engine/models/column.hpp": "#include <weir/result.hpp>",
    "engine/models/table.cpp": "#include <weir/column.hpp>",
    "engine/event.hpp": "#include <weir/result.hpp>\n#include <vector>",
    "engine/hash.cpp": '#include "engine/hash.hpp"\n#include <xxhash.h>',
    "engine/io/posix.cpp": "#include <fcntl.h>\n#include <sys/stat.h>",
    "engine/json/parse.cpp": "#include <rapidjson/reader.h>",
    "engine/sqlite/database.cpp": "#include <sqlite3.h>",
    "wal/writer.cpp": '#include "wal/writer.hpp"\n#include "engine/hash.hpp"\n#include <weir/event.hpp>',
    "engine/lz4.cpp": '#include "engine/lz4.hpp"\n#include <lz4.h>',
    "actors/shard.cpp": '#include "wal/writer.hpp"\n#include "segments/writer.hpp"\n#include <caf/actor.hpp>',
    "api/engine.hpp": "#include <weir/event.hpp>",
    "api/actors.hpp": "#include <weir/engine.hpp>\n#include <caf/actor.hpp>",
    "api/engine.cpp": '#include <weir/engine.hpp>\n#include "actors/shard.hpp"',
    "api/cli/main.cpp": "#include <CLI/CLI.hpp>\n#include <unistd.h>",
}
STRAYS = [
    ("engine/a.cpp", '#include "wal/writer.hpp"'),
    ("engine/b.hpp", '#include "api/engine.hpp"'),
    ("engine/c.cpp", "#include <weir/engine.hpp>"),
    ("engine/result.hpp", '#include "engine/hash.hpp"'),

    ("engine/d.hpp", "#include <xxhash.h>"),
    ("engine/e.cpp", "  #  include <unistd.h>"),
    ("engine/f.cpp", "#include <sqlite3.h>"),
    ("engine/g.cpp", "#include <boost/asio.hpp>"),
    ("engine/h.cpp", "#include <weir/hash.hpp>"),
    ("wal/a.cpp", '#include "segments/reader.hpp"'),
    ("wal/b.cpp", "#include <fmt/format.h>"),
    ("segments/a.hpp", '#include "wal/reader.hpp"'),
    ("segments/writer.cpp", "#include <lz4.h>"),
    ("segments/b.cpp", '#include "tests/support/seeded.hpp"'),
    ("actors/a.cpp", '#include "api/wiring.hpp"'),
    ("api/stream.hpp", '#include "engine/memtable.hpp"'),
    ("api/query.hpp", "#include <caf/actor.hpp>"),
    ("api/wiring.cpp", "#include <caf/actor.hpp>"),
    ("api/wal.cpp", '#include "wal/writer.hpp"'),
    ("api/zip.cpp", "#include <zlib.h>"),
    ("wal/c.cpp", '#include "writer.hpp"'),
]


def self_test():
    with tempfile.TemporaryDirectory() as folder:
        root = pathlib.Path(folder)
        for name, text in CLEAN.items():
            (root / name).parent.mkdir(parents=True, exist_ok=True)
            (root / name).write_text(text + "\n")
        found, _ = check(root)
        assert not found, f"clean tree, yet: {found}"
        for name, line in STRAYS:
            (root / name).parent.mkdir(parents=True, exist_ok=True)
            (root / name).write_text(f"// a planted stray\n{line}\n")
            found, _ = check(root)
            assert len(found) == 1 and found[0].startswith(f"{name}:2: "), f"{name} {line}: {found}"
            (root / name).unlink()
    print(f"{len(STRAYS)} planted strays, each found")


if sys.argv[1:] == ["--self-test"]:
    self_test()
    sys.exit(0)
strays, count = check(pathlib.Path(__file__).resolve().parents[2])
print("\n".join(strays + [f"{count} source files, {len(strays)} stray includes"]))
sys.exit(1 if strays or not count else 0)
