"""SECURITY 23, 24, 40, 49, 60, 67, and what an object storage that is away or was restored alone comes to."""

from __future__ import annotations

import datetime as dt
import http.cookies
import json
import re
import uuid
from collections.abc import AsyncIterator
from typing import Any

import httpx
import msgspec
import pytest
import pytest_asyncio

from tests.city import served
from tests.files.samples import SCRIPT, bomb, document, pdf, picture
from tests.files.stored import CREATE, GRID, NANMING, YUNYAN, Stored, bucket_of
from wangge.errors import Unavailable
from wangge.files.collecting import collect, compare
from wangge.files.objects import Objects
from wangge.files.s3 import S3
from wangge.files.uploads import Uploads
from wangge.keys import keys_of
from wangge.runtime import Runtime, write_runtime
from wangge.settings import Settings
from wangge.store.database import Database
from wangge.store.pool import Pool
from wangge.values import Actor

NO_AGE = dt.timedelta(0)
OWN_KEY = re.compile(r"\d{4}/\d\d/\d\d/[0-9a-f]{32}")
"""of an object: a day and an id, nothing of its name."""


@pytest.fixture(scope="module")
def bucket(city_database: Database, s3: S3) -> S3:
    """A bucket of this file's own."""
    return msgspec.structs.replace(s3, bucket=bucket_of(city_database))


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def stored(
    city_settings: Settings, city_database: Database, city_owner: Pool, bucket: S3
) -> AsyncIterator[Stored]:
    """The city with an object storage."""
    write_runtime(city_settings, Runtime(database=city_database, s3=bucket))
    objects = Objects(bucket)
    async with served(city_settings, city_database) as city:
        yield Stored(city, objects, city_owner)
    objects.close()


HOSTILE = {
    "html": b"<html>" + SCRIPT,
    "html with spaces": b" \n\t<!DOCTYPE html>" + SCRIPT,
    "svg": b"<svg xmlns='http://www.w3.org/2000/svg' onload='alert(1)'/>",
    "utf-16 html": ("\ufeff<html>" + SCRIPT.decode()).encode("utf-16"),
    "xml": b"<?xml version='1.0'?><x/>",
    "a shell script": b"#!/bin/sh\nid",
    "pdf with html behind": pdf() + SCRIPT,
    "html before pdf": SCRIPT + pdf(),
    "document with macros": document(("word/vbaProject.bin", b"x")),
    "jar": document(("META-INF/MANIFEST.MF", b"x"), kind="A.class"),
    "bomb": bomb(20_000, 20_000),
    "packed bomb": document(("big", b"\0" * 201_000_000)),
    "nothing": b"",
    "one byte": b"\xff",
    "cut": picture()[:100],
}


@pytest.mark.parametrize("what", HOSTILE)
async def test_what_a_browser_would_run_or_a_reader_choke_on_is_not_taken(stored: Stored, what: str) -> None:
    """SECURITY 40, 60."""
    before = await stored.owner.fetchval("SELECT count(*) FROM wangge.file")
    for name, type_ in (("照片.jpg", "image/jpeg"), ("x.html", "text/html"), ("x.svg", "image/svg+xml")):
        answer = await stored.city.http.post(
            "/files", files={"file": (name, HOSTILE[what], type_)}, headers=stored.city.headers(GRID)
        )
        assert answer.status_code == 422
        assert answer.json()["code"].startswith("file.")
    assert await stored.owner.fetchval("SELECT count(*) FROM wangge.file") == before


async def test_a_picture_that_is_a_page_too_is_served_as_a_picture_alone(stored: Stored) -> None:
    """SECURITY 40."""
    for format_ in ("JPEG", "PNG", "WEBP"):
        _, photo = await stored.held(GRID, picture(format_) + SCRIPT * 9, name="x.html")
        answer = await stored.get(photo["link"])
        assert answer.headers["content-type"] == f"image/{format_.lower()}"
        assert answer.headers["x-content-type-options"] == "nosniff"
        assert "sandbox" in answer.headers["content-security-policy"]
        assert b"script" not in answer.content


