"""Uploads over HTTP, by GraphQL forms and directly to the object storage; each is its uploader's, for one row, for a day."""

from __future__ import annotations

import datetime as dt
import hashlib
import uuid
from typing import Any

import httpx
import pytest
from tests.files.samples import pdf, photographed, picture
from tests.files.stored import CREATE, GRID, NANMING, UPDATE, YUNYAN, Stored

from wangge.files.collecting import collect
from wangge.values import uuid7

BEGIN = """mutation($i: CreateUploadInput!) { createUpload(input: $i) {
  upload { id url fields { name value } expiresAt } errors { code message } } }"""
COMPLETE = """mutation($id: ID!) { completeUpload(id: $id) {
  file { id name mediaType bytes sha256 width takenAt } errors { code message } } }"""
NO_AGE = dt.timedelta(0)


def now_taken() -> str:
    """The time of now as a camera writes it."""
    return f"{dt.datetime.now(dt.timezone(dt.timedelta(hours=8))):%Y:%m:%d %H:%M:%S}"


async def test_an_uploaded_picture_is_put_into_an_incident_and_read_through_its_link(stored: Stored) -> None:
    answer = await stored.post(GRID, photographed(now_taken()), name="../井盖.jpg")
    assert answer.status_code == 201
    made = answer.json()["files"][0]
    assert (made["name"], made["mediaType"], made["width"]) == ("井盖.jpg", "image/jpeg", 80)
    payload = await stored.create(GRID, made["id"])
    assert (payload["errors"], payload["warnings"]) == ([], [])
    photo = payload["node"]["photosBefore"][0]
    assert (photo["role"], photo["file"]["id"], photo["file"]["bytes"]) == ("near", made["id"], made["bytes"])
    content = await stored.get(photo["file"]["link"])
    assert (content.status_code, content.headers["content-type"]) == (200, "image/jpeg")
    assert hashlib.sha256(content.content).hexdigest() == made["sha256"]
    small = await stored.get(photo["file"]["small"])
    assert small.content.startswith(b"\xff\xd8\xff")
    assert small.content != content.content


async def test_the_storage_holds_nothing_that_can_be_read_without_the_database(stored: Stored) -> None:
    incident, photo = await stored.held(GRID, picture(colour="olive"), name="王小明的身份证.jpg")
    rows = await stored.owner.fetch("SELECT key, kind FROM wangge.object WHERE file = $1", uuid.UUID(photo["id"]))
    assert sorted(row["kind"] for row in rows) == ["original", "small"]
    for row in rows:
        content = await stored.objects.get(row["key"])
        assert b"\xff\xd8\xff" not in content[:64]
        assert content[:1] == b"\x01"
        assert row["key"].isascii()
    assert (await stored.photos(GRID, incident))[0]["file"]["name"] == "王小明的身份证.jpg"


async def test_an_upload_is_used_once(stored: Stored) -> None:
    file = await stored.upload(GRID, picture(colour="red"))
    first, second = await stored.create(GRID, file), await stored.create(GRID, file)
    assert first["errors"] == []
    assert [(e["path"], e["code"]) for e in second["errors"]] == [(["photosBefore", "0"], "ref.unknown")]
    twice = await stored.upload(GRID, picture(colour="blue"))
    payload = await stored.create(GRID, twice, twice)
    assert [e["code"] for e in payload["errors"]] == ["value.duplicate"]
    after = [{"role": "near", "file": twice}]
    payload = await stored.create(GRID, twice, photosAfter=after)
    assert [(e["path"], e["code"]) for e in payload["errors"]] == [(["photosAfter", "0"], "file.twice")]
    assert (await stored.create(GRID, twice))["errors"] == []


async def test_another_ones_upload_is_as_one_that_never_was(stored: Stored) -> None:
    file = await stored.upload(NANMING, picture(colour="pink"))
    answers = [await stored.create(GRID, named) for named in (file, str(uuid7()))]
    assert answers[0] == answers[1]
    assert [e["code"] for e in answers[0]["errors"]] == ["ref.unknown"]
    _, taken = await stored.held(NANMING, picture(colour="plum"))
    assert await stored.create(GRID, taken["id"]) == answers[0]
    assert (await stored.create(NANMING, file))["errors"] == []


async def test_a_refused_write_leaves_the_upload_as_it_was(stored: Stored) -> None:
    file = await stored.upload(GRID, picture(colour="gold"))
    refused = await stored.create(GRID, file, category="E-77")
    assert [e["code"] for e in refused["errors"]] == ["code.unknown"]
    warned = await stored.create(GRID, file, description="测试")
    assert (warned["errors"], [w["code"] for w in warned["warnings"]]) == ([], ["casework.description_too_short"])
    assert (await stored.create(GRID, file))["errors"] == []


