#!/usr/bin/env python3
"""Runs under the thread sanitizer whatever has threads, and counts test cases and reports.

First the sanitizer must find two planted races, and be silent about the same work without a race: otherwise its silence
about weir says nothing. Then every program below runs; one report of a race, a lock order or a leaked thread fails the
stage. Nothing is suppressed. With --report one JSON object is appended, with the fields of every trust stage.
"""
import argparse
import json
import os
import pathlib
import random
import re
import subprocess
import sys
import tempfile
import time

EXIT_OF_REPORT = 66
SECONDS_MAX = 800  # for one program: one that hangs is ended

# Tests of api/ in which threads meet; the rest asks one thread after the other and is run by --full only.
THREADED = [
    "actors: *", "close: *", "replay: *", "readers during flush: *", "engine: 8 threads*",
    "engine: a shard whose sync hangs*", "engine: two engines*", "engine: a cold context whose look-up hangs*",
    "compaction: while a merge stands still*", "compaction: the files of inputs stay*",
    "compaction: replays of any batch size*", "fault: a failed sync*", "fault: crashes at random moments*",
    "es_model: *", "event_sourcing_db: many*",
]


def programs(full, seed):
    """Name, program and arguments."""
    yield "actors", "tests/weir_tests_actors", []
    yield "api", "tests/weir_tests_api", [] if full else [f"--test-case={','.join(THREADED)}"]
    if full:
        yield "engine", "tests/weir_tests_engine", []
        yield "segments", "tests/weir_tests_segments", []
    yield "model", "bin/weir_trust_model", ["--only", "histories", "--seed", str(seed)]
    yield "full_disk", "bin/weir_trust_full_disk", ["--small", "--seed", str(seed)]
    yield "overload", "bin/weir_trust_overload", ["--small", "--seed", str(seed)]


def sanitized(command, directory):
    """Runs a program; its exit code, its output, and the sanitizer's reports."""
    log = directory / "tsan"
    environment = os.environ | {
        # A wide history: both stacks of a race are wanted. Reports go to files, one for each process.
        "TSAN_OPTIONS": f"exitcode={EXIT_OF_REPORT} halt_on_error=0 history_size=4 second_deadlock_stack=1 log_path={log}",
    }
    try:
        done = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, env=environment,
                              timeout=SECONDS_MAX, text=True, errors="replace", check=False)
        code, output = done.returncode, done.stdout
    except subprocess.TimeoutExpired as expired:
        code, output = "timeout", (expired.stdout or b"").decode(errors="replace")
    texts = [path.read_text(errors="replace") for path in sorted(directory.glob("tsan.*"))]
    return code, output, [text for text in texts if "WARNING: ThreadSanitizer" in text or "FATAL: ThreadSanitizer" in text]


def reports_in(texts):
    return sum(text.count("WARNING: ThreadSanitizer") + text.count("FATAL: ThreadSanitizer") for text in texts)


def counted(output):
    """Test cases, and assertions or operations, that the program says it has run."""
    cases = re.search(r"test cases:\s*(\d+)", output)
    if cases:
        return int(cases[1]), int(re.search(r"assertions:\s*(\d+)", output)[1])
    stage = re.findall(r'^{"stage".*}$', output, re.MULTILINE)
    return (1, json.loads(stage[-1])["count"]) if stage else (0, 0)


def canary(program, kinds):
    """Whether each planted race is found, and nothing where there is none. The sanitizer sees most races, not all: of
    the one with actors it missed 3 in 100 runs. So it has some tries."""
    for kind in kinds:
        planted = kind != "clean"
        for _ in range(10 if planted else 1):
            with tempfile.TemporaryDirectory() as directory:
                code, output, texts = sanitized([str(program), kind], pathlib.Path(directory))
            found = code == EXIT_OF_REPORT and any("data race" in text and "canary.cpp" in text for text in texts)
            if planted == found:
                break
        if planted and not found or not planted and (texts or code != 0):
            print(f"tsan: the canary '{kind}' ended with {code} and {reports_in(texts)} reports\n{output}{''.join(texts)}")
            return False
    return True


def skip(reason):
    """As skipped() of trust/support: what a machine does not allow is said and counted, also on one that tests pushes."""
    line = f"skipped: {reason}"
    print(line)
    if log := os.environ.get("WEIR_SKIP_LOG"):
        with open(log, "a") as out:
            out.write(line + "\n")


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--build", type=pathlib.Path, default=pathlib.Path("build/tsan"))
    parser.add_argument("--only", default="", help="programs whose name contains this")
    parser.add_argument("--seed", type=int, default=0, help="0: a new one")
    parser.add_argument("--report", type=pathlib.Path)
    profile = parser.add_mutually_exclusive_group()
    profile.add_argument("--full", action="store_true", help="every test of actors/, api/, engine/ and segments/")
    profile.add_argument("--small", action="store_true", help="those with threads (the default)")
    options = parser.parse_args()
    options.seed = options.seed or random.randrange(1, 2**31)
    print(f"tsan: seed {options.seed}", file=sys.stderr)

    began = time.monotonic()
    instrumented = (options.build / "tests/weir_tests_actors").exists()
    kinds = ["threads", "actors", "clean"] if instrumented else ["threads", "clean"]
    if not canary(options.build / "bin/weir_tsan_canary", kinds):
        print("tsan: the sanitizer does not see what it must, or sees what is not there")
        return 1
    if not instrumented:
        skip("no CAF with the thread sanitizer (its source could not be had): actors and api")

    totals = {"count": 0, "wrong_answers": 0, "crashes": 0, "assertions": 0, "reports": 0}
    failed = []
    for name, program, arguments in programs(options.full, options.seed):
        path = options.build / program
        if options.only not in name or not path.exists():
            continue
        start = time.monotonic()
        with tempfile.TemporaryDirectory() as directory:
            code, output, texts = sanitized([str(path), *arguments], pathlib.Path(directory))
        cases, assertions = counted(output)
        totals["count"] += cases
        totals["assertions"] += assertions
        totals["reports"] += reports_in(texts)
        print(f"{name:12} {cases:5} test cases {assertions:12,} assertions {time.monotonic() - start:7.1f} s")
        if code != 0 or texts or not cases:
            failed.append(name)
            # A failed check and a race are both wrong; anything else that ends a program is a crash.
            totals["wrong_answers" if code in (0, 1, EXIT_OF_REPORT) else "crashes"] += 1
            print("\n".join(output.splitlines()[-60:] + ["".join(texts)[:20_000], f"tsan: {name} ended with {code}"]))
            print(f"again with: {' '.join([str(path), *arguments])}")

    report = {
        "stage": "tsan", "profile": "full" if options.full else "small", "count": totals["count"], "acknowledged_lost": 0,
        "wrong_answers": totals["wrong_answers"], "crashes": totals["crashes"], "reports": totals["reports"],
        "planted_races_found": len(kinds) - 1, "assertions": totals["assertions"], "seed": options.seed,
        "seconds": round(time.monotonic() - began, 1),
    }
    print(json.dumps(report, separators=(",", ":")))
    if options.report:
        with open(options.report, "a") as out:
            out.write(json.dumps(report, separators=(",", ":")) + "\n")
    return 1 if failed or (instrumented and not totals["count"]) else 0


if __name__ == "__main__":
    sys.exit(main())
