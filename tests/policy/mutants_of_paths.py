"""Mutants of single paths: match, reveal, `_absent`, explain, aggregates, `node`, writes, previews."""

from __future__ import annotations

from tests.policy.mutant import Mutant

ROWS, CELLS, COMPILE = "sql/rows.py", "sql/cells.py", "sql/compile.py"
EXPLAIN, EXPLAINING, PREVIEW = "policy/explain.py", "identity/explaining.py", "policy/preview.py"
AGGREGATES, TYPES = "sql/aggregates.py", "graphql/aggregates.py"
RUN, WRITES, INPUTS = "graphql/run.py", "graphql/writes.py", "graphql/inputs.py"
LOCKING, CHANGING = "records/locking.py", "records/changing.py"

OF_NAMED = (
    Mutant("matches in every row", ROWS, "held = any_of([self._predicate(self, grant) for grant in grants])", "held = TRUE if grants else FALSE"),
    Mutant("prohibitions do not reach matches", ROWS, "return held if held == FALSE else all_of([held, *self.allowed(self, action)])", "return held"),
    Mutant("matches of fields that are not named", ROWS, "self.build.grants(self.entity, action) if g.level(path) == Level.CLEAR]", "self.build.grants(self.entity, action)]"),
    Mutant("revealed for any purpose", ROWS, "found.append(all_of([f\"{purpose} = '{named}'\", self._predicate(self, grant)]))", "found.append(self._predicate(self, grant))"),
    Mutant("revealed in every row", ROWS, "found.append(all_of([f\"{purpose} = '{named}'\", self._predicate(self, grant)]))", "found.append(f\"{purpose} = '{named}'\")"),
    Mutant("prohibitions do not reach reveals", ROWS, 'return all_of([any_of(found), *self.allowed(self, "reveal")]) if found else FALSE', "return any_of(found)"),
    Mutant("reveals of fields that are not named", ROWS, "if grant.level(path) == Level.CLEAR and grant.purpose is not None:", "if grant.purpose is not None:"),
    Mutant("parts are revealed as their list", ROWS, 'return self.parent.revealed(f"{self.list.id}.{path}")', "return self.parent.revealed(self.list.id)"),
    Mutant("revealed where nothing is", CELLS, 'return f"CASE WHEN {where} THEN to_json({expression(row, field)}) ELSE {usual} END"', 'return f"to_json({expression(row, field)})"'),
    Mutant("sealed values are revealed where nothing is", CELLS, "CASE WHEN {where} AND {stored} IS NOT NULL", "CASE WHEN {stored} IS NOT NULL"),
    Mutant("reasons of hidden cells", CELLS, 'masked = all_of([shown, f"({clear}) IS NOT TRUE"] if clear != FALSE else [shown])', 'masked = f"({clear}) IS NOT TRUE"'),
    Mutant("hidden cells are not collected", CELLS, "(all_of([shown, f\"{row.column(path, '_enc' if field.sealed else '')} IS NULL\"])", "(all_of([f\"{row.column(path, '_enc' if field.sealed else '')} IS NULL\"])"),
    Mutant("a purpose would do in every row", CELLS, "(all_of([masked, row.granted(\"reveal\", path)]), \"'PURPOSE_REQUIRED'\")", "(masked, \"'PURPOSE_REQUIRED'\")"),
    Mutant("sealed cells are there", CELLS, "clear = FALSE if field.sealed else row.clear(path)", "clear = row.clear(path)"),
)  # fmt: skip
OF_EXPLAIN = (
    Mutant("hidden rows are explained", EXPLAINING, "return bool(held), compiled_level(", "return True, compiled_level("),
    Mutant("explained without raised classes", EXPLAIN, "(grants[n].level(field) if not raised or field not in grants[n].unraised else Level.MASKED for n in held)", "(grants[n].level(field) for n in held)"),
    Mutant("explained by every grant", EXPLAIN, "else Level.MASKED for n in held)", "else Level.MASKED for n in range(len(grants)))"),
    Mutant("every row is explained as seen", EXPLAIN, "return Level.CLEAR if any(True for _ in held) else Level.HIDDEN", "return Level.CLEAR"),
    Mutant("rows of units are never found", EXPLAIN, "WHOLE = Slot(Form.CITY, unit_spans=((0, NUMBERS),))", "WHOLE = Slot(Form.CITY)"),
    Mutant("chains without denies", EXPLAIN, 'if step.rule.effect == "DENY" and step.level is Level.CLEAR}', "if False}"),
    Mutant("chains without prohibitions", EXPLAIN, 'if any(step.rule.effect == "PROHIBIT" for step in holding):', "if False:"),
    Mutant("chains with replaced rules", EXPLAIN, "effective = any(r.id == rule.id for r in roles.effective(post.role, post.district))", "effective = True"),
    Mutant("chains without conditions", EXPLAIN, " and condition is not False\n    return Verdict", "\n    return Verdict"),
    Mutant("chains without areas", EXPLAIN, "(step.module and area is True)", "step.module"),
    Mutant("chains without raised classes", EXPLAIN, "if raised and s.raisable else s for s in steps", "if False else s for s in steps"),
)  # fmt: skip
OF_AGGREGATES = (
    Mutant("aggregates of rows without the right", AGGREGATES, 'all_of([*where, may, *prohibited(row, "aggregate")])', 'all_of([*where, *prohibited(row, "aggregate")])'),
    Mutant("prohibitions do not reach aggregates", AGGREGATES, 'all_of([*where, may, *prohibited(row, "aggregate")])', "all_of([*where, may])"),
    Mutant("aggregates of rows that are not listed", AGGREGATES, 'all_of([*where, may, *prohibited(row, "aggregate")])', 'all_of([where[0], may, *prohibited(row, "aggregate")])'),
    Mutant("cells that only aggregates show", AGGREGATES, 'return seen if nested else all_of([seen, row.clear_for("aggregate", field_id)])', 'return seen if nested else row.clear_for("aggregate", field_id)'),
    Mutant("cells that only the list shows", AGGREGATES, 'return seen if nested else all_of([seen, row.clear_for("aggregate", field_id)])', "return seen"),
    Mutant("groups by hidden cells", AGGREGATES, "return column if clear == TRUE else case([(clear, column)])", "return column"),
    Mutant("groups behind removed rows", AGGREGATES, "all_of([there, f\"{target.own('removed_at')} IS NULL\", visible(target), clear])", "all_of([there, visible(target), clear])"),
    Mutant("groups behind unseen rows", AGGREGATES, "IS NULL\", visible(target), clear])", "IS NULL\", clear])"),
    Mutant("groups behind hidden references", AGGREGATES, "IS NULL\", visible(target), clear])", "IS NULL\", visible(target)])"),
    Mutant("groups by areas that are not seen", AGGREGATES, "IN ({named})\", visible(level)])", "IN ({named})\"])"),
    Mutant("names of areas that are not shown", AGGREGATES, 'source(build, AREA, None if item.whole else "list")', "source(build, AREA, None)"),
    Mutant("zones are no districts in groups", AGGREGATES, "kinds = DISTRICT_KINDS if term.unit == DISTRICT else (term.unit,)", "kinds = (term.unit,)"),
    Mutant("every value is distinct", AGGREGATES, 'f"count(DISTINCT x.m{at})"', 'f"count(x.m{at})"'),
    Mutant("groups in another time", AGGREGATES, "AT TIME ZONE INTERVAL '+08:00'", "AT TIME ZONE INTERVAL '-08:00'"),
    Mutant("measures of what only the list shows", TYPES, 'for action in ("list", "aggregate"))', 'for action in ("list",))'),
    Mutant("measures of what only aggregates show", TYPES, 'for action in ("list", "aggregate"))', 'for action in ("aggregate",))'),
    Mutant("measures of some kinds", TYPES, "if _is_plain(field) and all(self._clear", "if _is_plain(field) and any(self._clear"),
    Mutant("groups by masked fields", TYPES, "if field_id in declared and not self._b.inputs.clear(entity, field_id):", "if False:"),
    Mutant("groups by sealed fields", TYPES, "return not field.sealed and field.inputs is None", "return field.inputs is None"),
    Mutant("aggregates for every list", TYPES, 'self._b.kinds(entity, "list") if self._b.rights(kind).grants("aggregate")]', 'self._b.kinds(entity, "list")]'),
)  # fmt: skip
OF_NODES = (
    Mutant("nodes of upper types", RUN, ' or entity not in builder.kinds(entity, "get"):', ":"),
)  # fmt: skip
OF_WRITES = (
    Mutant("guards forget prohibitions", COMPILE, "any_of(row.predicates), *prohibited(row, action)])", "any_of(row.predicates)])"),
    Mutant("guards forget grants", COMPILE, "any_of(row.predicates), *prohibited(row, action)])", "*prohibited(row, action)])"),
    Mutant("removed rows are written", LOCKING, "if removed in (None, away) and row not in erased]", "if row not in erased]"),
    Mutant("many are updated as they are read", CHANGING, '[one.id for one in asked], "update")', '[one.id for one in asked], "get")'),
    Mutant("many are removed by another right", CHANGING, '    action = "remove" if removed else "restore"\n    rows', '    action = "update"\n    rows'),
    Mutant("many are restored by another right", CHANGING, '    action = "remove" if removed else "restore"\n    rows', '    action = "remove"\n    rows'),
    Mutant("an unknown row is no mistake", LOCKING, '        return Fault("row.unknown", ("id",))', "        return None"),
    Mutant("revisions are not asked", LOCKING, "if asked.if_revision is not None and asked.if_revision != present:\n        return", "if False:\n        return"),
    Mutant("inputs of masked fields", INPUTS, "rights.best(action, field.id) == Level.CLEAR:", "rights.best(action, field.id) > Level.HIDDEN:"),
    Mutant("writes by the right to update", WRITES, "if self._b.rights(name).grants(action):", 'if self._b.rights(name).grants("update"):'),
)  # fmt: skip
PAIRS = "pairs = [_both(a, b) for a in mine for b in theirs if (a.entity, a.action) == (b.entity, b.action) and _joins(a, b)]"
OF_PREVIEWS = (
    Mutant("a preview as oneself", PREVIEW, PAIRS, "pairs = list(mine)"),
    Mutant("a preview of all that the role sees", PREVIEW, PAIRS, "pairs = list(theirs)"),
    Mutant("a preview with the higher level", PREVIEW, "(name, min(level, levels.get(name, Level.HIDDEN)))", "(name, max(level, levels.get(name, Level.HIDDEN)))"),
    Mutant("a preview without the role's condition", PREVIEW, "condition=_and(mine.condition, theirs.condition)", "condition=mine.condition"),
    Mutant("a preview without the own condition", PREVIEW, "condition=_and(mine.condition, theirs.condition)", "condition=theirs.condition"),
    Mutant("a preview of any action", PREVIEW, "if (a.entity, a.action) == (b.entity, b.action)", "if a.entity == b.entity"),
    Mutant("a preview in the whole own area", PREVIEW, "spans = _common(first.spans, second.spans)", "spans = first.spans"),
    Mutant("a preview in the whole city", PREVIEW, "other = second if first.form is Form.CITY else first", "other = first if first.form is Form.CITY else second"),
    Mutant("a preview for the own purpose", PREVIEW, "purpose=mine.purpose if mine.purpose == theirs.purpose else None", "purpose=mine.purpose"),
    Mutant("a preview without the relation", PREVIEW, "via=mine.via or theirs.via", "via=mine.via"),
    Mutant("a preview by every post", PREVIEW, "places = [post for post in facts.posts if _holds(world, roles, facts, post, right)]", "places = list(facts.posts)"),
    Mutant("a preview in all units", PREVIEW, "units = _common(first.unit_spans, second.unit_spans)", "units = ((0, 2**31 - 2),)"),
)  # fmt: skip
SUPPRESSION, COUNTING, QUESTION, BUILD = "cubes/suppression.py", "cubes/counting.py", "sql/cubes.py", "policy/build.py"
OF_CUBES = (
    Mutant("small cells are shown", SUPPRESSION, "SMALLEST = 10", "SMALLEST = 4"),
    Mutant("nothing protects small cells", COUNTING, "hidden = suppress(lattice, counts, before=frozenset(before))", "hidden = frozenset(c for c in counts if counts[c] < SMALLEST)"),
    Mutant("removed rows are counted", COUNTING, "WHERE {row.own('removed_at')} IS NULL GROUP BY", "GROUP BY"),
    Mutant("sums of shown parts only", QUESTION, '"CASE WHEN bool_and(c.count IS NOT NULL) THEN sum(c.count) END"', '"sum(c.count)"'),
    Mutant("cubes outside the own area", QUESTION, "return all_of([self._granted(alias), self._asked(alias)])", "return self._asked(alias)"),
    Mutant("cubes finer than the rule", QUESTION, "all_of([self._reached(alias, grant.slot), _coarse(alias, grant)])", "self._reached(alias, grant.slot)"),
    Mutant("zones without townships are lost", QUESTION, "if rank and rank + 1 < len(KINDS):", "if False:"),
    Mutant("cubes of rows that are meant in part", BUILD, "if made.condition is not None or made.via is not None or made.action", "if made.action"),
    Mutant("prohibitions leave cubes", BUILD, 'if f.action != CUBE or "aggregate" not in prohibits.get(f.entity, {})]', "]"),
    Mutant("lists beside cubes", "graphql/cubes.py", 'return bool(rights.grants(CUBE)) and not rights.grants("list")', 'return bool(rights.grants(CUBE)) and not rights.grants("get")'),
)  # fmt: skip
OF_PATHS = {
    "named": OF_NAMED, "explain": OF_EXPLAIN, "aggregates": OF_AGGREGATES, "nodes": OF_NODES, "writes": OF_WRITES,
    "previews": OF_PREVIEWS, "cubes": OF_CUBES,
}  # fmt: skip
"""group -> its mutants."""
