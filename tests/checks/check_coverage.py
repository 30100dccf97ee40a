#!/usr/bin/env python3
"""Coverage of a build whose tests have run: a table, and whether it is enough.

Usage: check_coverage.py BUILD

At least 90 % of the lines of engine/ wal/ segments/ and of the outcomes of decisions in the last two, and every error
return of these. Nothing is excepted but what a call that throws would do: what only exceptions clean up after, and the
side of a WEIR_CHECK that ends the process, counts as missed.
"""
import collections
import pathlib
import sys

import check_error_returns
import gcov_counts

ROOT = pathlib.Path(__file__).resolve().parents[2]
LINES_MIN = {"engine": 90, "wal": 90, "segments": 90}
OUTCOMES_MIN = {"wal": 90, "segments": 90}  # compiled without optimisation: an outcome is one the source says


def percent(part, whole):
    return 100 * part / whole if whole else 0


def rows_of(files):
    """Each file's and each folder's lines, those executed, outcomes of decisions, those seen."""
    rows = collections.defaultdict(lambda: [0, 0, 0, 0])
    for name, lines in files.items():
        for line in lines.values():
            counts = (1, line.count > 0, len(line.outcomes), sum(map(bool, line.outcomes)))
            for row in (rows[name], rows[name.split("/")[0]]):
                row[:] = map(sum, zip(row, counts))
    return rows


def main(build):
    files = gcov_counts.read(build, ROOT, LINES_MIN)
    rows = rows_of(files)
    failed = []
    print(f"{'':36} {'lines':>8} {'run':>8} {'%':>6} {'outcomes':>9} {'seen':>7} {'%':>6}")
    for name in sorted(rows, key=lambda n: (n in LINES_MIN, n)):
        by_outcome = name.split("/")[0] in OUTCOMES_MIN
        if name not in LINES_MIN and not by_outcome:
            continue
        lines, run, outcomes, seen = rows[name]
        text = f"{name:36} {lines:8} {run:8} {percent(run, lines):6.1f}"
        print(text + (f" {outcomes:9} {seen:7} {percent(seen, outcomes):6.1f}" if by_outcome else ""))
    for folder, least in LINES_MIN.items():
        if percent(rows[folder][1], rows[folder][0]) < least:
            failed.append(f"{folder}/: less than {least} % of the lines")
    for folder, least in OUTCOMES_MIN.items():
        if percent(rows[folder][3], rows[folder][2]) < least:
            failed.append(f"{folder}/: less than {least} % of the outcomes of decisions")
    unexecuted, asked = check_error_returns.check(ROOT, files)
    print(f"{asked} lines of wal/ and segments/ make an error or pass one on; {len(unexecuted)} never did")
    print("\n".join(unexecuted + failed))
    return 1 if unexecuted or failed or not asked else 0


sys.exit(main(pathlib.Path(sys.argv[1]).resolve()))
