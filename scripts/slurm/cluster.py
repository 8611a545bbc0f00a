"""A cluster of one node: munged, slurmctld and slurmd, with all that is theirs in one folder, and at ports of their own."""

import getpass
import os
import re
import socket
import subprocess
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Dict, List, Optional

from lib.loopback import free_ports
from lib.processes import Processes

from .programs import Programs

# cred_expire: a task that is requeued waits for its credential to end, two minutes if nothing is said.
# FORCE: the batch script asks for a host to itself, and there is one for all tasks.
CONFIG = """
ClusterName=ttlsweep
SlurmctldHost={host}(127.0.0.1)
SlurmctldPort={controller}
SlurmdPort={node}
SlurmUser={user}
SlurmdUser={user}
AuthType=auth/munge
CredType=cred/munge
AuthInfo=socket={home}/munge.socket,cred_expire=5
StateSaveLocation={home}/state
SlurmdSpoolDir={home}/spool
SlurmctldPidFile={home}/slurmctld.pid
SlurmdPidFile={home}/slurmd.pid
ProctrackType=proctrack/linuxproc
TaskPlugin=task/none
JobAcctGatherType=jobacct_gather/none
AccountingStorageType=accounting_storage/none
MpiDefault=none
SwitchType=switch/none
SelectType=select/linear
ReturnToService=2
JobRequeue=1
KillWait=10
MinJobAge=3600
SchedulerParameters=sched_interval=1,bf_interval=1
SlurmdParameters=config_overrides
NodeName={host} NodeAddr=127.0.0.1 Port={node} CPUs={tasks} State=UNKNOWN
PartitionName=main Nodes=ALL Default=YES MaxTime=1-0 State=UP OverSubscribe=FORCE:{tasks}
"""
READY_WITHIN_S = 60
ANSWERS_WITHIN_S = 60
ENDS_WITHIN_S = 30


class SlurmFailed(Exception):
    """Slurm does not do what it was asked; the message says what it answered."""


@dataclass(frozen=True)
class Task:
    """One task of an array, as `scontrol` tells of it."""

    job: str
    array: str
    number: int
    state: str
    restarts: int
    exit_code: str

    @property
    def name(self) -> str:
        return f"{self.array}_{self.number}"


class Cluster:
    """The cluster's daemons, and the commands that a user of it has."""

    def __init__(self, programs: Programs, processes: Processes, home: Path, tasks: int):
        self.programs, self.processes, self.home = programs, processes, home
        config = home / "slurm.conf"
        self.environment = programs.environment({**os.environ, "SLURM_CONF": str(config)})
        # munged is asked by others than its own user, and so wants its folder to be passable.
        home.chmod(0o711)
        for folder in ("state", "spool"):
            (home / folder).mkdir()
        controller, node = free_ports(2)
        values = {"controller": controller, "node": node, "tasks": tasks}
        config.write_text(CONFIG.format(home=home, host=_host(), user=getpass.getuser(), **values))
        if programs.plugins:
            with config.open("a") as file:
                file.write(f"PluginDir={programs.plugins}\n")
        key = home / "munge.key"
        key.touch(mode=0o600)
        key.write_bytes(os.urandom(1024))

    def start(self):
        """Starts the daemons, and waits for the node to be idle."""
        home, config = self.home, self.home / "slurm.conf"
        munge = [f"--{name.replace('_', '-')}={home}/munge.{end}" for name, end in MUNGE_FILES.items()]
        self._serve("munged", "--foreground", *munge)
        self._serve("slurmctld", "-D", "-f", config)
        self._serve("slurmd", "-D", "-f", config, "-d", self.programs.path("slurmstepd"))
        deadline = time.monotonic() + READY_WITHIN_S
        while time.monotonic() < deadline:
            told = self._asked("sinfo", "--noheader", "--format=%T")
            if told.returncode == 0 and told.stdout.strip() == "idle":
                return
            time.sleep(0.2)
        raise SlurmFailed(f"the node is not idle after {READY_WITHIN_S} s: {told.stdout}{told.stderr}{self._last_words()}")

    def run(self, *command, environment: Optional[Dict[str, str]] = None, cwd=None) -> str:
        """Runs one of the user's commands, and returns what it printed."""
        done = self._asked(*command, environment=environment, cwd=cwd)
        if done.returncode != 0:
            raise SlurmFailed(f"`{command[0]}` ended with {done.returncode}: {done.stderr.strip()}")
        # `sbatch --test-only` says on stderr when the job would start.
        return done.stdout + done.stderr

    def tasks(self, array: str) -> List[Task]:
        """The array's tasks in the order of their numbers. Those that have not started yet may be told of as one."""
        told = self.run("scontrol", "--oneliner", "show", "job", array)
        found = []
        for line in told.splitlines():
            fields = dict(re.findall(r"(\w+)=(\S*)", line))
            if fields.get("ArrayTaskId", "").isdigit():
                of_array = (fields["JobId"], fields["ArrayJobId"], int(fields["ArrayTaskId"]))
                found.append(Task(*of_array, fields["JobState"], int(fields["Restarts"]), fields["ExitCode"]))
        return sorted(found, key=lambda task: task.number)

    def pid(self, task: Task) -> int:
        """The process that a task's first step runs."""
        # Columns: PID JOBID STEPID LOCALID GLOBALID; a rank has a LOCALID, what it started has none.
        for line in self.run("scontrol", "listpids", f"{task.job}.0").splitlines()[1:]:
            pid, _, _, local, _ = line.split()
            if local.isdigit():
                return int(pid)
        raise SlurmFailed(f"task {task.name} has no process")

    def end_jobs(self):
        """Cancels what still runs: the processes of a task are in none of the groups that end with the daemons."""
        self._asked("scancel", "--user", getpass.getuser())
        deadline = time.monotonic() + ENDS_WITHIN_S
        while time.monotonic() < deadline and self._asked("squeue", "--noheader").stdout.strip():
            time.sleep(0.2)

    def _serve(self, name, *arguments):
        command = [self.programs.path(name), *arguments]
        return self.processes.start(command, self.environment, self.home / f"{name}.log")

    def _asked(self, *command, environment: Optional[Dict[str, str]] = None, cwd=None):
        named = [str(self.programs.path(command[0])), *map(str, command[1:])]
        return subprocess.run(
            named,
            env={**self.environment, **(environment or {})},
            cwd=cwd,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=ANSWERS_WITHIN_S,
            check=False,
        )

    def _last_words(self) -> str:
        logs = sorted(self.home.glob("*.log"))
        return "".join(f"\n{log.name}:\n" + "\n".join(log.read_text().splitlines()[-10:]) for log in logs)


MUNGE_FILES = {"key_file": "key", "socket": "socket", "pid_file": "pid", "seed_file": "seed", "log_file": "log"}


def _host() -> str:
    """The name by which Slurm knows this machine."""
    return socket.gethostname().split(".")[0]
