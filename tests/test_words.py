"""The words of the product: Chinese texts use one word for one idea, and some words nowhere (UI of the design)."""

from __future__ import annotations

import ast
import json
import re
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

TOP = Path(__file__).parent.parent
CHINESE = re.compile("[\u4e00-\u9fff]")
NOWHERE = ("居民画像", "重点人员", "黑名单")
OTHERS = {
    "业务模块": "(?<!业务)模块|插件",
    "启用": "激活|开通",
    "停用": "禁用",
    "区(县)": "区县",
    "管辖区域": "(?<!管辖)区域|辖域",
    "机构": "所属单位|上级单位|处理单位|主管部门|组织单元",
    "岗位任职": "岗位(?!任职)|任岗",
    "权限规则": "(?<!权限)规则|授权规则",
    "数据权限": "数据范围|权限范围|作用域",
    "使用事由": "使用目的|处理目的|查询事由|用途说明",
    "查看明文": "显示明文|解密|脱密",
    "已脱敏": "打码|掩码|已遮盖|已屏蔽|已隐去",
    "审计台账": "审计日志|审计链|审计记录|操作日志",
    "查阅记录": "访问记录|查询记录|浏览记录|读取记录",
    "草稿": "草案",
    "变更方案": "变更计划|迁移计划|升级计划",
    "执行变更": "应用变更|执行迁移|数据库迁移",
    "接口凭证": "令牌|访问凭证|[Tt]oken",
    "代码表": "(?<!代)码表|字典表|(?<!数据)字典",
    "代码项": "代码值|字典值|字典项|枚举值",
    "台账": "登记簿|登记册|花名册",
    "修改记录": "修订|变更记录|历史版本|变更历史|修改历史",
    "本级及下级": "子树|及其下级|本级和下级",
    "备案查询": "可信文档|受信文档|持久化查询",
    "变更订阅": "(?<!变更)订阅",
    "失败消息": "死信",
    "保存期限": "保留期|留存期|存储期限|保存期(?!限)",
    "同意书": "授权书|知情同意(?!书)",
    "示例记录": "样例|见证行",
    "以角色预览": "模拟角色|切换角色|角色模拟",
    "恢复": "还原|撤销删除",
    "彻底清除": "永久删除|物理删除|彻底删除|抹除",
    "归档": "存档",
    "配置包": "配置集",
}
"""The word of an idea -> what a text would say instead of it."""


def texts_of_yaml(value: Any, at: str) -> Iterator[tuple[str, str]]:
    """(place, text) of every Chinese text of a schema or messages file."""
    if isinstance(value, dict):
        for key, inner in value.items():
            yield from texts_of_yaml(inner, f"{at} {key}")
    elif isinstance(value, list):
        for inner in value:
            yield from texts_of_yaml(inner, at)
    elif isinstance(value, str) and CHINESE.search(value):
        yield at, value


def texts_of_python(path: Path) -> Iterator[tuple[str, str]]:
    """(place, text) of the Chinese strings of a program, its docstrings left out."""
    tree = ast.parse(path.read_text(encoding="utf-8"))
    holders = (ast.Module, ast.ClassDef, ast.FunctionDef, ast.AsyncFunctionDef)
    bodies = [node.body for node in ast.walk(tree) if isinstance(node, holders)]
    said = {id(body[0].value) for body in bodies if body and isinstance(body[0], ast.Expr)}
    for node in ast.walk(tree):
        if isinstance(node, ast.Constant) and isinstance(node.value, str) and id(node) not in said:
            yield from texts_of_yaml(node.value, f"{path.relative_to(TOP)}:{node.lineno}")


def shown() -> Iterator[tuple[str, str]]:
    """(place, text) of all Chinese that a person may see: console, schemas, code tables' headings, messages, programs."""
    console = TOP / "admin_ui" / "src" / "kit" / "texts" / "zh.json"
    yield from texts_of_yaml(json.loads(console.read_text(encoding="utf-8")), "zh.json")
    for path in sorted((TOP / "admin_ui" / "public").glob("*.html")):
        yield from texts_of_yaml(path.read_text(encoding="utf-8"), path.name)
    for folder in (TOP / "schemas", TOP / "core" / "wangge"):
        for path in sorted(p for p in folder.rglob("*.yaml") if "static" not in p.parts):
            yield from texts_of_yaml(yaml.safe_load(path.read_text(encoding="utf-8")), str(path.relative_to(TOP)))
    for path in sorted((TOP / "core" / "wangge" / "schema").rglob("*.csv")):
        yield from texts_of_yaml(path.read_text(encoding="utf-8"), str(path.relative_to(TOP)))
    for path in sorted([*(TOP / "core" / "wangge").rglob("*.py"), *(TOP / "plugins").rglob("*.py")]):
        yield from texts_of_python(path)


SHOWN = list(shown())


def test_texts_of_every_room_are_looked_at() -> None:
    places = " ".join(place for place, _ in SHOWN)
    assert [
        room
        for room in (
            "zh.json",
            "old-browser.html",
            "schemas/base",
            "core/wangge/schema",
            "messages.yaml",
            "kind_messages",
        )
        if room not in places
    ] == []


@pytest.mark.parametrize("word", OTHERS)
def test_an_idea_has_one_word(word: str) -> None:
    assert [f"{at}: {text}" for at, text in SHOWN if re.search(OTHERS[word], text)] == []


def test_what_refers_to_an_object_of_the_platform_is_called_as_it_is() -> None:
    words = {"wangge.unit": ("机构", "上级"), "wangge.post": ("岗位任职",), "wangge.module": ("业务模块",)}
    wrong = []
    for folder in (TOP / "schemas", TOP / "core" / "wangge" / "schema"):
        for path in sorted(folder.rglob("entities/*.yaml")):
            for field in yaml.safe_load(path.read_text(encoding="utf-8"))["fields"]:
                allowed = words.get(str(field.get("to")), ())
                if allowed and not any(word in field["label"]["zh"] for word in allowed):
                    wrong.append(f"{path.relative_to(TOP)} {field['name']}: {field['label']['zh']}")
    assert wrong == []


@pytest.mark.parametrize("word", NOWHERE)
def test_a_forbidden_word_stands_in_no_file(word: str) -> None:
    listed = subprocess.run(["git", "ls-files", "-z"], cwd=TOP, capture_output=True, text=True, check=False).stdout
    files = [TOP / name for name in listed.split("\0") if name] or [
        p for room in ("core", "plugins", "schemas", "admin_ui/src", "tests") for p in (TOP / room).rglob("*")
    ]
    own = {Path(__file__), TOP / "admin_ui" / "src" / "kit" / "texts.test.ts"}
    holding = [p for p in files if p.is_file() and p not in own and word.encode() in p.read_bytes()]
    assert holding == []
