"""The Job: Kubernetes's own schemas, the rules that its server adds to them, and what becomes of a pod that failed."""

from pathlib import Path
from typing import Iterator, List

import kubernetes_validate
import yaml

from .exits import FINAL, RETRIED

# The oldest in which all of it is there without a feature gate, and the newest whose schema is known.
VERSIONS = ["1.29", "1.33", "1.37"]
OPERATORS = ["In", "NotIn"]
# In place of an exit code: the pod itself was disrupted.
DISRUPTED = None


class Job:
    """The manifest."""

    def __init__(self, path: Path):
        self.document = yaml.safe_load(path.read_text())
        self.spec = self.document["spec"]
        self.pod = self.spec["template"]["spec"]
        (self.container,) = self.pod["containers"]

    @property
    def shards(self) -> int:
        return self.spec["completions"]

    def arguments(self) -> List[str]:
        return self.container["args"]

    def environment(self, index: int) -> dict:
        """What Kubernetes sets for the pod of an index."""
        return {"JOB_COMPLETION_INDEX": str(index)}

    def problems(self) -> Iterator[str]:
        wrong = list(self._by_schema())
        # What has not the shape of a Job cannot be asked the rest.
        yield from wrong or [*self._rules(), *self._actions()]
        if f"auto/{self.shards}" not in self.arguments():
            yield f"completions is {self.shards}, and no argument is auto/{self.shards}: no shard can know how many there are"

    def _by_schema(self) -> Iterator[str]:
        for version in VERSIONS:
            try:
                kubernetes_validate.validate(self.document, version, strict=True)
            except kubernetes_validate.ValidationError as error:
                where = ".".join(map(str, error.path))
                yield f"by the schema of Kubernetes {version}, {where or 'the document'}: {error.message}"

    def _rules(self) -> Iterator[str]:
        """What the schema cannot say."""
        if self.pod["restartPolicy"] != "Never":
            yield "a podFailurePolicy needs restartPolicy: Never"
        if self.spec.get("podReplacementPolicy") != "Failed":
            yield "a podFailurePolicy allows no podReplacementPolicy but Failed"
        if self.spec.get("completionMode") != "Indexed" or "backoffLimitPerIndex" not in self.spec:
            yield "FailIndex needs completionMode: Indexed and a backoffLimitPerIndex"
        for number, rule in enumerate(self.spec["podFailurePolicy"]["rules"], 1):
            if len({"onExitCodes", "onPodConditions"} & set(rule)) != 1:
                yield f"rule {number} needs onExitCodes or onPodConditions, and not both"
            codes = rule.get("onExitCodes")
            if codes and codes["operator"] not in OPERATORS:
                yield f"rule {number}: there is no operator {codes['operator']}"
            if codes and codes.get("containerName", self.container["name"]) != self.container["name"]:
                yield f"rule {number} is about the container {codes['containerName']}, and there is none of that name"
            # 0 is not a failure, and what is there twice or out of order is refused.
            if codes and (0 in codes["values"] or codes["values"] != sorted(set(codes["values"]))):
                yield f"rule {number}: values must rise, and hold no 0"

    def _actions(self) -> Iterator[str]:
        wanted = {code: "Count" for code in RETRIED} | {code: "FailIndex" for code in FINAL} | {DISRUPTED: "Ignore"}
        for code, action in wanted.items():
            found = self._action(code)
            if found != action:
                yield f"{'a disrupted pod' if code is DISRUPTED else f'exit code {code}'} leads to {found}, not to {action}"

    def _action(self, code) -> str:
        """What becomes of a pod that ended with this code: the first rule that fits decides, and without one it counts."""
        for rule in self.spec["podFailurePolicy"]["rules"]:
            codes, conditions = rule.get("onExitCodes"), rule.get("onPodConditions", [])
            if code is DISRUPTED and any(condition["type"] == "DisruptionTarget" for condition in conditions):
                return rule["action"]
            if code is not DISRUPTED and codes and (code in codes["values"]) == (codes["operator"] == "In"):
                return rule["action"]
        return "Count"
