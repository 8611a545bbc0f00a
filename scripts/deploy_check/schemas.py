"""The files of pipelines and of the action, held against the schemas that SchemaStore and GitLab publish for them."""

import subprocess
from pathlib import Path
from typing import Iterator

from lib.checkout import PROJECT

WITHIN_S = 120
# check-jsonschema has them with it, so that nothing is fetched.
FILES = {
    "deploy/action/action.yml": "vendor.github-actions",
    "deploy/ci/github.yaml": "vendor.github-workflows",
    ".github/workflows/check.yml": "vendor.github-workflows",
    "deploy/ci/gitlab.yaml": "vendor.gitlab-ci",
}


def problems(programs: Path) -> Iterator[str]:
    """What is wrong with each of the files; `programs` is the folder of check-jsonschema."""
    for name, schema in FILES.items():
        # GitLab's `!reference` is YAML of its own.
        transform = ["--data-transform", "gitlab-ci"] if "gitlab" in schema else []
        command = [programs / "check-jsonschema", "--builtin-schema", schema, *transform, PROJECT / name]
        done = subprocess.run(command, capture_output=True, text=True, timeout=WITHIN_S, check=False)
        if done.returncode != 0:
            yield f"{name}: {done.stdout.strip()}{done.stderr.strip()}"
