"""The real services for every test: one PostgreSQL per run, a template database, a fresh copy of it per test file.

With pytest-xdist the controller owns the server and tells the workers where it is; a serial run owns it itself. Whatever
ends the run ends the server, and folders of runs that were killed are removed by the next one.
"""

from __future__ import annotations

import asyncio
import contextlib
import fcntl
import itertools
import os
import shutil
import tempfile
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio

from tests.template import prepare_template
from wangge.crypto import Keys, load_keys
from wangge.errors import WanggeError
from wangge.files.embedded import EmbeddedS3, tidy
from wangge.files.s3 import S3
from wangge.settings import Settings
from wangge.store.database import Database
from wangge.store.embedded import EmbeddedPostgres, attached
from wangge.store.place import remove, settle
from wangge.store.pool import Pool

PREFIX = "wangge-tests-"
os.environ["WANGGE_NIGHTLY"] = "0"  # of servers that tests start: they would meet nightly jobs at night only
TEMPLATE = "template_of_tests"
_run = pytest.StashKey[Path]()
_server = pytest.StashKey[EmbeddedPostgres]()


def pytest_configure(config: pytest.Config) -> None:
    """Start the server, in the controller or in a serial run."""
    given = getattr(config, "workerinput", None)
    if given is not None:
        config.stash[_run] = Path(given["wangge_run"])
        return
    if config.option.collectonly or config.option.help or config.option.version:
        return
    _sweep()
    folder = Path(tempfile.mkdtemp(prefix=f"{PREFIX}{os.getpid()}-", dir="/tmp"))
    folder.chmod(0o755)
    server = EmbeddedPostgres(folder / "home", durable=False)
    config.stash[_run] = folder
    server.start()
    config.stash[_server] = server


@pytest.hookimpl(optionalhook=True)
def pytest_configure_node(node: Any) -> None:
    """Tell a worker of pytest-xdist where the run's folder is."""
    node.workerinput["wangge_run"] = str(node.config.stash[_run])


def pytest_unconfigure(config: pytest.Config) -> None:
    """End what `pytest_configure` began."""
    server = config.stash.get(_server, None)
    if server is not None:
        server.stop()
        remove(server.place)
    if not hasattr(config, "workerinput") and (folder := config.stash.get(_run, None)) is not None:
        shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture(scope="session")
def postgres(pytestconfig: pytest.Config) -> EmbeddedPostgres:
    """The run's server: make and drop databases with it, do not stop it."""
    server = pytestconfig.stash.get(_server, None)
    return server if server is not None else attached(pytestconfig.stash[_run] / "home")


@pytest.fixture(scope="session")
def template(pytestconfig: pytest.Config, postgres: EmbeddedPostgres) -> str:
    """The name of a database with everything of `tests/template.py`, made once per run; connect to it never."""
    done = pytestconfig.stash[_run] / "template"
    with open(done.with_suffix(".lock"), "w") as guard:
        fcntl.flock(guard, fcntl.LOCK_EX)
        if not done.exists():
            postgres.drop_database(TEMPLATE)
            database = postgres.create_database(TEMPLATE)
            loop = asyncio.new_event_loop()
            try:
                loop.run_until_complete(prepare_template(database))
            finally:
                loop.close()
            done.touch()
    return TEMPLATE


@pytest.fixture(scope="session")
def database_names() -> Iterator[str]:
    """Names for databases that nobody else in this run has."""
    return (f"test_{os.getpid()}_{number}" for number in itertools.count(1))


@pytest.fixture(scope="module")
def database(postgres: EmbeddedPostgres, template: str, database_names: Iterator[str]) -> Iterator[Database]:
    """A database of this test file's own, a copy of the template."""
    name = next(database_names)
    yield postgres.create_database(name, template)
    postgres.drop_database(name)


@pytest.fixture(scope="module")
def empty_database(postgres: EmbeddedPostgres, database_names: Iterator[str]) -> Iterator[Database]:
    """A database of this test file's own with roles and extensions and nothing else."""
    name = next(database_names)
    yield postgres.create_database(name)
    postgres.drop_database(name)


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def pool(database: Database) -> AsyncIterator[Pool]:
    """Connections to `database` as the role that serves."""
    async with Pool(database, "app") as made:
        yield made


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def owner_pool(database: Database) -> AsyncIterator[Pool]:
    """Connections to `database` as the role that may change tables."""
    async with Pool(database, "owner") as made:
        yield made


@pytest.fixture(scope="session")
def s3(pytestconfig: pytest.Config) -> Iterator[S3]:
    """An object storage of this test process, started when the first test asks for it."""
    server = EmbeddedS3(pytestconfig.stash[_run] / f"s3-{os.getpid()}")
    server.start()
    yield server.service
    server.stop()
    remove(settle(server.home))


@pytest.fixture
def service_home(pytestconfig: pytest.Config) -> Iterator[Path]:
    """A WANGGE_HOME of one test for services of its own, which the test stops."""
    home = Path(tempfile.mkdtemp(prefix="home-", dir=pytestconfig.stash[_run]))
    home.chmod(0o755)
    yield home
    if (home / "services").exists():
        tidy(settle(home))
        remove(settle(home))


@pytest.fixture(scope="session")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A WANGGE_HOME of this process."""
    return tmp_path_factory.mktemp("home")


@pytest.fixture(scope="session")
def keys(home: Path) -> Keys:
    """Keys of this run."""
    return load_keys(home)


@pytest.fixture(scope="session")
def settings(home: Path) -> Settings:
    """Settings with nothing but a home and a free port."""
    return Settings(home=home, port=0)


def _sweep() -> None:
    """Remove what runs left behind that were killed."""
    for folder in Path("/tmp").glob(f"{PREFIX}*"):
        with contextlib.suppress(OSError, ValueError, WanggeError):
            owner = int(folder.name.removeprefix(PREFIX).split("-")[0])
            if folder.stat().st_uid == os.geteuid() and not Path(f"/proc/{owner}").exists():
                for services in folder.glob("*/services"):
                    remove(settle(services.parent))
                shutil.rmtree(folder, ignore_errors=True)
