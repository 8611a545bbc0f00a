"""The job definition and the array's submission: AWS's own description of both, its limits, and what a retry hangs on."""

import fnmatch
import json
from pathlib import Path
from typing import Iterator, List

import botocore.session
import botocore.validate

from .exits import FINAL, RETRIED

# What the description says in words alone.
MOST_RULES, MOST_ATTEMPTS, ARRAY_SIZES = 5, 10, range(2, 10_001)
RECLAIMED = {"onStatusReason": "Host EC2 (instance i-0123456789abcdef0) terminated."}


class ArrayJob:
    """The definition with the submission."""

    def __init__(self, folder: Path):
        self.definition = json.loads((folder / "job-definition.json").read_text())
        self.submission = json.loads((folder / "array-job.json").read_text())

    @property
    def shards(self) -> int:
        return self.submission["arrayProperties"]["size"]

    def arguments(self) -> List[str]:
        """The command, with the definition's own values for its parameters."""
        values = {f"Ref::{name}": value for name, value in self.definition["parameters"].items()}
        return [values.get(word, word) for word in self.definition["containerProperties"]["command"]]

    def environment(self, index: int) -> dict:
        """What Batch sets for a child of an array."""
        return {
            "AWS_BATCH_JOB_ID": f"01234567-89ab-cdef-0123-456789abcdef:{index}",
            "AWS_BATCH_JOB_ARRAY_INDEX": str(index),
            "AWS_BATCH_JOB_ARRAY_SIZE": str(self.shards),
            "AWS_BATCH_JOB_ATTEMPT": "1",
        }

    def problems(self) -> Iterator[str]:
        batch = botocore.session.get_session().get_service_model("batch")
        for operation, given in (("RegisterJobDefinition", self.definition), ("SubmitJob", self.submission)):
            shape = batch.operation_model(operation).input_shape
            report = botocore.validate.ParamValidator().validate(given, shape)
            if report.has_errors():
                yield f"{operation}: {report.generate_report()}"
        if self.submission["jobDefinition"] != self.definition["jobDefinitionName"]:
            yield "the array is of another job definition"
        if self.shards not in ARRAY_SIZES:
            yield f"an array has {ARRAY_SIZES[0]} to {ARRAY_SIZES[-1]} children"
        yield from self._parameters()
        yield from self._retries(batch.shape_for("RetryAction").enum)

    def _parameters(self) -> Iterator[str]:
        for word in self.arguments():
            if word.startswith("Ref::"):
                yield f"{word} has no value"

    def _retries(self, actions) -> Iterator[str]:
        strategy = self.definition["retryStrategy"]
        rules = strategy["evaluateOnExit"]
        if len(rules) > MOST_RULES or not 1 <= strategy["attempts"] <= MOST_ATTEMPTS:
            yield f"there may be {MOST_RULES} rules and {MOST_ATTEMPTS} attempts"
        for rule in rules:
            if rule["action"] not in actions:
                yield f"there is no action {rule['action']}"
        why = {"onReason": "", "onStatusReason": "Essential container in task exited"}
        ended = {code: {"onExitCode": str(code), **why} for code in [*RETRIED, *FINAL]}
        wanted = [(ended[code], "RETRY") for code in RETRIED] + [(ended[code], "EXIT") for code in FINAL]
        for how, action in [*wanted, (RECLAIMED, "RETRY")]:
            if (found := self._action(how)) != action:
                yield f"{how} leads to {found}, not to {action}"

    def _action(self, ended: dict) -> str:
        """The first rule whose every condition fits decides; without one it is retried."""
        for rule in self.definition["retryStrategy"]["evaluateOnExit"]:
            conditions = {name: pattern for name, pattern in rule.items() if name != "action"}
            if all(fnmatch.fnmatchcase(ended.get(name, ""), pattern) for name, pattern in conditions.items()):
                return rule["action"]
        return "RETRY"
