"""Every mistake has its code, its file, its line, and says what instead."""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple

import pytest

from wangge.errors import SchemaError
from wangge.model.load import SchemaErrors, load_model

from .sample import REAL, copy_of_dogs, line_of

DOG = "entities/dog.yaml"
SHOT = "entities/vaccination.yaml"
MODULE = "module.yaml"
ROLES = "roles.yaml"
PURPOSES = "purposes.yaml"
PAGES = "pages.yaml"
MESSAGES = "messages.yaml"
TABLE = "tables/dog_breed.yaml"
CODES = "tables/dog_breed.csv"
SEED = "seed/casework.filing_condition.csv"


ELSEWHERE = {"SEED": SEED, "SHOT": SHOT}
"""Cases whose mistake is told in another file."""


class Case(NamedTuple):
    """In `file`, `old` becomes `new`; expected is `code` at the line of `at` (of `new` when empty), and `instead` in it."""

    file: str
    old: str
    new: str
    code: str
    instead: str
    at: str = ""
    most: int = 3
    """Mistakes in all: few follow from another."""


COUNTED = """entity: dog_registry.vaccination
    actions: [list, get]
    fields: {"*": clear}
    where: {dog: {area: {within: $area}}}"""
COUNTED_BY = """entity: dog_registry.dog
    actions: [aggregate]
    fields: {{"*": clear}}
    dimensions: {}"""