@pytest.mark.parametrize(
    "name", ["../../../etc/passwd", "..\\..\\boot.ini", "a\r\nSet-Cookie: x=1", "\u202egnp.exe", "a\0b", "x" * 4_000]
)
async def test_a_name_is_no_path_no_key_and_no_header(stored: Stored, name: str) -> None:
    """SECURITY 40."""
    sent = name.replace("\r", "%0D").replace("\n", "%0A").encode()  # as browsers write it
    head = b'--X\r\nContent-Disposition: form-data; name="file"; filename="%s"\r\n\r\n' % sent
    body = head + picture() + b"\r\n--X--\r\n"
    headers = {**stored.city.headers(GRID), "content-type": "multipart/form-data; boundary=X"}
    answer = await stored.city.http.post("/files", content=body, headers=headers)
    assert answer.status_code in (201, 400)
    if answer.status_code == 201:
        made = answer.json()["files"][0]
        assert not set("/\\\r\n\0\u202e") & set(made["name"])
        keys = await stored.owner.fetch("SELECT key FROM wangge.object WHERE file = $1", uuid.UUID(made["id"]))
        assert [row["key"] for row in keys if not OWN_KEY.fullmatch(row["key"])] == []


async def test_the_storage_gives_nothing_to_somebody_without_a_key(stored: Stored, bucket: S3) -> None:
    """SECURITY 24."""
    _, photo = await stored.held(GRID, picture(colour="orchid"))
    key = await stored.owner.fetchval("SELECT key FROM wangge.object WHERE file = $1 LIMIT 1", uuid.UUID(photo["id"]))
    async with httpx.AsyncClient() as client:
        for path in ("", "?list-type=2", f"/{key}", f"/{key}?versions", "?policy", "?acl"):
            assert (await client.get(bucket.url + path)).status_code in (403, 405)
        for method in ("PUT", "DELETE"):
            assert (await client.request(method, f"{bucket.url}/{key}", content=b"x")).status_code == 403
    assert (await stored.get(photo["link"])).status_code == 200


async def test_nobody_else_comes_to_a_file_by_any_way(stored: Stored) -> None:
    """SECURITY 1, 5, 23: another district, and the same answers as for what never was."""
    incident, photo = await stored.held(GRID, picture(colour="salmon"))
    assert await stored.photos(YUNYAN, incident) is None
    assert await stored.photos(YUNYAN, str(uuid.uuid4())) is None
    for way in ("/files/" + photo["id"], "/files/" + incident, "/files/" + photo["link"][7:-2]):
        found = await stored.get(way)
        missing = await stored.get("/files/" + str(uuid.uuid4()))
        assert (found.status_code, found.text) == (missing.status_code, missing.text) == (404, found.text)
    payloads = [await stored.create(YUNYAN, file) for file in (photo["id"], str(uuid.uuid4()))]
    assert payloads[0] == payloads[1]


async def test_nobody_without_a_name_stores_anything(stored: Stored) -> None:
    answer = await stored.post(None, picture())
    assert (answer.status_code, answer.json()["code"]) == (401, "auth.required")
    answer = await stored.city.http.post("/files", content=b"x" * 100, headers={"authorization": "Bearer wg_x_y"})
    assert answer.status_code == 401


async def session(stored: Stored, login: str) -> tuple[dict[str, str], str]:
    """(cookie header, CSRF value) of a new session."""
    given = {"login": login, "password": stored.city.accounts[login]["password"]}
    async with httpx.AsyncClient(base_url=stored.city.url) as client:
        signed = await client.post("/session", json=given)
    cookie = http.cookies.SimpleCookie(signed.headers["set-cookie"])["wangge_session"].value
    return {"cookie": f"wangge_session={cookie}"}, signed.json()["csrf"]


