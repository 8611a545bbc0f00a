"""run, resume and report, on the embedded testbed."""

from pathlib import Path
from typing import Optional

from .kept import Kept, cut_tail
from .kill import Broken, Instant, Killer
from .story import EXPERIMENT, check_report, check_whole, count

INTERRUPTED = 130
TARGET = '[target]\ntls = false\nexpiry = "in-flight"\n'


class Embedded:
    """A run that is killed, its resume too, and the report on it."""

    KILLS = ["run", "resume", "report"]

    def __init__(self, killer: Killer):
        self.killer, self.kept = killer, Kept()
        (killer.lab / "chaos.toml").write_text(EXPERIMENT + TARGET)

    def tell(self, kills):
        """Carries out these kills, in the order of `KILLS`, and checks what is there in the end."""
        folder = self._killed_run("run" in kills)
        while "resume" in kills and not self._killed_resume(folder):
            # All was whole before the kill came: there must be something to resume.
            self.kept = Kept()
            folder = self._killed_run(True)
        self.killer.finish("resume", ["ttlsweep", "resume", folder, "--progress", "none"])
        self.kept.note(folder)
        if "report" in kills:
            self._killed_report(folder)
        check_report(folder, self.killer.finish("report", ["report", folder]))
        check_whole(self.killer, folder, self.kept.told)
        count(self.killer, folder)
        if left := list(folder.glob(".report-unfinished*")):
            raise Broken(f"{left} are there after another report")

    def _killed_run(self, killed: bool) -> Path:
        command = ["ttlsweep", "run", "chaos.toml", "--progress", "none"]
        while killed:
            before = self._folders()

            def new(before=before):
                return self._folders() - before

            by = self.killer.kill("run", command, self._instant(new, 2.0), INTERRUPTED, lambda new=new: bool(new()))
            folder = next(iter(new()), None)
            if by is not None and folder is not None:
                self._struck(folder, by)
                return folder
            # It was killed before its folder was there, and is started again; or it came to its end before.
            killed = by is None
        before = self._folders()
        self.killer.finish("run", command)
        return (self._folders() - before).pop()

    def _killed_resume(self, folder: Path) -> bool:
        trials = folder / "trials.csv"
        size = trials.stat().st_size
        grown = lambda: trials.stat().st_size > size  # noqa: E731
        command = ["ttlsweep", "resume", folder, "--progress", "none"]
        by = self.killer.kill("resume", command, self._instant(grown, 1.0), INTERRUPTED, grown)
        self._struck(folder, by)
        return by is not None

    def _killed_report(self, folder: Path):
        staged = lambda: any(folder.glob(".report-unfinished*"))  # noqa: E731
        while (by := self.killer.kill("report", ["report", folder], self._instant(staged, 0.6))) is None:
            pass
        for path in folder.glob(".report-unfinished*/*.*") if by == "power" else []:
            cut_tail(path, path.stat().st_size, self.killer.dice)

    def _instant(self, once, most: float) -> Instant:
        dice = self.killer.dice
        if dice.random() < 0.3:
            return Instant(dice.uniform(0.0, 0.4))
        return Instant(dice.uniform(0.0, most), lambda: bool(once()))

    def _folders(self):
        return {path for path in self.killer.lab.glob("results/chaos/2*") if path.is_dir()}

    def _struck(self, folder: Path, by: Optional[str]):
        self.kept.note(folder)
        if by == "power":
            self.kept.lose_power(folder, self.killer.dice)
