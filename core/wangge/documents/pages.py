"""接口文档 and 数据字典 as pages: whole files without scripts, which may be printed and sent on."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from html import escape
from typing import Any

from .book import Document
from .calls import curl, java, python
from .dictionary import Dictionary, EntityTable
from .examples import Example
from .texts import FIELD_COLUMNS, texts_of

STYLE = """
:root { color-scheme: light dark; --line: color-mix(in srgb, currentColor 18%, transparent); }
body { font: 15px/1.6 system-ui, "Noto Sans SC", "Microsoft YaHei", sans-serif; margin: 0 auto; max-width: 76rem; padding: 1rem 1.25rem 4rem; }
h1 { font-size: 1.6rem; } h2 { font-size: 1.25rem; margin-top: 2.5rem; } h3 { font-size: 1.05rem; }
nav ul { columns: 3 14rem; list-style: none; padding: 0; }
a { color: LinkText; }
.wide { overflow-x: auto; }
table { border-collapse: collapse; min-width: 100%; }
th, td { border: 1px solid var(--line); padding: .3rem .5rem; text-align: left; vertical-align: top; }
th { white-space: nowrap; }
code, pre { font: 13px/1.5 ui-monospace, Consolas, monospace; }
pre { border: 1px solid var(--line); border-radius: 6px; overflow-x: auto; padding: .75rem; }
summary { cursor: pointer; padding: .25rem 0; }
"""


def dictionary_page(found: Dictionary, caller: str, workbook: str, language: str) -> str:
    """The data dictionary; `workbook` is where it lies as one."""
    texts = texts_of(language)
    contents = [(entity.type, f"{entity.label} {entity.type}") for entity in found.entities]
    body = [f'<p><a href="{escape(workbook)}">{texts["dictionary"]} (XLSX)</a></p>']
    body.append(_contents([*contents, ("codes", texts["codes"])], texts))
    body += [_entity(entity, texts) for entity in found.entities]
    body.append(f'<h2 id="codes">{texts["codes"]}</h2>')
    for table in found.tables:
        rows = [(code.code, code.label.zh, code.label.en, code.parent) for code in table.codes]
        head = (texts["code"], texts["zh"], texts["en"], texts["parent"])
        body.append(
            f'<h3 id="{escape(table.name)}">{escape(table.label.of(language))} <code>{escape(table.name)}</code></h3>'
        )
        body.append(_table(head, rows))
    return _page(texts["dictionary"], caller, body, texts, language)


def _entity(entity: EntityTable, texts: Mapping[str, str]) -> str:
    """One entity with its fields."""
    rows = []
    for row in entity.fields:
        yes = {True: texts["yes"], False: ""}
        rows.append(
            (row.name, row.label, row.kind, row.target, yes[row.required], row.sensitivity, row.level, yes[row.writable],
             row.purposes, row.example, row.description)
        )  # fmt: skip
    told = f"<p>{escape(entity.description)}</p>" if entity.description else ""
    return (
        f'<h2 id="{entity.type}">{escape(entity.label)} <code>{entity.type}</code></h2>{told}'
        f"<p>{texts['actions']}: <code>{escape(', '.join(entity.actions))}</code></p>"
        + _table([texts[name] for name in FIELD_COLUMNS], rows)
    )


def interface_page(
    address: str,
    made: Sequence[Example],
    documents: Iterable[Document],
    codes: Iterable[tuple[str, str]],
    caller: str,
    language: str,
) -> str:
    """How each thing is asked for, with programs that run; `address` is that of the server, like http://127.0.0.1:8000."""
    texts = texts_of(language)
    by_entity: dict[str, list[Example]] = {}
    for example in made:
        by_entity.setdefault(example.entity, []).append(example)
    trusted = list(documents)
    contents = [("start", texts["start"]), ("trusted", texts["trusted"]), ("sync", texts["sync"])]
    contents += [(name, examples[0].label) for name, examples in by_entity.items()]
    body = [
        _contents([*contents, ("errors", texts["errors"])], texts),
        _start(address, texts),
        _trusted(address, trusted, texts, language),
    ]
    body.append(_sync(address, made, texts))
    for name, examples in by_entity.items():
        body.append(f'<h2 id="{escape(name)}">{escape(examples[0].label)} <code>{escape(name)}</code></h2>')
        body += [_example(f"{address}/graphql", example, texts) for example in examples]
    body.append(f'<h2 id="errors">{texts["errors"]}</h2>' + _table((texts["code"], texts["message"]), codes))
    return _page(texts["interface"], caller, body, texts, language)