async def test_a_form_of_another_site_stores_no_file_and_runs_no_mutation(stored: Stored) -> None:
    """SECURITY 49."""
    cookie, csrf = await session(stored, GRID)
    files = {"file": ("x.jpg", picture(), "image/jpeg")}
    async with httpx.AsyncClient(base_url=stored.city.url) as client:
        for more, status in (({}, 403), ({"wangge-csrf": "x"}, 403), ({"wangge-csrf": csrf}, 201)):
            assert (await client.post("/files", files=files, headers={**cookie, **more})).status_code == status
        variables = {"i": await stored.incident(GRID, None)}
        data = {
            "operations": json.dumps({"query": CREATE, "variables": variables}),
            "map": json.dumps({"0": ["variables.i.photosBefore.0.file"]}),
        }
        parts = {"0": ("x.jpg", picture(), "image/jpeg")}
        for how, status in (
            (cookie, 415),
            ({**cookie, "wangge-csrf": "x"}, 403),
            ({**cookie, "graphql-require-preflight": "1"}, 403),
            (stored.city.headers(GRID), 415),
            ({**cookie, "wangge-csrf": csrf}, 200),
            ({**stored.city.headers(GRID), "apollo-require-preflight": "1"}, 200),
        ):
            answer = await client.post("/graphql", data=data, files=parts, headers=how)
            assert (answer.status_code, how.keys()) == (status, how.keys())
            assert status != 200 or answer.json()["data"]["createIncident"]["errors"] == []


BROKEN = {
    "no boundary": ("multipart/form-data", b"--x\r\n"),
    "empty": ("multipart/form-data; boundary=x", b""),
    "no end": ("multipart/form-data; boundary=x", b'--x\r\nContent-Disposition: form-data; name="a"\r\n\r\nb'),
    "no head": ("multipart/form-data; boundary=x", b"--x\r\n\r\nb\r\n--x--\r\n"),
    "long head": ("multipart/form-data; boundary=x", b"--x\r\nA: " + b"a" * 9_000 + b"\r\n\r\nb\r\n--x--\r\n"),
    "many parts": (
        "multipart/form-data; boundary=x",
        b'--x\r\nContent-Disposition: form-data; name="a"; filename="b"\r\n\r\nc\r\n' * 50 + b"--x--\r\n",
    ),
    "no file": (
        "multipart/form-data; boundary=x",
        b'--x\r\nContent-Disposition: form-data; name="a"\r\n\r\nb\r\n--x--\r\n',
    ),
    "a strange boundary": ('multipart/form-data; boundary=""', b"--\r\n"),
    "json": ("application/json", b"{}"),
    "nothing": ("", b""),
}


@pytest.mark.parametrize("what", BROKEN)
async def test_forms_that_are_none_are_refused_and_break_nothing(stored: Stored, what: str) -> None:
    """SECURITY 60."""
    type_, body = BROKEN[what]
    headers = {**stored.city.headers(GRID), "content-type": type_, "graphql-require-preflight": "1"}
    for path in ("/files", "/graphql"):
        answer = await stored.city.http.post(path, content=body, headers=headers)
        assert 400 <= answer.status_code < 500


async def test_more_than_a_file_may_have_is_refused(stored: Stored) -> None:
    """SECURITY 60."""
    headers = {**stored.city.headers(GRID), "graphql-require-preflight": "1"}
    for path, contents in (("/files", [b"%PDF-" + b"\0" * 20_000_001]), ("/graphql", [b"\0" * 19_000_000] * 4)):
        forms = [("file", ("x.pdf", content, "application/pdf")) for content in contents]
        async with httpx.AsyncClient(base_url=stored.city.url, timeout=30) as client:
            answer = await client.post(path, files=forms, headers=headers)
        assert answer.status_code == 413
        assert "request.too_large" in answer.text