async def test_of_many_rows_each_takes_its_own_upload(stored: Stored) -> None:
    files = [await stored.upload(GRID, picture(colour=colour)) for colour in ("tan", "snow")]
    inputs = [await stored.incident(GRID, file) for file in (files[0], str(uuid7()), files[1], files[0])]
    text = """mutation($i: [CreateIncidentInput!]!) { createIncidents(inputs: $i, errorPolicy: PER_ROW) {
      nodes { photosBefore { file { id } } } errors { index code } } }"""
    made = (await stored.city.data(GRID, text, {"i": inputs}))["createIncidents"]
    assert [node and node["photosBefore"][0]["file"]["id"] for node in made["nodes"]] == [
        files[0], None, files[1], None,
    ]  # fmt: skip
    assert [(e["index"], e["code"]) for e in made["errors"]] == [(1, "ref.unknown"), (3, "file.twice")]


async def test_a_replaced_picture_is_gone_and_one_that_stays_need_not_be_uploaded_again(stored: Stored) -> None:
    files = [await stored.upload(GRID, picture(colour=colour)) for colour in ("peru", "navy", "lime")]
    node = (await stored.create(GRID, *files[:2]))["node"]
    patch = {"photosBefore": [{"role": "far", "file": files[1]}, {"role": "near", "file": files[2]}]}
    made = (await stored.city.data(GRID, UPDATE, {"id": node["id"], "p": patch}))["updateIncident"]
    assert made["errors"] == []
    assert [photo["file"]["id"] for photo in made["node"]["photosBefore"]] == files[1:]
    left = await stored.owner.fetch("SELECT id::text FROM wangge.file WHERE id = ANY($1::uuid[])", files)
    assert {row["id"] for row in left} == set(files[1:])
    sql = "SELECT count(*) FROM wangge.object WHERE file = $1 AND secret IS NOT NULL"
    assert await stored.owner.fetchval(sql, uuid.UUID(files[0])) == 0
    assert (await stored.get(node["photosBefore"][0]["file"]["link"])).status_code == 404


async def test_photos_are_pictures_that_are_not_too_old(stored: Stored) -> None:
    document = await stored.upload(GRID, pdf(), "照片.jpg")
    payload = await stored.create(GRID, document)
    assert [(e["path"], e["code"]) for e in payload["errors"]] == [(["photosBefore", "0"], "file.not_a_picture")]
    for taken in ("2026:01:01 00:00:00", "2030:01:01 00:00:00"):
        old = await stored.create(GRID, await stored.upload(GRID, photographed(taken)))
        assert [e["code"] for e in old["errors"]] == ["file.too_old"]


async def test_the_same_picture_in_another_case_is_flagged_without_naming_that_case(stored: Stored) -> None:
    content = picture(colour="maroon")
    first, _ = await stored.held(GRID, content)
    second, _ = await stored.held(NANMING, content)
    flags = await stored.owner.fetch(
        'SELECT "row", code, facts::text FROM wangge.flag WHERE "row" = ANY($1::text[])', [first, second]
    )
    assert [(flag["row"], flag["code"]) for flag in flags] == [(second, "file.reused")]
    assert first not in (flags[0]["facts"] or "")


async def test_a_form_of_graphql_brings_files_and_the_row_that_holds_them(stored: Stored) -> None:
    variables = {"i": await stored.incident(GRID, None, None)}
    places = {"0": ["variables.i.photosBefore.0.file"], "1": ["variables.i.photosBefore.1.file"]}
    answer = await stored.form(GRID, CREATE, variables, places, picture(colour="teal"), picture(colour="cyan"))
    assert answer.status_code == 200
    payload = answer.json()["data"]["createIncident"]
    assert payload["errors"] == []
    assert [photo["file"]["name"] for photo in payload["node"]["photosBefore"]] == ["0.jpg", "1.jpg"]


@pytest.mark.parametrize(
    "places",
    [
        {"0": ["query"]},
        {"0": ["variables.i.description"]},
        {"0": ["variables.i.photosBefore.5.file"]},
        {"0": ["variables"]},
        {"0": ["extensions.x"]},
        {"7": ["variables.i.photosBefore.0.file"]},
        {"0": "variables.i"},
        [],
    ],
)
async def test_a_form_puts_files_nowhere_but_where_a_null_stands_in_the_variables(stored: Stored, places: Any) -> None:
    answer = await stored.form(GRID, CREATE, {"i": await stored.incident(GRID, None)}, places, picture())
    assert (answer.status_code, answer.json()["errors"][0]["extensions"]["code"]) == (400, "request.malformed")


