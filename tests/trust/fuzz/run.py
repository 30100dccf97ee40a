#!/usr/bin/env python3
"""Runs the fuzzers, two at a time, and sums up.

What they find beyond the committed corpus stays in --work, and the next run goes on from there. A crash is printed with
the command that shows it again. With --report one JSON object is appended, with the fields of every trust stage.
"""
import argparse
import concurrent.futures
import json
import os
import pathlib
import random
import re
import subprocess
import sys
import time

# Longest inputs: the larger, the slower; formats need room for a few blocks.
TARGETS = {"json": 4096, "call": 4096, "query": 1024, "language": 1024, "schema": 1024, "wal": 32768, "segment": 32768, "catalog": 65536,
           "consumers": 65536, "snapshots": 65536, "backup": 4096, "import": 4096, "operations": 256}
# No reader may allocate more for an input than this; blocks decode to 255 times their size at most.
MALLOC_LIMIT_MB = 64


def fuzz(name, options, seed):
    work = options.work / name
    found = work / "corpus"
    found.mkdir(parents=True, exist_ok=True)
    command = [
        str(options.bin / f"fuzz_{name}"), f"-max_total_time={options.seconds}", f"-max_len={TARGETS[name]}",
        f"-seed={seed}", "-timeout=30", "-rss_limit_mb=2048", f"-malloc_limit_mb={MALLOC_LIMIT_MB}",
        "-print_final_stats=1", f"-artifact_prefix={work}/", str(found), str(options.corpus / name),
    ]
    environment = {"ASAN_OPTIONS": "detect_stack_use_after_return=1", "UBSAN_OPTIONS": "print_stacktrace=1"} | os.environ
    log = work / "log"
    with open(log, "w") as out:
        code = subprocess.run(command, stdout=out, stderr=subprocess.STDOUT, env=environment).returncode
    text = log.read_text(errors="replace")
    executions = re.findall(r"stat::number_of_executed_units:\s*(\d+)", text)
    edges = re.findall(r"cov: (\d+)", text)
    return {
        "name": name, "executions": int(executions[-1]) if executions else 0, "edges": int(edges[-1]) if edges else 0,
        "failed": code != 0, "wrong": "broken promise:" in text, "log": log,
        "artifacts": re.findall(r"Test unit written to (\S+)", text), "program": command[0],
    }


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--bin", type=pathlib.Path, default=pathlib.Path("build/fuzz/bin"))
    parser.add_argument("--corpus", type=pathlib.Path, default=pathlib.Path(__file__).parent / "corpus")
    parser.add_argument("--work", type=pathlib.Path, default=pathlib.Path("build/fuzz/found"))
    parser.add_argument("--seconds", type=int, default=60, help="for each target")
    parser.add_argument("--jobs", type=int, default=2)
    parser.add_argument("--only", default="", help="targets whose name contains this")
    parser.add_argument("--seed", type=int, default=0, help="0: a new one")
    parser.add_argument("--report", type=pathlib.Path)
    profile = parser.add_mutually_exclusive_group()
    profile.add_argument("--full", action="store_true", help="as for every stage; the default")
    profile.add_argument("--small", action="store_true", help="5 seconds for each target")
    options = parser.parse_args()
    if options.small:
        options.seconds = 5
    options.seed = options.seed or random.randrange(1, 2**31)
    print(f"fuzz: seed {options.seed}", file=sys.stderr)

    began = time.monotonic()
    wanted = [name for name in TARGETS if options.only in name]
    with concurrent.futures.ThreadPoolExecutor(options.jobs) as pool:
        results = list(pool.map(lambda name: fuzz(name, options, options.seed), wanted))
    for result in results:
        print(f"{result['name']:12} {result['executions']:12,} executions {result['edges']:7,} edges"
              f"{'  FAILED' if result['failed'] else ''}")
        if result["failed"]:
            lines = result["log"].read_text(errors="replace").splitlines()
            print("\n".join(lines[-40:]))
            for artifact in result["artifacts"]:
                print(f"again with: {result['program']} {artifact}")
    wrong = sum(result["failed"] and result["wrong"] for result in results)
    report = {
        "stage": "fuzz", "profile": "small" if options.small else "full", "count": sum(result["executions"] for result in results),
        "acknowledged_lost": 0, "wrong_answers": wrong, "crashes": sum(r["failed"] for r in results) - wrong,
        "targets": len(results), "seconds_each": options.seconds,
        **{f"{result['name']}_executions": result["executions"] for result in results},
        "seed": options.seed, "seconds": round(time.monotonic() - began, 1),
    }
    print(json.dumps(report, separators=(",", ":")))
    if options.report:
        with open(options.report, "a") as out:
            out.write(json.dumps(report, separators=(",", ":")) + "\n")
    return 1 if any(result["failed"] or not result["executions"] for result in results) or not results else 0


if __name__ == "__main__":
    sys.exit(main())
