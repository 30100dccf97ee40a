"""What gcov counted in a build with --coverage: how often each line ran, and each of its decisions went each way.

A template or inline function that several programs, files or types use is counted as one.
"""
import collections
import concurrent.futures
import json
import pathlib
import subprocess


def decisions_of(branches):
    """Gcov also calls it a branch that a call can throw; both of these are left out."""
    kept = []
    for branch in branches:
        if not branch["throw"]:
            kept.append(branch["count"])
        elif kept:
            kept.pop()  # "it did not throw" comes right before
    return kept


class Line:
    def __init__(self):
        self.count = 0
        self.instances = {}  # by the number of outcomes: an instance of a template may have fewer

    def add(self, record, alone):
        self.count += record["count"]
        outcomes = decisions_of(record["branches"]) if alone else []
        if outcomes:
            known = self.instances.get(len(outcomes), [0] * len(outcomes))
            self.instances[len(outcomes)] = [a + b for a, b in zip(known, outcomes)]

    @property
    def outcomes(self):
        """How often each outcome of a decision in this line was seen, in the order of the code."""
        return self.instances[max(self.instances)] if self.instances else []


def read_one(data_file):
    done = subprocess.run(["gcov", "--json-format", "--stdout", "--branch-probabilities", str(data_file)], check=True,
                          capture_output=True, text=True)
    return [json.loads(text) for text in done.stdout.splitlines() if text.startswith("{")]


def read(build, root, folders):
    """{file relative to root: {line number: Line}} of the files in `folders`."""
    files = collections.defaultdict(lambda: collections.defaultdict(Line))
    with concurrent.futures.ThreadPoolExecutor(2) as pool:
        for report in (r for reports in pool.map(read_one, sorted(build.rglob("*.gcda"))) for r in reports):
            for file in report["files"]:
                path = pathlib.Path(report["current_working_directory"], file["file"]).resolve()
                if not path.is_relative_to(root) or path.relative_to(root).parts[0] not in folders:
                    continue
                lines = files[path.relative_to(root).as_posix()]
                named = {record["line_number"] for record in file["lines"] if "function_name" in record}
                for record in file["lines"]:
                    number = record["line_number"]
                    # Without a name it is the sum of what other records say of the instances of a template.
                    lines[number].add(record, "function_name" in record or number not in named)
    return files