CASES = [
    # YAML
    Case(DOG, "scope: area", "scope: [area", "syntax", "brackets", "fields:"),
    Case(DOG, "scope: area", "scope:\n\tarea", "tab", "spaces", "\tarea"),
    Case(DOG, "scope: area", "scope: &a area", "alias", "write the value out"),
    Case(DOG, "scope: area", "scope: !!str area", "tag", "remove it"),
    Case(DOG, "scope: area", "scope: area\n---\nscope: city", "several_documents", "keep one", "---"),
    Case(DOG, "scope: area", "scope: area\nscope: city", "duplicate_key", "remove one", "scope: city"),
    Case(DOG, "scope: area", "scope: area\n? [a]\n: b", "key", "plain word", "? [a]"),
    Case(DOG, "search: [name]", "search: " + "[" * 60 + "]" * 60, "too_deep", "flatten"),
    # names
    Case(DOG, "entity: dog_registry.dog", "entity: Dog", "entity_name", "dog_registry.dog"),
    Case(DOG, "entity: dog_registry.dog", "entity: dogs.dog", "other_module", "dog_registry.dog"),
    Case(DOG, "entity: dog_registry.dog", "entity: dog_registry.hound", "file_name", "hound.yaml"),
    Case(DOG, "entity: dog_registry.dog", "entiti: dog_registry.dog", "unknown_key", '"entity"'),
    Case(DOG, "entity: dog_registry.dog\n", "", "missing", '"entity"', "type: DogRegistryDog"),
    Case(DOG, "type: DogRegistryDog", "type: dogRegistryDog", "type_name", "DogRegistryDog"),
    Case(DOG, "type: DogRegistryDog", "type: Dog", "type_prefix", "DogRegistryDog"),
    Case(DOG, "type: DogRegistryDog", "type: Record", "general_type", "says nothing"),
    Case(DOG, "type: DogRegistryDog", "type: Query", "built_in_type", "another"),
    Case(DOG, "type: DogRegistryDog", "type: Incident", "type_taken", "another"),
    Case(DOG, "type: DogRegistryDog", "type: IncidentConnection", "type_taken", "urban_management.incident"),
    Case(DOG, "plural: dogRegistryDogs", "plural: DogRegistryDogs", "plural_name", "camelCase"),
    Case(DOG, "plural: dogRegistryDogs", "plural: dogs", "plural_prefix", "dogRegistryDogs"),
    Case(DOG, "plural: dogRegistryDogs", "plural: incidents", "plural_taken", "another"),
    Case(DOG, "plural: dogRegistryDogs", "plural: dogRegistryDog", "plural_is_single", "choose"),
    Case(DOG, "plural: dogRegistryDogs\n", "", "missing", '"plural"', "entity: dog_registry.dog"),
    Case(DOG, "label: {zh: 犬只, en: Dog}", "label: {zh: 犬只}", "missing_language", '"en"'),
    Case(DOG, "label: {zh: 犬只, en: Dog}", "label: 犬只", "type", "mapping"),
    Case(DOG, "label: {zh: 犬只, en: Dog}", "labels: {zh: 犬只, en: Dog}", "unknown_key", '"label"'),
    Case(DOG, "scope: area", "scope: district", "scope", "area, city, unit"),
    Case(DOG, "scope: area\n", "", "missing", '"scope"', "entity: dog_registry.dog"),
    Case(DOG, "scope: area", "scope: {parent: kennel}", "unknown_field", "Possible"),
    Case(DOG, "scope: area", "scope: {parent: name}", "scope_field", "ref"),
    Case(DOG, "scope: area", "scope: {through: [mother]}", "scope_field", "children"),
    Case(DOG, "scope: area", "scope: {parent: mother}", "parent_cycle", "scope: area"),
    # fields
    Case(DOG, "name: litter, type: integer", "name: litter, type: int", "unknown_type", '"integer"'),
    Case(DOG, "name: litter, type: integer", "name: litter, type: integr", "unknown_type", '"integer"'),
    Case(DOG, "{name: litter, type: integer,", "{name: litter,", "missing", '"type"'),
    Case(DOG, "{name: litter, type", "{type", "missing", '"name"', "{type: integer"),
    Case(DOG, "{name: litter, type", "{name: Litter, type", "name", "camelCase"),
    Case(DOG, "{name: litter, type", "{name: litter_size, type", "name", '"litterSize"'),
    Case(DOG, "{name: litter, type", "{name: revision, type", "reserved_name", "another"),
    Case(DOG, "{name: litter, type", "{name: area, type", "name_taken", "another"),
    Case(DOG, "{name: litter, type", "{name: keeperId, type", "name_taken", "another", "{name: keeper,"),
    Case(DOG, "{name: litter, type", "{name: name, type", "duplicate_field", "another", "{name: name, type: integer"),
    Case(DOG, "{name: litter, type", "{name: litter, id: name, type", "duplicate_field", "another"),
    Case(DOG, "{name: litter, type", "{name: colour, type", "retired_id", "another"),
    Case(DOG, "{name: litter, type", "{name: homeLat, type", "column_taken", "another", "{name: home, type"),
    Case(DOG, "{name: litter, type", "{name: " + "x" * 64 + ", type", "name_too_long", "shorten"),
    Case(DOG, "{name: bites, type", "{name: " + "b" * 61 + ", type", "name_too_long", "shorten"),
    Case(DOG, "min: 1, max: 20", "min: 20, max: 1", "bounds", "swap"),
    Case(DOG, "min: 1, max: 20", "min: one, max: 20", "type", "whole number"),
    Case(DOG, "min: 1, max: 20", "min: 1.5, max: 20", "type", "whole number"),
    Case(DOG, "min: 1, max: 20", "multiline: true", "key_of_other_type", "only for text"),
    Case(DOG, "min: 1, max: 20", "minimum: 1", "unknown_key", '"min"'),
    Case(DOG, "type: text, max: 20, default", "type: text, max: 0, default", "bounds", "1 to"),
    Case(DOG, "type: text, max: 20, default", "type: text, max: long, default", "type", "whole number"),
    Case(DOG, "pattern: '[0-9]{15}'", "pattern: '[0-9'", "pattern", "regular expression"),
    Case(DOG, "pattern: '[0-9]{15}'", "pattern: '([0-9]+)+'", "pattern", "nested"),
    Case(DOG, "pattern: '[0-9]{15}'", "pattern: '(?i)[0-9]'", "pattern", "browsers"),
    Case(DOG, "{division6}{seq:5}", "{division6}", "number_pattern", "exactly one"),
    Case(DOG, "{division6}{seq:5}", "{seq:5}{seq:5}", "number_pattern", "exactly one"),
    Case(DOG, "{division6}{seq:5}", "{division9}{seq:5}", "number_pattern", "{division6}"),
    Case(DOG, "{division6}{seq:5}", "{division6{seq:5}", "number_pattern", "braces"),
    Case(DOG, "required: true, default: A-01", "required: yes, default: A-01", "type", "true or false"),
    Case(DOG, "required: true, default: A-01", "default: A-02", "unknown_code", '"A-01"'),
    Case(DOG, "default: 旺财", "default: 这个名字实在是太长太长太长太长太长太长了吧", "default", "At most 20"),
    Case(DOG, "default: KEPT", "default: KEP", "default", '"KEPT"'),
    Case(DOG, "default: KEPT", "default: $now", "default", "$now"),
    Case(DOG, "min: 1, max: 20", "min: 1, max: 20, default: 21", "default", "at most 20"),
    Case(DOG, "min: 1, max: 20", "min: 1, max: 20, default: x", "default", "whole number"),
    Case(DOG, "{name: home, type: point,", "{name: home, type: point, default: here,", "default", "before_write"),
    Case(DOG, "value: LOST,", "value: lost,", "enum_value", '"LOST"'),
    Case(DOG, "value: LOST,", "value: KEPT,", "duplicate_value", "remove one", "value: KEPT, label: {zh: 走失"),
    Case(DOG, "{value: LOST, label: {zh: 走失, en: Lost}}", "{value: LOST}", "missing_label", "label"),
    Case(TABLE, "values: [SMALL, LARGE]", "values: []", "enum", "at least one"),
    Case(TABLE, "type: enum, values: [SMALL, LARGE]", "type: enum", "missing", '"values"'),
    Case(DOG, "table: dog_breed", "table: dog_bread", "unknown_table", '"dog_breed"'),
    Case(DOG, "type: code, table: dog_breed,", "type: code,", "missing", '"table"'),
    Case(DOG, "to: dog_registry.dog,", "to: dog_registry.dgo,", "unknown_reference", '"dog_registry.dog"'),
    Case(DOG, "to: dog_registry.dog,", "to: [],", "target", "each entity once"),
    Case(DOG, "type: ref, to: dog_registry.dog,", "type: ref,", "missing", '"to"', "{name: mother"),
    Case(DOG, "inverse: dog,", "inverse: dogg,", "unknown_inverse", '"dog"'),
    Case(DOG, "inverse: dog,", "inverse: clinic,", "not_inverse", "name one"),
    Case(DOG, "inverse: dog, ", "", "missing", '"inverse"', "{name: vaccinations"),
    Case(DOG, "order: [{givenOn: DESC}]", "order: [{given: DESC}]", "unknown_field", '"givenOn"'),
    Case(DOG, "order: [{givenOn: DESC}]", "order: [{givenOn: DOWN}]", "order", "ASC or DESC"),
    Case(DOG, "with: urban_management, ", "", "missing_with", "with: urban_management", "{name: incident"),
    Case(DOG, "with: urban_management,", "with: food_safety,", "unknown_module", "optional"),
    Case(
        DOG, "with: urban_management,", "with: urban_management, required: true,", "required_with", "cannot be required"
    ),
    Case(DOG, "{name: note, type: text, max: 100,", "{name: note, type: refs, to: base.person,", "part_type", "entity"),
    Case(DOG, "{name: note, type: text, max: 100,", "{name: on, type: text,", "duplicate_field", "another"),
    Case(
        DOG,
        "label: {zh: 伤人记录, en: Bites}, fields: [\n      {name: on, type: date, required: true, label: {zh: 日期, en: On}},\n"
        "      {name: note, type: text, max: 100, label: {zh: 说明, en: Note}}]",
        "label: {zh: 伤人记录, en: Bites}",
        "missing",
        '"fields"',
    ),
    Case(DOG, "precision: true", "precision: true, expression: 'now()'", "computed", "computed: true"),
    Case(DOG, "precision: true", "computed: true, expression: '{born}'", "unknown_field", '"bornOn"'),
    Case(DOG, "precision: true", "computed: true, inputs: [born]", "unknown_field", '"bornOn"'),
    Case(DOG, "precision: true", "written_by: birth", "unknown_operation", "no operation"),
    # privacy
    Case(
        DOG,
        "type: phone, sensitivity: personal, purposes: [dog_registration]",
        "type: phone, sensitivity: personal",
        "no_purposes",
        "purposes",
    ),
    Case(
        DOG,
        "retention: {after: diedOn, keep: P3Y, then: anonymise}\n",
        "",
        "no_retention",
        "retention",
        "{name: keeper,",
    ),
    Case(DOG, "type: phone, sensitivity: personal", "type: phone, sensitivity: secret", "choice", "personal"),
    Case(
        DOG,
        "type: ref, to: base.person, sensitivity: personal, purposes: [dog_registration]",
        "type: ref, to: base.person, sensitivity: personal, purposes: [dog_registraton]",
        "unknown_purpose",
        '"dog_registration"',
    ),
    Case(DOG, "precision: true", "sealed: true", "sealed_type", "rules"),
    Case(DOG, "min: 1, max: 20", "sealed: true", "sealed_type", "rules"),
    Case(DOG, "{name: home, type: point,", "{name: home, type: point, sealed: true,", "sealed_type", "rules"),
    Case(DOG, "precision: true", "mask: {first: 1}", "mask", "to: year"),
    Case(DOG, "precision: true", "mask: {to: year, first: 1}", "mask", "to: year"),
    Case(
        DOG,
        "type: phone, sensitivity: personal",
        "type: phone, mask: {first: 5, last: 4}, sensitivity: personal",
        "mask_tells",
        "{first: 3, last: 4}",
    ),
    Case(
        DOG,
        "type: phone, sensitivity: personal",
        "type: id_number, mask: {first: 2, last: 1}, sensitivity: personal",
        "mask_tells",
        "{first: 2}",
    ),
    Case(
        DOG,
        "type: phone, sensitivity: personal",
        "type: id_number, mask: {first: 10}, sensitivity: personal",
        "mask_tells",
        "{first: 6}",
    ),
    Case(DOG, "search: [name]", "search: [keeperPhone]", "sealed_search", "eq"),
    Case(DOG, "order: [{chipNo: ASC}]", "order: [{keeperPhone: ASC}]", "sealed_order", "another"),
    Case(DOG, "precision: true", "raise: {to: public, when: {bornOn: {isNull: true}}}", "raise", "stricter"),
    Case(DOG, "precision: true", "raise: {to: sensitive}", "missing", '"when"'),
    Case(
        DOG,
        "precision: true",
        "raise: {to: personal, when: {bornOn: {isNull: true}}, purposes: [contact]}",
        "raise_purpose",
        "no purpose of the field",
    ),
    # keys, orderings, search, retention, layout
    Case(DOG, "fields: [chipNo], on_hidden", "fields: [chip], on_hidden", "unknown_field", '"chipNo"'),
    Case(DOG, "fields: [chipNo], on_hidden", "fields: [home], on_hidden", "unique_type", "cannot be unique"),
    Case(DOG, "fields: [chipNo], on_hidden", "fields: [bites], on_hidden", "unique_type", "cannot be unique"),
    Case(DOG, "fields: [chipNo], on_hidden", "fields: [chipNo, chipNo], on_hidden", "duplicate_item", "remove one"),
    Case(DOG, "on_hidden: review", "on_hidden: ignore", "choice", "refuse, review"),
    Case(DOG, "order: [{chipNo: ASC}]", "order: [{chip: ASC}]", "unknown_field", '"chipNo"'),
    Case(DOG, "order: [{chipNo: ASC}]", "order: [{bites: ASC}]", "order_type", "order by"),
    Case(DOG, "order: [{chipNo: ASC}]", "order: [chipNo]", "order", "[{name: ASC}"),
    Case(DOG, "search: [name]", "search: [weight]", "search_type", "text"),
    Case(DOG, "search: [name]", "search: name", "type", "list"),
    Case(DOG, "keep: P3Y, then: anonymise", "keep: 3 years, then: anonymise", "duration", "P5Y"),
    Case(DOG, "keep: P3Y, then: anonymise", "keep: P3Y, then: forget", "choice", "anonymise, erase"),
    Case(DOG, "after: diedOn, keep", "after: deadOn, keep", "unknown_field", '"diedOn"'),
    Case(DOG, "after: diedOn, keep", "after: name, keep", "retention_field", "date"),
    Case(DOG, "list: [licenceNo, name, state]", "list: [licenceNo, nam, state]", "unknown_field", '"name"'),
    Case(DOG, "form: [[chipNo, name], [keeper", "form: [[chipNr, name], [keeper", "unknown_field", '"chipNo"'),
    Case(DOG, "  query: [name, breed]", "  queries: [name, breed]", "unknown_key", '"query"'),
    # conditions
    Case(DOG, "{diedOn: {lt: {$new: bornOn}}}", "{died: {lt: {$new: bornOn}}}", "unknown_field", '"diedOn"'),
    Case(DOG, "{diedOn: {lt: {$new: bornOn}}}", "{diedOn: {less: {$new: bornOn}}}", "unknown_operator", "lt"),
    Case(DOG, "{diedOn: {lt: {$new: bornOn}}}", "{diedOn: {contains: x}}", "operator_of_kind", "eq, ne"),
    Case(DOG, "{diedOn: {lt: {$new: bornOn}}}", "{keeperPhone: {startsWith: '138'}}", "operator_of_kind", "sealed"),
    Case(DOG, "{diedOn: {lt: {$new: bornOn}}}", "{diedOn: {lt: {$new: born}}}", "unknown_field", '"bornOn"'),
    Case(DOG, "{diedOn: {lt: {$new: bornOn}}}", "{diedOn: {lt: {$new: name}}}", "operand", "cannot be compared"),
    Case(DOG, "{diedOn: {lt: {$new: bornOn}}}", "{diedOn: {lt: {$nw: bornOn}}}", "operand", '"$now"'),
    Case(DOG, "{diedOn: {lt: {$new: bornOn}}}", "{diedOn: {lt: $area}}", "operand", "$new"),
    Case(DOG, "{diedOn: {lt: {$new: bornOn}}}", "{diedOn: {lt: {$now: 3 days}}}", "duration", "-P30D"),
    Case(DOG, "{diedOn: {lt: {$new: bornOn}}}", "{diedOn: {lt: 23/11/2026}}", "operand", "2026-11-23"),
    Case(DOG, "{diedOn: {lt: {$new: bornOn}}}", "{diedOn: {eq: null}}", "operand", "isNull: true"),
    Case(DOG, "{diedOn: {lt: {$new: bornOn}}}", "{diedOn: 2026-11-23}", "condition", "{eq: 2026-11-23}"),
    Case(DOG, "{diedOn: {lt: {$new: bornOn}}}", "{diedOn: {isNull: maybe}}", "operand", "true or false"),
    Case(DOG, "{diedOn: {lt: {$new: bornOn}}}", "{or: {diedOn: {isNull: true}}}", "condition", "list of conditions"),
    Case(DOG, "{diedOn: {lt: {$new: bornOn}}}", "[diedOn]", "condition", "mapping"),
    Case(DOG, "{diedOn: {lt: {$new: bornOn}}}", "{state: {eq: DED}}", "unknown_value", '"DEAD"'),
    Case(DOG, "{diedOn: {lt: {$new: bornOn}}}", "{state: {in: DEAD}}", "operand", "[a, b]"),
    Case(DOG, "{diedOn: {lt: {$new: bornOn}}}", "{breed: {eq: Z-01}}", "unknown_code", "no code"),
    Case(DOG, "{diedOn: {lt: {$new: bornOn}}}", "{breed: {under: Z}}", "unknown_code", "no code"),
    Case(DOG, "{diedOn: {lt: {$new: bornOn}}}", "{litter: {gt: many}}", "operand", "whole number"),
    Case(DOG, "{diedOn: {lt: {$new: bornOn}}}", "{mother: {eq: x}}", "operator_of_kind", "{id: {eq"),
    Case(DOG, "{diedOn: {lt: {$new: bornOn}}}", "{mother: {nam: {eq: x}}}", "unknown_field", '"name"'),
    Case(DOG, "{diedOn: {lt: {$new: bornOn}}}", "{bites: {note: {eq: x}}}", "unknown_operator", "some"),
    Case(DOG, "{diedOn: {lt: {$new: bornOn}}}", "{area: {within: here}}", "operand", "$area"),
    Case(DOG, "{diedOn: {lt: {$new: bornOn}}}", "{area: {within: {$new: keeper}}}", "operand", "district"),
    Case(DOG, "{diedOn: {lt: {$new: bornOn}}}", "{home: {near: {metres: 5}}}", "operand", "metres"),
    Case(DOG, "{diedOn: {lt: {$new: bornOn}}}", "{createdBy: {eq: {$actor: person2}}}", "operand", '"person"'),
    Case(DOG, "{diedOn: {lt: {$new: bornOn}}}", "{createdBy: {eq: {$actor: units}}}", "operand", "use in"),
    Case(DOG, "visible: {when: {state: {eq: DEAD}}}", "visible: true", "type", "mapping"),
    Case(DOG, "visible: {when: {state: {eq: DEAD}}}", "visible: {if: {state: {eq: DEAD}}}", "unknown_key", "when"),
    # checks
    Case(DOG, "grade: refuse", "grade: warn", "grade", "Possible"),
    Case(DOG, "code: dog_registry.died_before_birth", "code: DiedBeforeBirth", "check_code", "dog_registry."),
    Case(DOG, "code: dog_registry.died_before_birth", "code: base.died_before_birth", "check_code", "dog_registry."),
    Case(
        DOG,
        "code: dog_registry.died_before_birth",
        "code: dog_registry.too_young",
        "two_messages",
        "remove one",
        "    message: {zh: 死亡",
    ),
    Case(
        DOG,
        "    message: {zh: 死亡日期早于出生日期, en: Died before it was born}\n",
        "",
        "no_message",
        "messages.yaml",
        "code: dog_registry.died",
    ),
    Case(DOG, "    when: {bornOn: {gt: {$now: -P3M}}}\n", "", "missing", '"when"', "code: dog_registry.too_young"),
    Case(DOG, "{diedOn: {lt: {$new: bornOn}}}", "{}", "condition", "always true"),
    Case(
        DOG, "grade: refuse", "grade: refuse\n    with: food_safety", "unknown_module", "optional", "with: food_safety"
    ),
    Case(
        DOG,
        "precision: true",
        "sensitivity: sensitive, purposes: [dog_registration], mask: {to: day}",
        "choice",
        "month",
    ),
    Case(
        DOG,
        "fields: [chipNo], on_hidden: review",
        "fields: [keeperPhone], on_hidden: refuse",
        "unique_refuse",
        "review",
    ),
    Case(DOG, "scope: area", "scope: {self: mother}", "scope_field", "base.person"),
    Case(
        DOG,
        "{name: litter, type: integer, min: 1, max: 20,",
        "{name: litter, type: photos, roles: [Near],",
        "photo_role",
        "near",
    ),
    Case(
        DOG,
        "{name: litter, type: integer, min: 1, max: 20,",
        "{name: litter, type: photos, max_age: 1d,",
        "duration",
        "PT24H",
    ),
    Case(DOG, "search: [name]", "search: [name, name]", "duplicate_item", "remove one"),
    Case(DOG, "order: [{chipNo: ASC}]", "order: [{chipNo: ASC}, {chipNo: DESC}]", "duplicate_item", "remove one"),
    Case(DOG, "query: [name, breed]", "query: [name, name]", "duplicate_item", "remove one"),
    Case(
        DOG,
        "type: text, max: 20, default: 旺财",
        "type: text, max: 20, sealed: true, pinyin: true",
        "sealed_pinyin",
        "remove pinyin",
    ),
    Case(DOG, "min: 1, max: 20", "min: 1, max: 20, default: '5'", "default", "without quotes"),
    Case(DOG, "{seq:5}", "{seq:0}", "number_pattern", "{seq:5}"),
    Case(
        MODULE,
        "reads: [base.person, base.organisation,",
        "reads: [base.person,",
        "undeclared_read",
        "add it to reads",
        "SHOT",
    ),
    Case(
        PAGES,
        "kind: list, entity: dog_registry.dog",
        "kind: map, entity: dog_registry.vaccination",
        "page_map",
        "kind: list",
    ),
    # kinds
    Case(
        SHOT,
        "scope: {parent: dog}",
        "scope: {parent: dog}\nkind_of: casework.case",
        "scope_of_kind",
        "scope: area",
        "scope: {parent",
    ),
    Case(
        SHOT,
        "scope: {parent: dog}",
        "scope: area\nkind_of: casework.cases",
        "unknown_entity",
        '"casework.case"',
        "kind_of",
    ),
    Case(
        SHOT,
        "scope: {parent: dog}",
        "scope: area\nkind_of: urban_management.incident",
        "not_required",
        "requires",
        "kind_of",
        20,
    ),
    Case(
        SHOT,
        "scope: {parent: dog}",
        "scope: area\nkind_of: dog_registry.vaccination",
        "kind_of_cycle",
        "remove",
        "entity: dog_registry.vaccination",
    ),
    Case(SHOT, "guard: {givenOn: {isNull: false}}", "guard: {given: {isNull: false}}", "unknown_field", '"givenOn"'),
    Case(SHOT, "name: confirm, label", "name: Confirm, label", "form", "camelCase"),
    # module.yaml
    Case(MODULE, "id: dog_registry", "id: dogs", "folder_name", "rename", "id: dogs", 10),
    Case(MODULE, "id: dog_registry", "id: Dog-Registry", "module_id", "small letters"),
    Case(MODULE, "version: 1.0.0", "version: 1.0", "form", "semantic"),
    Case(MODULE, "version: 1.0.0\n", "", "missing", '"version"', "id: dog_registry"),
    Case(MODULE, "requires: [base,", "requires: [bass,", "unknown_module", '"base"'),
    Case(MODULE, "casework >= 1.0", "casework >= 7.0", "module_too_old", "newer"),
    Case(MODULE, "casework >= 1.0", "casework < 7.0", "requires", "base >= 1.2"),
    Case(MODULE, "requires: [base,", "requires: [dog_registry, base,", "requires_cycle", "optional"),
    Case(MODULE, 'requires: [base, "casework >= 1.0"]', "requires: [wangge]", "not_required", "requires", "reads:", 6),
    Case(MODULE, "wangge.area]", "wangge.aria]", "unknown_entity", '"wangge.area"'),
    Case(MODULE, "writes: [casework.filing_condition]\n", "", "undeclared_write", "writes", "SEED"),
    Case(MODULE, "purposes: [dog_registration]", "purposes: [dog_tax]", "unknown_purpose", "no purpose"),
    Case(MODULE, "purposes: [dog_registration]", "porpoises: [dog_registration]", "unknown_key", '"purposes"'),
    # purposes.yaml
    Case(PURPOSES, "    law: 动物防疫法 30\n", "", "missing", '"law"', "id: dog_registration"),
    Case(PURPOSES, "    retention: P3Y\n", "", "missing", '"retention"', "id: dog_registration"),
    Case(PURPOSES, "retention: P3Y", "retention: 3Y", "duration", "P5Y"),
    Case(PURPOSES, "basis: duty", "basis: interest", "choice", "public_interest"),
    Case(PURPOSES, "roles: [station_clerk]", "roles: [station_clerc]", "unknown_role", '"station_clerk"'),
    Case(PURPOSES, "id: dog_registration", "id: contact", "duplicate_purpose", "another", most=6),
    # roles.yaml
    Case(ROLES, "id: dog_warden", "id: station_clerk", "duplicate_role", "only add rules"),
    Case(ROLES, "inherits: [station_clerk]", "inherits: [station_clark]", "unknown_role", '"station_clerk"'),
    Case(ROLES, "inherits: [station_clerk]", "inherits: [dog_warden]", "role_cycle", "remove"),
    Case(ROLES, "[station_clerk]}", "[station_clerk], limits: {costs: 5}}", "role_limit", "the limits are"),
    Case(ROLES, "[station_clerk]}", "[station_clerk], limits: {cost: 0}}", "role_limit", "whole number from 1"),
    Case(ROLES, "[station_clerk]}", "[station_clerk], limits: {page: 1001}}", "role_limit", "to 1000"),
    Case(ROLES, "[station_clerk]}", "[station_clerk], limits: {cost: many}}", "role_limit", "whole number"),
    Case(ROLES, "role: station_clerk", "role: station_clerks", "unknown_role", '"station_clerk"'),
    Case(ROLES, "entity: dog_registry.dog\n", "entity: dog_registry.dogs\n", "unknown_entity", '"dog_registry.dog"'),
    Case(
        ROLES,
        "entity: dog_registry.dog\n",
        "entity: casework.case\n",
        "rule_of_upper",
        "urban_management.incident",
        most=4,
    ),
    Case(
        ROLES,
        "[list, get, create, update]",
        "[list, get, delete]",
        "unknown_action",
        "no action",
    ),
    Case(ROLES, "[list, get, create, update]", "[list, do:confirm]", "unknown_operation", "no operation"),
    Case(ROLES, "[list, get, create, update]", "[list, list]", "duplicate_item", "remove one"),
    Case(ROLES, "keeperPhone: masked", "keeperPhone: hiden", "unknown_level", '"hidden"'),
    Case(ROLES, "keeperPhone: masked", "keeprPhone: masked", "unknown_field", '"keeperPhone"'),
    Case(ROLES, "    purpose: dog_registration\n", "", "clear_without_purpose", "dog_registration", "fields: "),
    Case(
        ROLES, "purpose: dog_registration", "purpose: contact", "clear_without_purpose", "dog_registration", "fields: "
    ),
    Case(ROLES, "purpose: dog_registration", "purpose: dog_registering", "unknown_purpose", '"dog_registration"'),
    Case(
        ROLES,
        "role: dog_warden\n    entity: dog_registry.vaccination",
        "role: dog_warden\n    entity: dog_registry.dog\n    via: owner",
        "via",
        "through",
        "via: owner",
    ),
    *(
        Case(ROLES, COUNTED, COUNTED_BY.format(wrong), "dimensions", told, "dimensions:")
        for wrong, told in (
            ("[]", "one to 3"),
            ("[state, breed, {bornOn: YEAR}, {area: CITY}]", "one to 3"),
            ("[state, state]", "remove one"),
            ("[stat]", '"state"'),
            ("[keeper]", "name it clear under fields"),
            ("[{state: YEAR}]", "without a unit"),
            ("[bornOn]", "{bornOn: YEAR}"),
            ("[{bornOn: DAY}]", "YEAR, QUARTER, MONTH"),
            ("[{weight: [20, 10]}]", "ascending"),
            ("[weight]", "{weight: [50, 90]}"),
            ("[name]", "a dimension is a code"),
            ("[{area: GRID}]", "COMMUNITY"),
            ("[[state]]", "{birthDate: YEAR}"),
        )
    ),
    Case(ROLES, COUNTED, COUNTED + "\n    dimensions: [givenOn]", "dimensions", "actions: [aggregate]", "dimensions:"),
    Case(
        ROLES,
        COUNTED,
        COUNTED_BY.format("[state]\n    where: {state: {eq: DEAD}}"),
        "dimensions",
        "remove where",
        "dimensions:",
    ),
    Case(ROLES, "where: {state: {ne: DEAD}}", "where: {state: {ne: DAED}}", "unknown_value", '"DEAD"'),
    Case(ROLES, "where: {state: {ne: DEAD}}", "where: {bornOn: {lt: {$new: diedOn}}}", "operand", "$actor"),
    Case(ROLES, "where: {state: {ne: DEAD}}", "district: '520102'", "rule_district", "console"),
    Case(
        ROLES,
        "entity: dog_registry.dog\n",
        "entity: wangge.area\n",
        "no_such_action",
        "remove",
        "actions: [list, get, create",
        6,
    ),
    # pages.yaml, messages.yaml
    Case(PAGES, "entity: dog_registry.dog", "entity: dog_registry.dgo", "unknown_entity", '"dog_registry.dog"'),
    Case(PAGES, "kind: list", "kind: grid", "choice", "list"),
    Case(PAGES, "id: about", "id: dogs", "duplicate_page", "remove one", "{id: dogs, kind: markdown"),
    Case(PAGES, "kind: list, entity: dog_registry.dog,", "kind: list,", "missing", '"entity"'),
    Case(PAGES, "order: 60", "order: first", "type", "whole number"),
    Case(PAGES, "en: City management", "e: City management", "missing_language", '"en"'),
    Case(MESSAGES, 'zh: "犬龄不足{months}个月", ', "", "missing_language", '"zh"', "dog_registry.too"),
    Case(MESSAGES, "不足{months}个", "不足{month}个", "placeholders", "in both"),
    Case(MESSAGES, "dog_registry.too_young:", "base.too_young:", "message_code", "dog_registry."),
    # tables
    Case(TABLE, "authority: 市农业农村局\n", "", "missing", '"authority"', "label"),
    Case(TABLE, "districts: closed", "districts: open", "choice", "closed"),
    Case(TABLE, "type: enum, values: [SMALL, LARGE]", "type: point", "column_type", "text"),
    Case(TABLE, "name: size", "name: sort", "duplicate_field", "another"),
    Case(CODES, "code,parent,zh,en", "code,parent,zh,english", "csv_header", '"en"'),
    Case(CODES, "sort,size", "sort,weight", "csv_column", "no column"),
    Case(CODES, "A-01,A,京巴犬", "A,A,京巴犬", "duplicate_code", "remove one"),
    Case(CODES, "A-01,A,京巴犬", "A-01,Z,京巴犬", "unknown_parent", "no code"),
    Case(CODES, "A,,小型犬", "A,A-01,小型犬", "code_cycle", "parent"),
    Case(CODES, "2030-12-31", "2019-12-31", "csv_dates", "swap"),
    Case(CODES, "2030-12-31", "31.12.2030", "csv_date", "2026-11-23"),
    Case(CODES, "Pekingese", "", "missing_language", '"en"', "A-01"),
    Case(CODES, "3,LARGE", "third,LARGE", "csv_sort", "whole number"),
    Case(CODES, "3,LARGE", "3,HUGE", "csv_value", "SMALL, LARGE"),
    Case(CODES, "Large dogs,", "Large, dogs,", "csv_width", "quote"),
    # seeds
    Case(SEED, "limitKind,limitValue", "limitKnd,limitValue", "seed_column", '"limitKind"'),
    Case(SEED, "WORK_DAY", "WORKDAY", "seed_value", "WORK_DAY"),
    Case(SEED, "DOG-1,6,", "DOG-1,66,", "unknown_code", "no code"),
    Case(
        SEED,
        "已处理\n",
        "已处理\nDOG-1,6,犬只扰民,x,WORK_DAY,3,已处理\n",
        "seed_key",
        "remove one",
        "DOG-1,6,犬只扰民,x",
    ),
    Case(SEED, "犬只扰民", "", "seed_value", "required", "DOG-1"),
    # what is told only since someone broke it
    Case(DOG, "min: 1, max: 20", "min: '1', max: 20", "type", "without quotes"),
    Case(DOG, "{diedOn: {lt: {$new: bornOn}}}", "{litter: {gt: '3'}}", "operand", "without quotes"),
    Case(
        DOG, "type: text, max: 20, default: 旺财", "type: text, purposes: [dog_registration]", "purposes_of_open", "add"
    ),
    Case(DOG, "inverse: dog, order", "inverse: dog, required: true, order", "required_children", "cannot be required"),
    Case(
        DOG,
        "inverse: dog, order",
        "inverse: dog, required: {when: {state: {eq: KEPT}}}, order",
        "required_children",
        "cannot be required",
    ),
    Case(
        DOG,
        "message: {zh: 死亡日期早于出生日期, en: Died before it was born}",
        "message: {zh: 早, en: '{days} days early'}",
        "placeholders",
        "in both",
    ),
    Case(DOG, "retired: [colour]", "retired: [Coat Colour]", "name", "camelCase"),
    Case(DOG, "retired: [colour]", "retired: [colour, colour]", "duplicate_item", "remove one"),
    Case(
        DOG,
        "label: {zh: 伤人记录, en: Bites}, fields",
        "label: {zh: 伤人记录, en: Bites}, retired: [a b], fields",
        "name",
        "camelCase",
    ),
    Case(
        DOG, "scope: area", "scope: {self: keeper}\nkind_of: base.person", "kind_of_ruled", "ref", "entity: dog", most=6
    ),
    Case(SHOT, "name: confirm, label", "name: update, label", "operation_name", "another"),
    Case(DOG, "search: [name]", "search:", "type", "it is empty"),
    Case(CODES, "Pekingese", "Pekin\x00gese", "csv", "remove"),
]


