"""The command line explains itself and fails with one sentence."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from wangge.cli import build_parser
from wangge.commands.demo import progress_line
from wangge.store.database import Database


def wangge(*arguments: str, **environment: str) -> tuple[int, str, str]:
    """Status, output and errors of a command."""
    done = subprocess.run(
        [sys.executable, "-m", "wangge", *arguments],
        capture_output=True,
        text=True,
        env={"PATH": os.environ["PATH"]} | environment,
        check=False,
    )
    return done.returncode, done.stdout, done.stderr


def test_help_names_every_command() -> None:
    status, output, _ = wangge("--help")
    assert status == 0
    assert {"up", "doctor"} <= set(output.split())


def test_every_command_explains_itself(capsys: pytest.CaptureFixture[str]) -> None:
    for name in ("up", "doctor"):
        with pytest.raises(SystemExit) as caught:
            build_parser().parse_args([name, "--help"])
        assert caught.value.code == 0
        assert f"wangge {name}" in capsys.readouterr().out.replace(Path(sys.argv[0]).name, "wangge")


def test_the_parser_imports_nothing_heavy() -> None:
    code = """if True:
        import sys
        from wangge.cli import build_parser
        build_parser()
        print(sorted({"asyncpg", "litestar", "uvicorn", "strawberry", "casbin", "minio"} & set(sys.modules)))
    """
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "[]\n"


def test_a_wrong_setting_is_one_sentence_and_status_1(tmp_path: Path) -> None:
    assert wangge("up", WANGGE_HOME=str(tmp_path), WANGGE_PORT="high") == (
        1,
        "",
        "wangge: WANGGE_PORT: 'high' is not a port from 0 (any free one) to 65535\n",
    )
    assert wangge("up", "--workers", "0", WANGGE_HOME=str(tmp_path))[2] == (
        "wangge: WANGGE_WORKERS: '0' is not a number of server processes from 1 to 64\n"
    )


def test_an_unknown_command_is_refused() -> None:
    status, _, said = wangge("fly")
    assert (status, "invalid choice" in said) == (2, True)


def test_doctor_makes_a_key_file_once(tmp_path: Path) -> None:
    file = tmp_path / "city.key"
    assert wangge("doctor", "--new-key", str(file))[0] == 0
    assert file.stat().st_mode & 0o777 == 0o600
    status, _, said = wangge("doctor", "--new-key", str(file))
    assert (status, "never replaced" in said) == (1, True)


def test_doctor_shows_settings_without_secrets_and_what_is_wrong(service_home: Path) -> None:
    status, output, _ = wangge(
        "doctor", WANGGE_HOME=str(service_home), WANGGE_S3_URL="http://key:topsecret@s3.example/b"
    )
    assert status == 0
    assert "topsecret" not in output
    assert "not running (`wangge up` starts them)" in output
    assert "psql -X -h" in output
    (service_home / "keys").mkdir()
    (service_home / "keys" / "wangge.key").write_text("nonsense")
    status, output, _ = wangge("doctor", WANGGE_HOME=str(service_home))
    assert status == 1
    assert "WRONG: key file" in output


def test_a_command_without_a_running_wangge_has_the_services_to_itself(service_home: Path) -> None:
    code = """if True:
        import asyncio, os
        from wangge.errors import ServiceError
        from wangge.services import services_of
        from wangge.settings import Settings
        from wangge.store.pool import Pool

        async def ask(database):
            async with Pool(database) as pool:
                print(await pool.fetchval("SELECT 7"))

        settings = Settings.from_environment(os.environ)
        with services_of(settings, create=True) as runtime:
            asyncio.run(ask(runtime.database))
            try:
                with services_of(settings):
                    print("not reached")
            except ServiceError as error:
                print(error.code)
        with services_of(settings):
            print("again")
    """
    done = subprocess.run(
        [sys.executable, "-c", code],
        capture_output=True,
        text=True,
        env={"PATH": os.environ["PATH"], "WANGGE_HOME": str(service_home)},
        check=False,
    )
    assert (done.stdout.split(), done.stderr) == (["7", "service.in_use", "again"], "")


def test_the_progress_of_a_demonstration_shows_percent_rows_and_the_time_left() -> None:
    assert progress_line("base.person", 1_000, 4_000, 60.0) == (
        " 25% [#####...............]      1,000 of about 4,000 rows,  180 s left  base.person                       "
    )
    assert progress_line("base.person", 0, 4_000, 0.0).startswith("  0% [....................]")
    assert progress_line("base.person", 5_000, 4_000, 60.0).startswith(" 99% [###################.]")


def test_a_command_outside_of_a_city_is_one_sentence_and_makes_none(tmp_path: Path) -> None:
    for words in (("token", "x"), ("module", "list"), ("audit", "verify"), ("sdl", "--as", "x")):
        assert wangge(*words, WANGGE_HOME=str(tmp_path / "none")) == (
            1,
            "",
            f"wangge: {tmp_path / 'none'} holds no city yet: start one with `wangge up`, "
            "or name the folder of one with WANGGE_HOME\n",
        )
    assert not (tmp_path / "none").exists()


@pytest.fixture
def outside(empty_database: Database, tmp_path: Path) -> dict[str, str]:
    """The environment that names an external database, by the socket of the run's server, and a key file."""
    wangge("doctor", "--new-key", str(tmp_path / "city.key"))
    return {
        "WANGGE_HOME": str(tmp_path / "home"),
        "WANGGE_KEY_FILE": str(tmp_path / "city.key"),
        "WANGGE_DATABASE_URL": f"postgresql://wangge_app@/{empty_database.name}?host={empty_database.host}",
        "WANGGE_S3_URL": "http://key:secret@127.0.0.1:9/b",
    }