async def test_without_the_storage_only_files_wait(
    stored: Stored, city_settings: Settings, city_database: Database, bucket: S3
) -> None:
    """SECURITY 67."""
    incident, _ = await stored.held(NANMING, picture(colour="khaki"))
    write_runtime(
        city_settings,
        Runtime(database=city_database, s3=msgspec.structs.replace(bucket, endpoint="127.0.0.1:9")),
    )
    try:
        async with served(city_settings, city_database) as city:
            away = Stored(city, stored.objects, stored.owner)
            photo = (await away.photos(NANMING, incident))[0]["file"]
            assert photo["name"] == "照片.jpg"
            answer = await away.get(photo["link"])
            assert (answer.status_code, answer.json()["code"]) == (503, "files.unavailable")
            answer = await away.post(NANMING, picture())
            assert (answer.status_code, answer.json()["code"]) == (503, "files.unavailable")
            assert (await away.create(NANMING))["errors"] == []
            assert (await city.http.get("/readyz")).status_code == 200
    finally:
        write_runtime(city_settings, Runtime(database=city_database, s3=bucket))
    assert (await stored.get((await stored.photos(NANMING, incident))[0]["file"]["link"])).status_code == 200


async def test_who_is_killed_between_object_and_row_leaves_nothing_that_the_night_does_not_remove(
    stored: Stored, city_settings: Settings, bucket: S3
) -> None:
    """SECURITY 67: an upload whose small picture cannot be stored any more, nor its row."""

    class Dying(Objects):
        """A storage that is away after its first object."""

        async def put(self, content: bytes, media_type: str, key: str | None = None) -> str:
            """Store one object and no more."""
            if self.stored:
                raise Unavailable("files.unavailable", "away")
            self.stored.append(await super().put(content, media_type, key))
            return self.stored[0]

        stored: list[str]

    dying = Dying(bucket)
    dying.stored = []
    account = await stored.owner.fetchval("SELECT id FROM wangge.account WHERE login = $1", GRID)
    uploads = Uploads(stored.owner, keys_of(city_settings), dying)
    before = await stored.owner.fetchval("SELECT count(*) FROM wangge.file")
    with pytest.raises(Unavailable):
        await uploads.receive(Actor("account", GRID, account=account), "x.jpg", picture(colour="beige"))
    dying.close()
    assert await stored.owner.fetchval("SELECT count(*) FROM wangge.file") == before
    assert dying.stored[0] in await stored.objects.keys()
    await collect(stored.owner, stored.objects, NO_AGE)
    assert dying.stored[0] not in await stored.objects.keys()
    found = await compare(stored.owner, stored.objects, NO_AGE)
    assert (found.missing, found.orphans) == ((), ())


async def test_what_only_one_of_database_and_storage_has_is_told(stored: Stored) -> None:
    """SECURITY 67, 70: one of both was restored alone."""
    incident, photo = await stored.held(GRID, picture(colour="azure"))
    stray = await stored.objects.put(b"x", "text/plain")
    sql = "SELECT key FROM wangge.object WHERE file = $1 AND kind = 'original'"
    key = await stored.owner.fetchval(sql, uuid.UUID(photo["id"]))
    content = await stored.objects.get(key)
    await stored.objects.delete(key)
    found = await compare(stored.owner, stored.objects, NO_AGE)
    assert (found.missing, found.orphans) == ((photo["id"],), (stray,))
    young = await compare(stored.owner, stored.objects)
    assert (young.missing, young.orphans) == ((photo["id"],), ())
    link = (await stored.photos(GRID, incident))[0]["file"]["link"]
    assert (await stored.get(link)).status_code == 404
    await stored.objects.put(content, "application/octet-stream", key)
    await stored.objects.delete(stray)
    assert (await stored.get(link)).status_code == 200
    found = await compare(stored.owner, stored.objects, NO_AGE)
    assert (found.missing, found.orphans) == ((), ())


async def test_an_object_that_was_changed_is_not_served(stored: Stored) -> None:
    """Nobody who writes to the storage decides what is shown."""
    _, photo = await stored.held(GRID, picture(colour="ivory"))
    _, other = await stored.held(GRID, picture(colour="wheat"))
    sql = "SELECT key FROM wangge.object WHERE file = $1 AND kind = 'original'"
    keys: list[Any] = [await stored.owner.fetchval(sql, uuid.UUID(each["id"])) for each in (photo, other)]
    for content in (picture(colour="black"), await stored.objects.get(keys[1]), b""):
        await stored.objects.put(content, "application/octet-stream", keys[0])
        answer = await stored.get(photo["link"])
        assert (answer.status_code, answer.json()["code"]) == (404, "file.unknown")
