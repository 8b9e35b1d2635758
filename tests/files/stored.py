"""What tests do with files over HTTP: upload them, put them into incidents, follow links."""

from __future__ import annotations

import json
from typing import Any

import httpx
from tests.city import City

from wangge.files.objects import Objects
from wangge.store.database import Database
from wangge.store.pool import Pool

NANMING, YUNYAN, GRID = "nanming-urban-management", "yunyan-urban-management", "nanming-grid-1"
CREATE = """mutation($i: CreateIncidentInput!) { createIncident(input: $i) {
  node { id revision photosBefore { role file { id name mediaType bytes width link small: link(size: SMALL) } } }
  errors { path code message } warnings { code } } }"""
UPDATE = """mutation($id: ID!, $p: UpdateIncidentInput!) { updateIncident(id: $id, patch: $p) {
  node { id photosBefore { role file { id link } } } errors { path code } } }"""
PHOTOS = """query($id: ID!) { incident(id: $id) {
  photosBefore { role file { id name mediaType bytes width height takenAt link small: link(size: SMALL) } } } }"""


def bucket_of(database: Database) -> str:
    """A bucket for the copy of the city of one test file."""
    return "files-" + database.name.replace("_", "-")


class Stored:
    """The served city and its bucket."""

    def __init__(self, city: City, objects: Objects, owner: Pool) -> None:
        self.city = city
        self.objects = objects
        self.owner = owner
        self._areas: dict[str, str] = {}

    async def post(self, login: str | None, *contents: bytes, name: str = "照片.jpg", **more: str) -> httpx.Response:
        """The answer to a form with files."""
        forms = [("file", (name, content, "application/octet-stream")) for content in contents]
        return await self.city.http.post("/files", files=forms, headers={**self.city.headers(login), **more})

    async def upload(self, login: str, content: bytes, name: str = "照片.jpg") -> str:
        """The id of an upload."""
        answer = await self.post(login, content, name=name)
        assert answer.status_code == 201, answer.text
        return str(answer.json()["files"][0]["id"])

    async def area(self, login: str) -> str:
        """The first grid that an account sees."""
        if login not in self._areas:
            found = await self.city.data(
                login, '{ areas(where: {kind: {eq: "grid"}}, orderBy: [{code: ASC}], first: 1) { nodes { id } } }'
            )
            self._areas[login] = str(found["areas"]["nodes"][0]["id"])
        return self._areas[login]

    async def incident(self, login: str, *files: str | None, **more: Any) -> dict[str, Any]:
        """The input of an incident with photos."""
        photos = [{"role": "near", "file": file} for file in files]
        return {
            "area": await self.area(login), "duty": "6", "source": "STAFF", "kind": "EVENT", "category": "E-01-02",
            "description": "路边垃圾堆放", "photosBefore": photos, **more,
        }  # fmt: skip

    async def create(self, login: str, *files: str, **more: Any) -> dict[str, Any]:
        """The payload of an incident with photos."""
        made = await self.city.data(login, CREATE, {"i": await self.incident(login, *files, **more)})
        payload: dict[str, Any] = made["createIncident"]
        return payload

    async def held(self, login: str, content: bytes, name: str = "照片.jpg") -> tuple[str, dict[str, Any]]:
        """(incident, its only photo) of a content that was uploaded and put into a new incident."""
        payload = await self.create(login, await self.upload(login, content, name))
        assert payload["errors"] == []
        return payload["node"]["id"], payload["node"]["photosBefore"][0]["file"]

    async def photos(self, login: str, incident: str) -> Any:
        """The photos as an account sees them; None where it sees no incident."""
        found = (await self.city.data(login, PHOTOS, {"id": incident}))["incident"]
        return found and found["photosBefore"]

    async def get(self, link: str, **headers: str) -> httpx.Response:
        """What a link gives to somebody without a name."""
        return await self.city.http.get(link, headers=headers)

    async def form(self, login: str, query: str, variables: Any, places: Any, *contents: bytes, **more: str) -> Any:
        """The answer to a GraphQL multipart request."""
        fields = {"operations": json.dumps({"query": query, "variables": variables}), "map": json.dumps(places)}
        files = [(str(n), (f"{n}.jpg", content, "image/jpeg")) for n, content in enumerate(contents)]
        headers = {**self.city.headers(login), **({"graphql-require-preflight": "1"} | more)}
        return await self.city.http.post("/graphql", data=fields, files=files, headers=headers)
