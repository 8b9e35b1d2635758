"""The real modules come to one model, whole values and all."""

from __future__ import annotations

import shutil
from pathlib import Path

import msgspec
import pytest

from wangge.model.filter import SELF, Compare, Every, FromActor, FromArea, FromNow, FromRow, Given, Not, Refers
from wangge.model.load import SchemaErrors, load_model
from wangge.model.types import Field, Mask, Menu, Model, Page, RowScope, Rule, Source, Unique
from wangge.values import Label, Purpose

from .sample import DOGS, REAL, copy_of_dogs


@pytest.fixture(scope="module")
def model() -> Model:
    return load_model(REAL)


def without_source(field: Field) -> Field:
    return msgspec.structs.replace(field, source=Source())


def test_the_real_modules_load(model: Model) -> None:
    assert list(model.modules) == ["wangge", "base", "casework", "urban_management"]
    assert {"wangge.area", "base.person", "casework.case", "urban_management.incident"} <= set(model.entities)
    assert {"base.sex", "wangge.unit_kind", "urban_management.urban_category"} <= set(model.tables)


def test_a_field_is_read_whole(model: Model) -> None:
    field = model.fields_of("base.person")["idNumber"]
    assert (Path(field.source.file).name, field.source.line) == ("person.yaml", 11)
    assert without_source(field) == Field(
        id="idNumber",
        name="idNumber",
        kind="id_number",
        label=Label("证件号码", "Document number"),
        sensitivity="sensitive",
        purposes=("population_register", "own_record"),
        sealed=True,
        mask=Mask(first=2),
    )


def test_a_kind_inherits_the_fields_of_its_upper_entity(model: Model) -> None:
    fields = model.fields_of("urban_management.incident")
    assert (fields["dueAt"].owner, fields["kind"].owner) == ("casework.case", "")
    assert model.kinds_of("casework.case") == ("urban_management.incident",)


def test_conditions_are_read_by_field_ids(model: Model) -> None:
    checks = {c.code: c for c in model.entities["urban_management.incident"].checks}
    elsewhere = checks["urban_management.component_elsewhere"]
    assert elsewhere.when == Every(
        (
            Compare("component", "isNull", Given(False)),
            Not(Refers("component", Refers("area", Compare(SELF, "within", FromRow("new", ("district",)))))),
        )
    )
    assert elsewhere.message == Label("部件不在本区", "The component is in another district")
    assert model.fields_of("urban_management.incident")["component"].required_when == Compare(
        "kind", "eq", Given("COMPONENT")
    )
    raised = model.fields_of("base.person")["birthDate"].raises
    assert raised is not None
    assert (raised.to, raised.when) == ("sensitive", Compare("birthDate", "gt", FromNow("-P14Y")))


def test_a_rule_is_read_whole(model: Model) -> None:
    rule = model.modules["urban_management"].rules[-1]
    names = "caseNo category state description addressText reportedAt closedAt dueAt".split()
    assert msgspec.structs.replace(rule, source=Source()) == Rule(
        role="resident",
        entity="urban_management.incident",
        actions=("list", "get"),
        fields=dict.fromkeys(names, "clear"),
        where=Refers("reporterPerson", Compare("id", "eq", FromActor("person"))),
        purpose="own_record",
    )


def test_a_code_table_is_read_whole(model: Model) -> None:
    table = model.tables["urban_management.urban_category"]
    assert (table.label, table.version, table.districts) == (
        Label("城管事项类别", "Urban-management category"),
        "2013",
        "add",
    )
    code = next(c for c in table.codes if c.code == "E-01")
    assert (code.parent, code.label) == ("E", Label("市容环境", "Appearance and environment"))


def test_a_module_is_read_whole() -> None:
    model = load_model([*REAL, DOGS])
    module = model.modules["dog_registry"]
    assert (module.version, module.requires, module.optional) == ("1.0.0", ("base", "casework"), ("urban_management",))
    assert module.entities == ("dog_registry.dog", "dog_registry.vaccination")
    assert module.purposes == (
        Purpose(
            "dog_registration",
            Label("犬只登记", "Dog registration"),
            "duty",
            "动物防疫法 30",
            "P3Y",
            ("station_clerk",),
        ),
    )
    pages = (
        Page("dogs", "list", Label("犬只台账", "Dogs"), "dog_registry.dog"),
        Page("about", "markdown", Label("说明", "About"), None, "犬只登记须知"),
    )
    assert module.menu == Menu(Label("城市管理", "City management"), 60, "dog", pages)
    assert module.rules[1].where == Refers("dog", Refers("area", Compare(SELF, "within", FromArea())))
    dog = model.entities["dog_registry.dog"]
    assert (dog.scope, dog.order, dog.search, dog.retired) == (
        RowScope("area"),
        (("chipNo", False),),
        ("name",),
        ("colour",),
    )
    assert [msgspec.structs.replace(u, source=Source()) for u in dog.unique] == [Unique(("chipNo",), "review")]
    assert {c.code: c.message.en for c in dog.checks} == {
        "dog_registry.died_before_birth": "Died before it was born",
        "dog_registry.too_young": "The dog is younger than {months} months",
    }
    weight = model.fields_of("dog_registry.dog")["weight"]
    assert (weight.min, weight.max, weight.unit) == ("0", "99.5", "kg")
    assert model.entities["dog_registry.vaccination"].operations[0].guard == Compare("givenOn", "isNull", Given(False))
    table = model.tables["dog_registry.dog_breed"]
    assert (table.version, table.codes[1].extra) == ("1.10", {"size": "SMALL"})