FILES = [
    (DOG, "贵阳".encode("gbk"), "not_utf8", "UTF-8"),
    (DOG, b"# " + b"x" * 1_000_001, "too_large", "split"),
    (DOG, b"", "empty", "describe"),
    (DOG, b"- a\n- b\n", "type", "mapping"),
    (DOG, b"entity: dog_registry.dog\x00\n", "syntax", "control characters"),
    ("entities/kennel.yml", b"entity: dog_registry.kennel\n", "file_ending", "kennel.yaml"),
    ("role.yaml", b"roles: []\n", "unknown_file", '"roles.yaml"'),
    ("entity/kennel.yaml", b"entity: dog_registry.kennel\n", "unknown_file", "entities"),
    ("extends/person.yaml", b"extend: base.person\n", "extension", "ref"),
    ("tables/Breed.yaml", b"label: {zh: a, en: b}\n", "table_name", "small letters"),
    ("tables/colour.csv", b"code,zh,en\n", "missing_file", "colour.yaml"),
    (
        "tables/colour.yaml",
        "label: {zh: 毛色, en: Colour}\nauthority: 市\nversion: 1\n".encode(),
        "missing_file",
        "colour.csv",
    ),
    (CODES, b"", "empty", "header"),
    (CODES, "贵阳".encode("gbk"), "not_utf8", "UTF-8"),
    (CODES, b'code,parent,zh,en\n"A', "csv", "quotes"),
    ("seed/kennel.csv", b"code\n", "unknown_entity", "no entity"),
    ("settings.yaml", b"type: array\n", "settings", "object"),
    ("settings.yaml", b"propertys: {}\n", "unknown_key", '"properties"'),
    ("settings.yaml", b"properties: {days: 5}\n", "type", "mapping"),
    ("entities/more/kennel.yaml", b"entity: dog_registry.kennel\n", "unknown_file", "no folders"),
    ("entities/kennel.json", b"{}", "unknown_file", "*.yaml"),
    ("tables/colour.xlsx", b"PK", "unknown_file", "*.csv"),
    ("seed/dog_registry.dog.yaml", b"- {}\n", "unknown_file", "*.csv"),
]


