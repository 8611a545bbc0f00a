#!/usr/bin/env python3
"""Holds the files below deploy/ against what each engine says of them, as far as that goes without one.

- the Kubernetes Job: Kubernetes's schemas, its server's rules, and what becomes of a pod with each exit code
- the AWS Batch array: AWS's own description of both requests, and what is retried
- the Slurm batch script: what it does with each exit code, with stand-ins for Slurm's programs (scripts/slurm.py has real ones)
- what `--shard auto` makes of the environment of each engine's tasks: together the plan, and no trial twice
- the image's file, and an experiment run and reported on by the files alone that the image is made of
- the examples for pipelines and the GitHub action, with a store that does not cut and with one that does; their files against
  the schemas that are published for them; and the action's inputs against docs/ci.md and what the programs take

Runs in the environment of scripts/deploy_check/requirements.txt.
"""

import argparse
import sys
import tempfile
from pathlib import Path

from deploy_check import agreement, image, schemas
from deploy_check.action import Action
from deploy_check.aws_batch import ArrayJob
from deploy_check.engines import CloudRun, Plans, Refused
from deploy_check.kubernetes import Job
from deploy_check.pipelines import Pipeline
from deploy_check.slurm_script import BatchScript
from lib.checkout import PROJECT

DEPLOY = PROJECT / "deploy"


def main() -> int:
    arguments = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    arguments.add_argument("--bin", type=Path, required=True, help="the folder of the programs")
    programs = arguments.parse_args().bin.resolve()
    ttlsweep = programs / "ttlsweep"
    engines = {
        "Slurm": BatchScript(DEPLOY / "slurm" / "ttlsweep.sbatch"),
        "AWS Batch": ArrayJob(DEPLOY / "aws-batch"),
        "Kubernetes": Job(DEPLOY / "kubernetes" / "job.yaml"),
        "Cloud Run": CloudRun(),
    }
    found = {}
    for name, engine in engines.items():
        if hasattr(engine, "problems"):
            found[f"{name}: the file"] = list(engine.problems())
    with tempfile.TemporaryDirectory(prefix="deploy-") as folder:
        plans = Plans(ttlsweep, Path(folder))
        for name, engine in engines.items():
            found[f"{name}: --shard auto in {engine.shards} tasks"] = _problems(plans, engine)
    container = DEPLOY / "container"
    found["image: the file"] = list(image.lint(container / "Containerfile", Path(sys.executable).parent))
    size, trouble = image.run_alone(container / "root.sh", programs, PROJECT / "experiments" / "smoke.toml")
    found[f"image: runs alone, with {size / 1e6:.1f} MB beside the programs"] = [trouble] if trouble else []
    found["pipelines and the action: the files"] = list(schemas.problems(Path(sys.executable).parent))
    action, page = DEPLOY / "action" / "action.yml", PROJECT / "docs" / "ci.md"
    found["action: its inputs, docs/ci.md and the programs"] = list(agreement.problems(action, page, programs))
    found["action: its steps"] = list(Action(action).problems(programs))
    for name in ["github", "gitlab"]:
        found[f"pipeline: {name}"] = list(Pipeline(DEPLOY / "ci" / f"{name}.yaml").problems(programs))
    for what, problems in found.items():
        print(f"{what}: {'; '.join(problems) or 'ok'}")
    return 1 if any(found.values()) else 0


def _problems(plans, engine) -> list:
    try:
        return list(plans.problems(engine))
    except Refused as refused:
        return [str(refused)]


if __name__ == "__main__":
    sys.exit(main())
