"""`python -m tests.bench.bulk`: rows a second of one call with 10,000 persons, beside hand-written SQL for the same rows.

The persons have a sealed number with its unique claim, a sealed phone and five plain fields. The floor is one statement that
puts the same values into the same tables in clear, without keys, claims, events or ledger.
"""

from __future__ import annotations

import asyncio
import os
import tempfile
import time
from pathlib import Path
from typing import Any

import msgspec
from tests.records.world import City, discovered, make_city

from wangge.crypto import Keys
from wangge.model.identifiers import check_of_id_number
from wangge.store.embedded import EmbeddedPostgres
from wangge.store.pool import Pool

ROWS, ROUNDS = 10_000, 3
FLOOR = """WITH x AS MATERIALIZED (SELECT uuidv7() AS id, y.* FROM json_to_recordset($1::json) AS y(
  name text, "idNumber" text, sex text, "birthDate" date, "hukouAddress" text, phone text)),
p AS (INSERT INTO base.person (id, revision, created_at, updated_at, name, id_number_enc, id_number_mask, sex, birth_date,
  hukou_address, area_id, area_ord, district_id) SELECT x.id, 1, now(), now(), x.name, x."idNumber"::bytea, x."idNumber", x.sex,
  x."birthDate", x."hukouAddress", $2, $3, $4 FROM x),
a AS (INSERT INTO base.person_area (row_id, area_id, area_ord, district_id, via, sort)
  SELECT x.id, $2, $3, $4, 'home', x.name FROM x)
INSERT INTO base.person_phones (id, row_id, ord, number_enc, number_mask) SELECT uuidv7(), x.id, 0, x.phone::bytea, x.phone FROM x"""


def person(n: int) -> dict[str, Any]:
    """The plain fields of a person; every number is another one."""
    day, serial = divmod(n, 1_000)
    month, day = divmod(day, 28)
    year, month = divmod(month, 12)
    digits = f"520103{1900 + year}{month + 1:02d}{day + 1:02d}{serial:03d}"
    number = digits + check_of_id_number(digits)
    return {"name": f"测试{n}", "idNumber": number, "sex": "1", "birthDate": "1980-01-01", "hukouAddress": "某路某号"}


async def measure(server: EmbeddedPostgres) -> None:
    """Both in turn, so that they meet the same machine; the best of each."""
    database, model = server.create_database("bulk"), discovered()
    areas = await make_city(database, model)
    area = areas["north_1"]
    ours, floor, cpu = [], [], []
    async with Pool(database, "app") as pool, Pool(database, "owner") as owner:
        city = City(model, areas, pool, Keys(b"1" * 32, b"2" * 32))
        for round_ in range(ROUNDS):
            rows = [person(round_ * ROWS + n) for n in range(ROWS)]
            wires = [{**row, "area": area.id, "phones": [{"number": f"139{n:08d}"}]} for n, row in enumerate(rows)]
            began, used = time.perf_counter(), time.process_time()
            made = await city.records.create(city.scope("north"), "base.person", wires)
            ours.append(time.perf_counter() - began)
            cpu.append(time.process_time() - used)
            assert len(made.ids) == ROWS, made.errors[:1]
            text = msgspec.json.encode([{**row, "phone": f"138{n:08d}"} for n, row in enumerate(rows)])
            began = time.perf_counter()
            await owner.execute(FLOOR, text, area.id, area.ord, area.district)
            floor.append(time.perf_counter() - began)
    print(f"ours  {ROWS / min(ours):8,.0f} rows/s ({min(ours):.2f} s, of which Python {min(cpu):.2f} s of CPU)")
    print(f"floor {ROWS / min(floor):8,.0f} rows/s ({min(floor):.2f} s)")
    print(f"ours is {min(floor) / min(ours):.2f} of the floor")


def main() -> None:
    """Measure on a server of its own."""
    with tempfile.TemporaryDirectory(dir=os.environ.get("TMPDIR")) as folder:
        server = EmbeddedPostgres(Path(folder))
        server.start()
        try:
            asyncio.run(measure(server))
        finally:
            server.stop()


if __name__ == "__main__":
    main()