@pytest.mark.parametrize(("file", "content", "code", "instead"), FILES, ids=lambda v: str(v)[:30])
def test_a_broken_file_is_told(file: str, content: bytes, code: str, instead: str, tmp_path: Path) -> None:
    folder = copy_of_dogs(tmp_path)
    path = folder / file
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content)
    told = [e for e in mistakes_of(folder) if e.code == f"schema.{code}"]
    assert told
    assert instead in told[0].message
    assert told[0].line == 1 or code == "csv"


def test_too_many_fields_are_told(tmp_path: Path) -> None:
    folder = copy_of_dogs(tmp_path)
    path = folder / DOG
    text = path.read_text("utf-8")
    more = "".join(f"  - {{name: f{n}, type: boolean, label: {{zh: 是否, en: Whether}}}}\n" for n in range(500))
    path.write_text(text.replace("checks:\n", more + "checks:\n", 1), "utf-8")
    errors = mistakes_of(folder)
    assert [(e.code, e.line) for e in errors] == [("schema.too_many_fields", line_of(text, "fields:"))]


def test_a_missing_manifest_is_told(tmp_path: Path) -> None:
    folder = copy_of_dogs(tmp_path)
    (folder / "module.yaml").unlink()
    assert [(e.code, e.file, e.line) for e in mistakes_of(folder)] == [
        ("schema.missing_file", str(folder / "module.yaml"), 1)
    ]