def test_a_database_without_tables_is_one_sentence(outside: dict[str, str]) -> None:
    for words in (("token", "x"), ("module", "list"), ("audit", "verify")):
        assert wangge(*words, **outside) == (
            1,
            "",
            "wangge: this database has no tables of this version of Wangge: run `wangge apply`, or start `wangge up`, first\n",
        )


def test_an_unknown_database_and_an_unreachable_one_are_one_sentence_each(outside: dict[str, str]) -> None:
    unknown = outside["WANGGE_DATABASE_URL"].replace("@/", "@/no_")
    status, _, said = wangge("up", **{**outside, "WANGGE_PORT": "0", "WANGGE_DATABASE_URL": unknown})
    assert status == 1
    assert said.startswith("wangge: the database refuses the connection (database ")
    assert said.endswith("mend user, password and name in WANGGE_DATABASE_URL and WANGGE_DATABASE_OWNER_URL\n")
    nowhere = {**outside, "WANGGE_PORT": "0", "WANGGE_DATABASE_URL": "postgresql://a:topsecret@127.0.0.1:1/city"}
    assert wangge("up", **nowhere) == (
        1,
        "",
        "wangge: the database 127.0.0.1:1/city cannot be reached (ConnectionRefusedError): try again in a moment\n",
    )


def test_a_user_without_rights_is_one_sentence(outside: dict[str, str]) -> None:
    status, _, said = wangge("apply", **outside)
    assert (status, said.count("\n")) == (1, 1)
    assert "PostgreSQL refused: permission denied for database" in said


def test_a_missing_key_file_is_said_once_by_up(outside: dict[str, str], tmp_path: Path) -> None:
    missing = tmp_path / "missing.key"
    assert wangge("up", **{**outside, "WANGGE_PORT": "0", "WANGGE_KEY_FILE": str(missing)}) == (
        1,
        "",
        f"wangge: key file {missing} cannot be read (No such file or directory); `wangge doctor --new-key FILE` makes one\n",
    )
