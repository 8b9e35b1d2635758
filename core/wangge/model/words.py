"""Forms of names, and the names that files cannot take."""

from __future__ import annotations

MODULE_ID = r"[a-z][a-z0-9]*(?:_[a-z0-9]+)*"
LOCAL_NAME = MODULE_ID
ENTITY_NAME = rf"{MODULE_ID}\.{LOCAL_NAME}"
FIELD_NAME = r"[a-z][A-Za-z0-9]*"
TYPE_NAME = r"[A-Z][A-Za-z0-9]*"
ENUM_VALUE = r"[A-Z][A-Z0-9]*(?:_[A-Z0-9]+)*"
CODE_NAME = rf"{MODULE_ID}\.[a-z][a-z0-9_]*"
VERSION = r"(?:0|[1-9][0-9]*)\.(?:0|[1-9][0-9]*)\.(?:0|[1-9][0-9]*)(?:-[0-9A-Za-z.-]+)?(?:\+[0-9A-Za-z.-]+)?"
LONGEST = 63
"""bytes of a PostgreSQL name."""
RESERVED_FIELDS = frozenset(
    "id nodeId revision createdAt createdBy updatedAt removedAt batchId areaId areaOrd districtId unitId unitOrd "
    "and or not some every none isNull within".split()
)
RESERVED_MODULES = frozenset("public jobs information_schema pg_catalog pg_toast".split())
GENERAL_NOUNS = frozenset("Activity Decision Item Record Plan Clue Object Entity Thing Data Info Detail".split())
"""Types that say nothing of what they are (MODEL.md 1)."""
BUILT_IN_TYPES = frozenset(
    "Query Mutation Subscription Node Entity Connection Edge PageInfo Count Point PointInput NearInput GeoJSON JSON Date Time "
    "DateTime Decimal BigInt ID String Int Float Boolean FileLink Language Sort Order SortDirection Removed Error Warning "
    "InputError ErrorPolicy OnConflict ServerInfo Me TotalCount GroupValue DateUnit AreaLevel AreaLevelKey "
    "CubeAreaKey Change Changes ChangeKind ChangeReason ChangingType".split()
)
"""Types that the platform itself declares in GraphQL."""
BUILT_IN_ROOTS = frozenset("node me version health changes search".split())
SUFFIXES = (
    "Where Order Connection Edge Payload Aggregate AggregateOrder GroupBy Key KeyOrder Having CountDistinct Sum Avg Min Max "
    "Change"
).split()
"""`<Type><suffix>` are types of the platform."""