def test_all_mistakes_are_told_at_once_in_the_order_of_files_and_lines(tmp_path: Path) -> None:
    folder = copy_of_dogs(tmp_path)
    for file, old, new in (
        (PAGES, "kind: list", "kind: grid"),
        (DOG, "search: [name]", "search: [nam]"),
        (DOG, "min: 1", "min: x"),
    ):
        path = folder / file
        path.write_text(path.read_text("utf-8").replace(old, new, 1), "utf-8")
    errors = mistakes_of(folder)
    assert [e.code for e in errors] == ["schema.type", "schema.unknown_field", "schema.choice"]
    assert [(e.file, e.line) for e in errors] == sorted((e.file, e.line) for e in errors)


def test_modules_that_require_each_other_are_told(tmp_path: Path) -> None:
    for name, other in (("cats", "dogs"), ("dogs", "cats")):
        (tmp_path / name).mkdir()
        text = f"id: {name}\nversion: 1.0.0\nlabel: {{zh: 宠物, en: Pets}}\nrequires: [{other}]\n"
        (tmp_path / name / "module.yaml").write_text(text, "utf-8")
    with pytest.raises(SchemaErrors) as caught:
        load_model([*REAL, tmp_path / "cats", tmp_path / "dogs"])
    assert [(e.code, e.line) for e in caught.value.errors] == [("schema.requires_cycle", 4)]


