"""A module whose code stands still: its worker is replaced, and after the third time the module is out of service."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import urllib.error
import urllib.request
from pathlib import Path
from typing import Any

from tests.processes import alive, family, until
from wangge.files.embedded import free_ports

HERE = Path(__file__).parent
CREATE = 'mutation { createStallingThing(input: {name: "%s"}) { node { name } errors { code } } }'


class Served:
    """A city served by `wangge up` with the module `stalling` beside the first-party ones."""

    def __init__(self, home: Path) -> None:
        self.port = free_ports(1)[0]
        self.environment = {
            "PATH": os.environ["PATH"],
            "PYTHONPATH": str(HERE / "stalling"),
            "WANGGE_HOME": str(home),
            "WANGGE_PORT": str(self.port),
        }
        self.output = home / "said"
        with open(self.output, "w") as output:
            self.process = subprocess.Popen(
                [sys.executable, "-m", "wangge", "up", "--demo"], env=self.environment, stdout=output, stderr=output
            )
        until(lambda: "Wangge answers at" in self.output.read_text(), 120)
        accounts = json.loads((home / "demo-accounts.json").read_text())
        self.token = next(a["token"] for a in accounts if a["account"] == "nanming-station")

    def wangge(self, *arguments: str) -> str:
        """The output of a command."""
        command = [sys.executable, "-m", "wangge", *arguments]
        return subprocess.run(command, env=self.environment, capture_output=True, text=True, check=True).stdout

    def ask(self, query: str) -> dict[str, Any] | None:
        """The answer, None when there is none."""
        request = urllib.request.Request(
            f"http://127.0.0.1:{self.port}/graphql",
            json.dumps({"query": query}).encode(),
            {"authorization": f"Bearer {self.token}", "content-type": "application/json"},
        )
        try:
            with urllib.request.urlopen(request, timeout=60) as answer:
                made: dict[str, Any] = json.load(answer)
        except urllib.error.HTTPError as error:
            with error:
                made = json.load(error)
        except OSError:
            return None
        return made

    def offers(self, field: str) -> bool:
        """Whether the caller's schema has a mutation."""
        answer = self.ask("{ __schema { mutationType { fields { name } } } }")
        return answer is not None and field in {f["name"] for f in answer["data"]["__schema"]["mutationType"]["fields"]}


def test_the_third_time_takes_the_module_out_of_service_until_it_is_released(service_home: Path) -> None:
    city = Served(service_home)
    try:
        city.wangge("module", "enable", "stalling")
        until(lambda: city.offers("createStallingThing"))
        made = {"createStallingThing": {"node": {"name": "short"}, "errors": []}}
        answer = city.ask(CREATE % "short")
        assert answer is not None
        assert answer["data"] == made
        for time in range(1, 4):
            assert city.ask(CREATE % "endless") is None
            until(lambda: city.ask("{ me { account { name } } }"))
            said = city.output.read_text()
            assert said.count("stood still for 5 s in code of the module stalling and is replaced") == time
        until(lambda: not city.offers("createStallingThing"))
        assert city.offers("createPerson")
        assert "is quarantined: mend it, then `wangge module release stalling`" in city.output.read_text()
        assert "QUARANTINED" in city.wangge("module", "list")
        assert city.wangge("module", "release", "stalling") == "stalling is in service again\n"
        until(lambda: city.offers("createStallingThing"))
        found = city.ask("{ stallingThings { nodes { name } } }")
        assert found is not None
        assert found["data"] == {"stallingThings": {"nodes": [{"name": "short"}]}}
    finally:
        everyone = family(city.process.pid)
        city.process.send_signal(signal.SIGTERM)
        city.process.wait(30)
        until(lambda: not alive(everyone))
