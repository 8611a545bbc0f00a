"""Asks `ttlsweep-report verify` whether run folders are whole and consistent: the one answer of all checks."""

import json
import subprocess
import tempfile
from pathlib import Path
from typing import Dict, Iterable, List, Tuple

# A folder of ten million rows takes a minute or two.
WITHIN_S = 600


def verify(reporter: Path, folder: Path, told: Iterable[str] = ()) -> Tuple[Dict, List[str]]:
    """What the folder has, and what is wrong with it. The transfers `told` had started, and so must have a row."""
    with tempfile.NamedTemporaryFile("w", suffix=".names", encoding="utf-8") as names:
        names.write("\n".join(sorted(told)))
        names.flush()
        command = [str(reporter), "verify", "--json", "--told", names.name, str(folder)]
        done = subprocess.run(command, capture_output=True, text=True, timeout=WITHIN_S, check=False)
    # 0: it is whole and consistent; 3: it is not.
    if done.returncode not in (0, 3):
        return {"trials": 0, "transfers": 0, "superseded": 0}, [done.stderr.strip() or f"verify: {done.returncode}"]
    answers = [json.loads(line) for line in done.stdout.splitlines()]
    problems = [_in_words(problem) for answer in answers for problem in answer.get("problems", [])]
    if done.returncode == 3 and not problems:
        problems.append(done.stdout.strip())
    return answers[0], problems


def _in_words(problem: Dict) -> str:
    line = f" line {problem['line']}" if problem["line"] else ""
    return f"{problem['file']}{line}: {problem['problem']}"
