"""Whether three texts say the same of the GitHub action: its file, docs/ci.md, and what the programs take.

A person copies from the second, the first passes it on, and the third decides; none of them reads the others.
"""

import re
import subprocess
from pathlib import Path
from typing import Iterator, Set

import yaml

WITHIN_S = 60
# What a program is called in the action's steps, and by which words it says what it takes.
PROGRAMS = {"ttlsweep": ["run", "--help"], "ttlsweep-report": ["--help"]}


def problems(action: Path, page: Path, programs: Path) -> Iterator[str]:
    """What one of them says and another does not."""
    document, text = yaml.safe_load(action.read_text()), page.read_text()
    helps = {name: _help(programs / name, words) for name, words in PROGRAMS.items()}
    yield from _page_and_inputs(document, text)
    yield from _steps(document, helps)
    yield from _values(document, text, helps["ttlsweep-report"])


def _page_and_inputs(document, text: str) -> Iterator[str]:
    inputs = document["inputs"]
    examples = map(yaml.safe_load, re.findall(r"```yaml\n(.*?)```", text, re.DOTALL))
    (example,) = [one for one in examples if "deploy/action" in str(one)]
    given = example[0]["with"]
    yield from (f"docs/ci.md gives `{name}`, which is not an input" for name in given.keys() - inputs.keys())
    required = {name for name, one in inputs.items() if one.get("required")}
    yield from (f"docs/ci.md leaves out `{name}`, which is required" for name in required - given.keys())
    told = given.keys() | set(re.findall(r"`([a-z0-9-]+)`", text))
    for kind in ("inputs", "outputs"):
        yield from (f"docs/ci.md says nothing of `{name}` of the {kind}" for name in document[kind].keys() - told)
    for name, one in inputs.items():
        # A step is told of an input by its environment alone.
        if f"${{{{ inputs.{name} }}}}" not in str(document["runs"]):
            yield f"no step reads the input `{name}`"
        if not one.get("required") and "default" not in one:
            yield f"the input `{name}` is neither required nor has it a default"


def _steps(document, helps) -> Iterator[str]:
    for step in document["runs"]["steps"]:
        used: Set[str] = set()
        for line in step["run"].splitlines():
            # What is put into `gate` is given to the report.
            named = re.search(r"\$BIN/(ttlsweep-report|ttlsweep)\b", line)
            program = named.group(1) if named else "ttlsweep-report" if "gate+=" in line else None
            options = re.findall(r"(?<![\w-])--[a-z][a-z-]+", line) if program else []
            yield from (f"`{program}` takes no {option}" for option in options if not re.search(rf"{option}\b", helps[program]))
            used |= {program} - {None}
        if step["id"] in ("sweep", "gate") and not used:
            yield f"the step `{step['id']}` calls no program"


def _values(document, text: str, report: str) -> Iterator[str]:
    """Words that are given to options, and those that come out."""
    formats = _choices(report, "format")
    told = set(re.findall(r"^\| `([a-z]+)` \|", text.split("## Where it shows")[1], re.MULTILINE))
    if formats != told:
        yield f"docs/ci.md has other formats than the report: {', '.join(sorted(formats ^ told))}"
    steps = "".join(step["run"] for step in document["runs"]["steps"])
    yield from (f"the report has no format {one}" for one in set(re.findall(r"--format ([a-z]+)", steps)) - formats)
    if document["inputs"]["require"]["default"] not in _choices(report, "require"):
        yield "the default of `require` is not what the report takes"
    fail_on = _choices(report, "fail-on")
    words = set(re.findall(r"`([a-z-]+)`", document["inputs"]["fail-on"]["description"]))
    yield from (f"`fail-on` names {word}, which the report does not take" for word in words - fail_on)


def _choices(told: str, option: str) -> Set[str]:
    """The values that an option's help lists, in a row or one a line."""
    part = re.split(r"\n\s+(?:-\w, )?--", told.split(f"--{option} <", 1)[1])[0]
    row = re.search(r"\[possible values: (.*?)\]", part, re.DOTALL)
    return set(re.split(r",\s+", row.group(1))) if row else set(re.findall(r"^\s+- ([a-z-]+):", part, re.MULTILINE))


def _help(program: Path, words) -> str:
    return subprocess.run([program, *words], stdout=subprocess.PIPE, text=True, timeout=WITHIN_S, check=True).stdout