async def begin(stored: Stored, login: str, content: bytes, **more: Any) -> dict[str, Any]:
    """The answer to an announced upload."""
    given = {"name": "a/b/照片.jpg", "size": len(content), **more}
    made: dict[str, Any] = (await stored.city.data(login, BEGIN, {"i": given}))["createUpload"]
    return made


async def send(form: dict[str, Any], content: bytes, **other: str) -> httpx.Response:
    """Send a content by a form, straight to the object storage."""
    fields = {field["name"]: field["value"] for field in form["fields"]} | other
    async with httpx.AsyncClient() as http:
        return await http.post(form["url"], data=fields, files={"file": ("x", content)})


async def test_a_direct_upload_is_looked_at_before_it_may_be_used(stored: Stored) -> None:
    content = photographed(now_taken(), colour="purple")
    made = await begin(stored, GRID, content, sha256=hashlib.sha256(content).hexdigest().upper())
    assert made["errors"] == []
    form = made["upload"]
    assert [e["code"] for e in (await stored.create(GRID, form["id"]))["errors"]] == ["ref.unknown"]
    early = (await stored.city.data(GRID, COMPLETE, {"id": form["id"]}))["completeUpload"]
    assert [e["code"] for e in early["errors"]] == ["upload.not_there"]
    assert (await send(form, content)).status_code in (200, 201, 204)
    other = (await stored.city.data(NANMING, COMPLETE, {"id": form["id"]}))["completeUpload"]
    assert [e["code"] for e in other["errors"]] == ["upload.unknown"]
    done = (await stored.city.data(GRID, COMPLETE, {"id": form["id"]}))["completeUpload"]
    assert done["errors"] == []
    assert (done["file"]["name"], done["file"]["mediaType"]) == ("照片.jpg", "image/jpeg")
    again = (await stored.city.data(GRID, COMPLETE, {"id": form["id"]}))["completeUpload"]
    assert [e["code"] for e in again["errors"]] == ["upload.unknown"]
    payload = await stored.create(GRID, form["id"])
    assert payload["errors"] == []
    shown = await stored.get(payload["node"]["photosBefore"][0]["file"]["link"])
    assert b"0815" not in shown.content
    await send(form, picture(colour="black"))  # the form is still good for ten minutes, and changes nothing
    same = await stored.get((await stored.photos(GRID, payload["node"]["id"]))[0]["file"]["link"])
    assert same.content == shown.content


async def test_a_time_by_the_device_counts_where_a_picture_says_none(stored: Stored) -> None:
    now = dt.datetime.now(dt.UTC).replace(microsecond=0)
    cases = [
        (picture(colour="peachpuff"), now, "device", []),
        (picture(colour="skyblue"), now - dt.timedelta(days=3), "device", ["file.too_old"]),
        (photographed(now_taken(), colour="peru"), now - dt.timedelta(days=3), "exif", []),
    ]
    for content, taken, source, codes in cases:
        form = (await begin(stored, GRID, content, takenAt=taken.isoformat()))["upload"]
        await send(form, content)
        done = (await stored.city.data(GRID, COMPLETE, {"id": form["id"]}))["completeUpload"]
        assert done["errors"] == []
        told = await stored.owner.fetchval(
            "SELECT taken_at_source FROM wangge.file WHERE id = $1", uuid.UUID(form["id"])
        )
        assert (told, source != "device" or dt.datetime.fromisoformat(done["file"]["takenAt"]) == taken) == (
            source,
            True,
        )
        assert [e["code"] for e in (await stored.create(GRID, form["id"]))["errors"]] == codes


async def test_a_call_that_comes_twice_holds_the_same_file(stored: Stored) -> None:
    file, own = await stored.upload(GRID, picture(colour="indigo")), str(uuid7())
    first, again = [await stored.create(GRID, file, id=own) for _ in range(2)]
    assert (first["errors"], again["errors"], again["node"]["id"]) == ([], [], own)
    assert again["node"]["photosBefore"][0]["file"]["id"] == file
    text = "mutation($i: CreateIncidentInput!, $k: String) { createIncident(input: $i, idempotencyKey: $k) { node { id } errors { code } } }"
    given = {"i": await stored.incident(GRID, await stored.upload(GRID, picture(colour="indianred"))), "k": "photo"}
    made = [(await stored.city.data(GRID, text, given))["createIncident"] for _ in range(2)]
    assert made[0] == made[1]
    assert made[0]["errors"] == []