def mistakes_of(folder: Path) -> tuple[SchemaError, ...]:
    """What is wrong with the module of a folder beside the real ones."""
    with pytest.raises(SchemaErrors) as caught:
        load_model([*REAL, folder])
    return caught.value.errors


@pytest.mark.parametrize("case", CASES, ids=lambda c: f"{c.file}: {c.code}: {c.new[:40]}")
def test_a_mistake_is_told_at_its_line_with_what_instead(case: Case, tmp_path: Path) -> None:
    folder = copy_of_dogs(tmp_path)
    path = folder / case.file
    text = path.read_text("utf-8")
    assert case.old in text
    broken = text.replace(case.old, case.new, 1)
    path.write_text(broken, "utf-8")
    errors = mistakes_of(folder)
    told = folder / ELSEWHERE.get(case.at, case.file)
    where = case.at or case.new.partition("\n")[0]
    line = (
        line_of(told.read_text("utf-8"), "clinic")
        if case.at == "SHOT"
        else 1
        if case.at == "SEED"
        else line_of(broken, where)
    )
    found = [e for e in errors if e.code == f"schema.{case.code}" and e.file == str(told) and e.line == line]
    assert found, "\n".join(str(e) for e in errors)
    assert case.instead in found[0].message
    assert len(errors) <= case.most, "\n".join(str(e) for e in errors)
