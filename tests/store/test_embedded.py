"""The embedded PostgreSQL survives what happens to it, and lets nobody else in."""

from __future__ import annotations

import os
import signal
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.processes import alive, family, until

from wangge.errors import ServiceError
from wangge.store.embedded import EmbeddedPostgres
from wangge.store.place import SHARED, reachable, remove, settle


@pytest.fixture
def server(service_home: Path) -> Iterator[EmbeddedPostgres]:
    """A running server of one test."""
    server = EmbeddedPostgres(service_home, durable=False)
    server.start()
    yield server
    server.stop()


def test_the_database_reads_chinese_and_orders_by_code_point(postgres: EmbeddedPostgres) -> None:
    facts = "SELECT datcollate, datctype, datlocale, datlocprovider, pg_encoding_to_char(encoding) FROM pg_database"
    assert postgres.sql(f"{facts} WHERE datname = 'wangge'") == "C|C.UTF-8|C.UTF-8|b|UTF8"
    assert postgres.sql("SELECT cardinality(show_trgm('王小明'))", "wangge") == "4"


def test_roles_can_log_in_and_are_no_superusers(postgres: EmbeddedPostgres) -> None:
    roles = postgres.sql("SELECT rolname, rolsuper, rolcanlogin FROM pg_roles WHERE rolname ~ '^wangge' ORDER BY 1")
    assert roles.split() == ["wangge_app|f|t", "wangge_owner|f|t", "wangge_sealer|f|t"]
    assert postgres.sql("SELECT pg_get_userbyid(datdba) FROM pg_database WHERE datname = 'wangge'") == "wangge_owner"


def test_the_server_listens_on_no_network_and_its_folders_are_closed(postgres: EmbeddedPostgres) -> None:
    assert postgres.sql("SHOW listen_addresses") == ""
    place = postgres.place
    modes = {path: path.stat().st_mode & 0o777 for path in (place.folder, place.sockets, place.folder / "postgres")}
    assert modes == dict.fromkeys(modes, 0o700)
    assert (place.sockets / ".s.PGSQL.5432").stat().st_mode & 0o777 == 0o700


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can try as another user")
def test_another_user_of_the_machine_is_refused(postgres: EmbeddedPostgres) -> None:
    place = postgres.place
    for uid in (65534, place.uid):  # a stranger, who cannot reach the socket, and the services' own user, who can
        command = [
            "setpriv",
            "--reuid",
            str(uid),
            "--regid",
            str(uid),
            "--clear-groups",
            "--",
            *postgres.psql(role="admin"),
        ]
        done = subprocess.run([*command, "-c", "SELECT 1"], capture_output=True, text=True, cwd="/", check=False)
        assert (done.returncode, "Permission denied" in done.stderr or "Peer auth" in done.stderr) == (2, True)


def test_a_copy_of_a_template_has_its_tables_and_belongs_to_the_owner(postgres: EmbeddedPostgres) -> None:
    name = f"copied_{os.getpid()}"
    try:
        postgres.create_database(name)
        postgres.sql("CREATE TABLE public.t AS SELECT 7 AS n", name)
        copy = postgres.create_database(f"{name}_2", name)
        assert postgres.sql("SELECT n FROM public.t", copy.name) == "7"
        assert copy == postgres.database(f"{name}_2")
    finally:
        postgres.drop_database(f"{name}_2")
        postgres.drop_database(name)


def test_a_database_name_that_needs_quotes_is_refused(postgres: EmbeddedPostgres) -> None:
    with pytest.raises(ServiceError, match="no name for a database"):
        postgres.create_database('x"; DROP DATABASE wangge; --')


def test_a_stopped_server_starts_again_with_its_data(server: EmbeddedPostgres) -> None:
    server.sql("CREATE TABLE public.t AS SELECT 7 AS n", "wangge")
    everyone = family(server.pid or 0)
    server.stop()
    assert alive(everyone) == set()
    server.start()
    assert server.sql("SELECT n FROM public.t", "wangge") == "7"


def test_a_killed_server_recovers_what_was_committed(service_home: Path) -> None:
    server = EmbeddedPostgres(service_home)
    server.start()
    try:
        server.sql("CREATE TABLE public.t AS SELECT 7 AS n", "wangge")
        os.kill(server.pid or 0, signal.SIGKILL)
        until(lambda: server.pid is None)
        server.start()
        assert server.sql("SELECT n FROM public.t", "wangge") == "7"
    finally:
        server.stop()


def test_a_home_is_served_by_one_server_only(server: EmbeddedPostgres) -> None:
    with pytest.raises(ServiceError, match=f"already served by process {os.getpid()}") as caught:
        EmbeddedPostgres(server.home).start()
    assert caught.value.code == "service.in_use"
    assert server.sql("SELECT 1") == "1"


def test_a_server_that_outlived_its_owner_is_named(server: EmbeddedPostgres) -> None:
    (server.place.folder / "postgres.lock").unlink()  # as if the lock's holder had gone
    with pytest.raises(ServiceError, match=f"PostgreSQL server, process {server.pid}"):
        EmbeddedPostgres(server.home, survivor_seconds=0.1).start()
    assert server.sql("SELECT 1") == "1"


def test_data_of_another_version_is_left_alone(server: EmbeddedPostgres) -> None:
    server.stop()
    version = server.place.folder / "postgres" / "PG_VERSION"
    version.write_text("17\n")
    with pytest.raises(ServiceError, match="holds data of PostgreSQL 17, and this is PostgreSQL 18") as caught:
        server.start()
    assert caught.value.code == "service.data_version"
    version.write_text("18\n")
    server.start()


def test_a_number_in_a_stale_pid_file_that_another_program_has_by_now_is_no_obstacle(server: EmbeddedPostgres) -> None:
    server.stop()
    stale = server.place.folder / "postgres" / "postmaster.pid"
    stale.write_text(f"{os.getpid()}\n{stale.parent}\n1\n5432\n{server.place.sockets}\n\n  1 1\nready\n")
    server.start()
    assert server.sql("SELECT 1") == "1"


def test_a_half_made_data_folder_is_never_taken_for_data(service_home: Path) -> None:
    place = settle(service_home)
    place.make_folder(place.folder / "postgres.new")
    (place.folder / "postgres.new" / "PG_VERSION").write_text("18\n")
    server = EmbeddedPostgres(service_home, durable=False)
    server.start()
    try:
        assert server.sql("SELECT 1") == "1"
        assert not (place.folder / "postgres.new").exists()
    finally:
        server.stop()


@pytest.mark.skipif(os.geteuid() != 0, reason="only root's services run as another user")
def test_under_a_closed_folder_roots_services_live_elsewhere_and_stay_there(service_home: Path) -> None:
    service_home.chmod(0o700)
    home = service_home / "home"
    server = EmbeddedPostgres(home, durable=False)
    server.start()
    try:
        assert not reachable(home)
        assert (home / "services").is_symlink()
        assert server.place.folder.parent == SHARED
        service_home.chmod(0o755)
        assert settle(home) == server.place
    finally:
        server.stop()
        remove(server.place)