def test_a_renamed_field_keeps_its_id_everywhere(tmp_path: Path) -> None:
    folder = copy_of_dogs(tmp_path)
    path = folder / "entities/dog.yaml"
    text = path.read_text("utf-8").replace("{name: chipNo, type", "{name: chip, id: chipNo, type")
    path.write_text(text.replace("[chipNo", "[chip").replace("{chipNo: ASC}", "{chip: ASC}"), "utf-8")
    dog = load_model([*REAL, folder]).entities["dog_registry.dog"]
    assert [(f.id, f.name) for f in dog.fields][1] == ("chipNo", "chip")
    assert (dog.order, dog.unique[0].fields) == ((("chipNo", False),), ("chipNo",))


def test_a_renamed_reference_is_known_by_its_id_to_its_inverse(tmp_path: Path) -> None:
    folder = copy_of_dogs(tmp_path)
    shot, dog = folder / "entities/vaccination.yaml", folder / "entities/dog.yaml"
    text = shot.read_text("utf-8").replace("{name: dog, type", "{name: hound, id: dog, type")
    text = text.replace("{name: givenOn,", "{name: day, id: givenOn,").replace("{givenOn:", "{day:")
    shot.write_text(text.replace("{parent: dog}", "{parent: hound}"), "utf-8")
    text = dog.read_text("utf-8").replace(
        "inverse: dog, order: [{givenOn: DESC}]", "inverse: hound, order: [{day: DESC}]"
    )
    dog.write_text(text, "utf-8")
    model = load_model([*REAL, folder])
    children = model.fields_of("dog_registry.dog")["vaccinations"]
    assert (children.inverse, children.order) == ("dog", (("givenOn", True),))
    found = model.entities["dog_registry.vaccination"]
    assert (found.scope, found.order) == (RowScope("parent", ("dog",)), (("givenOn", True),))


def test_what_points_into_a_module_that_is_not_installed_is_not_checked() -> None:
    folders = [folder for folder in REAL if folder.name != "urban_management"]
    model = load_model([*folders, DOGS])
    assert model.fields_of("dog_registry.dog")["incident"].with_module == "urban_management"


def test_the_version_is_that_of_the_content(tmp_path: Path) -> None:
    version = load_model([*REAL, DOGS]).version
    folder = copy_of_dogs(tmp_path)
    path = folder / "entities/dog.yaml"
    text = path.read_text("utf-8")
    path.write_text(f"# another comment\n\n{text}\n\n", "utf-8")
    assert load_model([folder, *reversed(REAL)]).version == version
    path.write_text(text.replace("max: 20, default", "max: 21, default"), "utf-8")
    assert load_model([*REAL, folder]).version != version


def test_words_that_other_yaml_takes_for_booleans_stay_text(tmp_path: Path) -> None:
    folder = copy_of_dogs(tmp_path)
    path = folder / "entities/dog.yaml"
    values = "[{value: NO, label: {zh: 否, en: no}}, {value: YES, label: {zh: 是, en: on}}]"
    new = (
        f"{{name: male, type: enum, default: NO, values: {values}, label: {{zh: 公犬, en: yes}}}}\n  - {{name: litter,"
    )
    path.write_text(path.read_text("utf-8").replace("{name: litter,", new), "utf-8")
    field = load_model([*REAL, folder]).fields_of("dog_registry.dog")["male"]
    assert (field.default, [v.value for v in field.values], field.label.en) == ("NO", ["NO", "YES"], "yes")


def test_a_third_party_without_prefix_is_first_party_when_it_is_named_so(tmp_path: Path) -> None:
    folder = copy_of_dogs(tmp_path)
    path = folder / "entities/dog.yaml"
    path.write_text(path.read_text("utf-8").replace("type: DogRegistryDog", "type: Dog"), "utf-8")
    with pytest.raises(SchemaErrors):
        load_model([*REAL, folder])
    named = frozenset(("wangge", "base", "casework", "urban_management", "dog_registry"))
    assert load_model([*REAL, folder], first_party=named).entities["dog_registry.dog"].type == "Dog"


def test_one_broken_file_does_not_hide_the_mistakes_of_others(tmp_path: Path) -> None:
    schemas = tmp_path / "schemas"
    for folder in REAL:
        shutil.copytree(folder, schemas / folder.name, ignore=shutil.ignore_patterns("areas_*"))
    (schemas / "base/roles.yaml").write_text("roles: [", "utf-8")
    (schemas / "base/entities/person.yaml").write_text("entity: base.person\nfields: 7\n", "utf-8")
    with pytest.raises(SchemaErrors) as caught:
        load_model(sorted(schemas.iterdir()))
    found = {(Path(e.file).name, e.code) for e in caught.value.errors}
    assert found == {
        ("roles.yaml", "schema.syntax"),
        ("person.yaml", "schema.missing"),
        ("person.yaml", "schema.missing_label"),
        ("person.yaml", "schema.type"),
    }