async def test_a_form_takes_one_object_of_the_announced_size_and_no_other(stored: Stored) -> None:
    content = picture(colour="violet")
    form = (await begin(stored, GRID, content))["upload"]
    assert (await send(form, content + b"\0" * 5_000)).status_code >= 400
    assert (await send(form, content, key="2026/11/25/other")).status_code >= 400
    assert (await send(form, content, policy="e30=")).status_code >= 400
    assert (await send(form, content[:-3])).status_code < 400
    cut = (await stored.city.data(GRID, COMPLETE, {"id": form["id"]}))["completeUpload"]
    assert [e["code"] for e in cut["errors"]] == ["upload.other_size"]
    assert (await send(form, content[:-1] + b"\0")).status_code < 400
    assert "errors" in (await stored.city.data(GRID, COMPLETE, {"id": form["id"]}))["completeUpload"]


@pytest.mark.parametrize(
    ("content", "more", "code"),
    [
        (picture(colour="green"), {"sha256": "0" * 64}, "upload.other_content"),
        (b"<svg><script/></svg>", {}, "file.type_not_allowed"),
        (picture()[:-40], {}, "file.broken"),
    ],
)
async def test_what_a_direct_upload_brought_is_refused_by_its_content(
    stored: Stored, content: bytes, more: dict[str, str], code: str
) -> None:
    form = (await begin(stored, GRID, content, **more))["upload"]
    assert (await send(form, content)).status_code < 400
    done = (await stored.city.data(GRID, COMPLETE, {"id": form["id"]}))["completeUpload"]
    assert ([e["code"] for e in done["errors"]], done["file"]) == ([code], None)


@pytest.mark.parametrize(("size", "code"), [(0, "file.empty"), (-1, "file.empty"), (20_000_001, "file.too_large")])
async def test_sizes_that_cannot_be_are_refused_at_once(stored: Stored, size: int, code: str) -> None:
    made = await begin(stored, GRID, b"x", size=size)
    assert (made["upload"], [e["code"] for e in made["errors"]]) == (None, [code])


async def test_what_nobody_used_is_gone_after_a_day_and_its_objects_with_it(stored: Stored) -> None:
    unused = await stored.upload(YUNYAN, picture(colour="brown"))
    _, kept = await stored.held(YUNYAN, picture(colour="coral"))
    begun = (await begin(stored, YUNYAN, picture(colour="gray")))["upload"]
    await send(begun, picture(colour="gray"))
    ids = [uuid.UUID(each) for each in (unused, kept["id"], begun["id"])]
    keys = {
        r["key"]: r["file"]
        for r in await stored.owner.fetch("SELECT key, file FROM wangge.object WHERE file = ANY($1)", ids)
    }
    assert keys.keys() <= (await stored.objects.keys()).keys()
    await collect(stored.owner, stored.objects, NO_AGE)
    assert {r[0] for r in await stored.owner.fetch("SELECT id FROM wangge.file WHERE id = ANY($1)", ids)} == set(
        ids[:2]
    )
    await stored.owner.execute("UPDATE wangge.upload SET until = now() WHERE file = ANY($1)", ids)
    late = await stored.create(YUNYAN, unused)
    assert [e["code"] for e in late["errors"]] == ["ref.unknown"]
    done = await collect(stored.owner, stored.objects, NO_AGE)
    assert done.uploads == 2
    assert {r[0] for r in await stored.owner.fetch("SELECT id FROM wangge.file WHERE id = ANY($1)", ids)} == {ids[1]}
    left = (await stored.objects.keys()).keys()
    assert {keys[key] for key in keys.keys() & left} == {ids[1]}
    assert await stored.owner.fetchval("SELECT count(*) FROM wangge.object WHERE file = ANY($1)", ids) == 2


async def test_who_may_not_upload_has_no_field_for_it_and_is_refused(stored: Stored) -> None:
    resident = next(a["account"] for a in stored.city.accounts.values() if a["role"] == "resident")
    answer = await stored.post(resident, picture())
    assert (answer.status_code, answer.json()["code"]) == (403, "write.not_allowed")
    found = await stored.city.data(resident, "{ __schema { mutationType { fields { name } } } }")
    assert not {"createUpload", "completeUpload"} & {f["name"] for f in found["__schema"]["mutationType"]["fields"]}


async def test_every_upload_stands_in_the_ledger(stored: Stored) -> None:
    file = await stored.upload(GRID, picture(colour="linen"))
    entry = await stored.owner.fetchrow(
        "SELECT actor_name, action, entity FROM wangge.ledger_entry WHERE row_id = $1", uuid.UUID(file)
    )
    assert entry is not None
    assert tuple(entry) == (GRID, "upload", "wangge.file")
