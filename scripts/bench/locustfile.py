"""The uploads of those who first met the broken pipes: an HttpUser that puts a file's open handle to a presigned URL."""

import sys
from pathlib import Path
from types import SimpleNamespace

from locust import HttpUser, constant, events, task
from locust.exception import StopUser

# locust loads this file by its path, not as a part of the package.
sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from bench.clients import links  # noqa: E402


@events.init_command_line_parser.add_listener
def _(parser):
    parser.add_argument("--body")
    parser.add_argument("--transfers", type=int)
    parser.add_argument("--certificate", default="")


class Uploader(HttpUser):
    wait_time = constant(0)
    started = 0
    finished = 0

    def on_start(self):
        options = self.environment.parsed_options
        load = SimpleNamespace(transfers=options.transfers)
        self.links = links(self.host, Uploader.started, load)
        Uploader.started += 1
        if options.certificate:
            self.client.verify = options.certificate

    @task
    def upload(self):
        with open(self.environment.parsed_options.body, "rb") as body:
            self.client.put(self.links.pop(), data=body, name="upload")
        if not self.links:
            self._leave()

    def _leave(self):
        Uploader.finished += 1
        if Uploader.finished == self.environment.parsed_options.num_users:
            self.environment.runner.quit()
        raise StopUser
