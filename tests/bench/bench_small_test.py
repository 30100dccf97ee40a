#!/usr/bin/env python3
"""Every measurement of weir_bench, for a moment each: all peers acknowledge what they keep, and the figures have the
form that they promise. How fast it was is not looked at.

Usage: bench_small_test.py WEIR_BENCH SCRATCH_DIRECTORY
"""
import json
import pathlib
import re
import subprocess
import sys

program, scratch = sys.argv[1], pathlib.Path(sys.argv[2])
scratch.mkdir(parents=True, exist_ok=True)
figures_file = scratch / "bench.json"
figures_file.unlink(missing_ok=True)
arguments = ["--small", "--directory", str(scratch / "data"), "--json", str(figures_file)]

listed = subprocess.run([program, *arguments, "--list"], capture_output=True, text=True, check=True).stdout
lines = re.findall(r"^(\w+/[\w-]+/\w+) \(", listed, re.MULTILINE)
peers = re.findall(r"^([\w-]+): durable is ", listed, re.MULTILINE)
assert len(lines) > 15 and {"weir", "raw"} < set(peers), listed

run = subprocess.run([program, *arguments], capture_output=True, text=True)
assert run.returncode == 0, run.stdout + run.stderr
assert "FAILED" not in run.stderr and "DIFFERS" not in run.stdout, run.stdout + run.stderr

figures = json.loads(figures_file.read_text())
keys = {"name", "peer", "unit", "median", "min", "max", "runs", "durability"}
for figure in figures:
    assert set(figure) == keys, figure
    assert re.fullmatch(r"\w+(-\w+)?/[\w-]+/\w+", figure["name"]), figure
    assert figure["name"].endswith("/" + figure["durability"]), figure
    assert re.fullmatch(r"(weir|raw|sqlite|rocksdb|lmdb)(-[\w-]+)?", figure["peer"]), figure
    assert 0 <= figure["min"] <= figure["median"] <= figure["max"] and figure["runs"] == 1, figure
seen = [(figure["name"], figure["peer"]) for figure in figures]
assert len(seen) == len(set(seen)), "a figure stands there twice"
measured = {name for name, peer in seen if peer == "weir"}
assert set(lines) <= measured, f"weir was not measured at {set(lines) - measured}"
for peer in peers:
    for name in ("ingest/1-writer/synced", "replay/cold/flushed", "reopen/after-kill/synced"):
        assert (name, peer) in seen, f"{peer} was not measured at {name}"
assert not list((scratch / "data").iterdir()), "a store was left behind"

# A name that is none is refused, and says so.
wrong = subprocess.run([program, *arguments, "--peers", "oracle"], capture_output=True, text=True)
assert wrong.returncode == 1 and "oracle" in wrong.stderr, wrong
print(f"{len(figures)} figures of {len(peers)} peers at {len(lines)} lines")