def _start(address: str, texts: Mapping[str, str]) -> str:
    """Where and how."""
    told = "".join(f"<p>{escape(texts[name])}</p>" for name in ("token_about", "answers_about", "personal_about"))
    return (
        f'<h2 id="start">{texts["start"]}</h2><p>{texts["address"]}: <code>{escape(address)}/graphql</code></p>{told}'
    )


def _trusted(address: str, documents: Sequence[Document], texts: Mapping[str, str], language: str) -> str:
    """The caller's trusted documents."""
    parts = [f'<h2 id="trusted">{texts["trusted"]}</h2>']
    if not documents:
        parts.append(f"<p>{texts['none']}</p>")
    for document in documents:
        url = f"{address}/api/q/{document.id}"
        purpose = f"<p>{texts['purposes']}: <code>{escape(document.purpose)}</code></p>" if document.purpose else ""
        parts.append(
            f"<h3>{escape(document.label.of(language))} <code>{escape(document.id)}</code></h3>{purpose}"
            f"<p><code>GET {escape(url)}</code></p>{_pre(document.document)}"
        )
    return "".join(parts)


def _sync(address: str, made: Sequence[Example], texts: Mapping[str, str]) -> str:
    """How a copy is kept."""
    example = next((one for one in made if one.kind == "changes"), None)
    told = f'<h2 id="sync">{texts["sync"]}</h2><p>{escape(texts["sync_about"])}</p>'
    return told + (_example(f"{address}/graphql", example, texts) if example is not None else "")


def _example(url: str, example: Example, texts: Mapping[str, str]) -> str:
    """One operation and how it is sent."""
    variables = json.dumps(example.variables, ensure_ascii=False, indent=2)
    body = {"query": example.query, "variables": example.variables}
    calls = (
        ""
        if example.kind == "watch"
        else "".join(
            f"<details><summary>{name}</summary>{_pre(text)}</details>"
            for name, text in (("curl", curl(url, body)), ("Java 8", java(url, body)), ("Python 3", python(url, body)))
        )
    )
    given = f"<details><summary>{texts['variables']}</summary>{_pre(variables)}</details>" if example.variables else ""
    return f"<h3>{escape(example.title)}</h3>{_pre(example.query)}{given}{calls}"


def _contents(items: Iterable[tuple[str, str]], texts: Mapping[str, str]) -> str:
    """Links to the parts."""
    links = "".join(f'<li><a href="#{escape(at)}">{escape(name)}</a></li>' for at, name in items)
    return f"<nav><h2>{texts['contents']}</h2><ul>{links}</ul></nav>"


def _table(head: Iterable[str], rows: Iterable[Iterable[Any]]) -> str:
    """A table that scrolls by itself on a narrow screen."""
    names = "".join(f"<th>{escape(name)}</th>" for name in head)
    lines = "".join(f"<tr>{''.join(f'<td>{escape(str(cell))}</td>' for cell in row)}</tr>" for row in rows)
    return f'<div class="wide" tabindex="0"><table><thead><tr>{names}</tr></thead><tbody>{lines}</tbody></table></div>'


def _pre(text: str) -> str:
    """A text as it is."""
    return f'<pre tabindex="0"><code>{escape(text.strip())}</code></pre>'


def _page(title: str, caller: str, body: Iterable[str], texts: Mapping[str, str], language: str) -> str:
    """A whole page."""
    lang = "en" if language == "en" else "zh-CN"
    return (
        f'<!doctype html>\n<html lang="{lang}"><head><meta charset="utf-8"><title>{title} - {escape(caller)}</title>'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        f"<style>{STYLE}</style></head><body><h1>{title}</h1><p>{texts['caller']}: {escape(caller)}</p>"
        f"<main>{''.join(body)}</main></body></html>\n"
    )
