"""Answers about people, as clients see them. Pure.

Each function renders a model of `app.people.schemas`, as plain data.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from app.domain.people.audit import Audit
from app.domain.people.fairness import FairChoice
from app.domain.people.menus import Menu, Polarisation, polarisation
from app.people.deciding import Decision
from app.people.fitted import Fitted
from app.people.reading import Row
from app.schema import Rendered

_LEAST_PROBABILITY = 0.01


def selection_out(decision: Decision, ids: Sequence[str]) -> Rendered:
    """A `SelectionOut`, ranked by what the row expects, or by what the rule values."""
    selection, matrix = decision.selection, decision.matrix
    alone = len(decision.rows) == 1
    ranking: list[Rendered] = []
    for one in selection.ranking:
        i = one.index
        ranked: Rendered = {**_place(i, ids)}
        if alone:
            ranked["expected"] = float(matrix.expected[0, i])
            ranked["interval"] = [float(matrix.low[0, i]), float(matrix.high[0, i])]
        else:
            ranked["value"] = float(decision.merit[i])
        ranking.append(ranked)
    rendered: Rendered = {"selected": ranking[0]}
    if selection.margin is not None:
        rendered["margin"] = selection.margin
    rendered["ties"] = [_place(i, ids) for i in selection.ties]
    rendered["ranking"] = ranking
    return rendered


def people_out(fitted: Fitted, decision: Decision, ids: Sequence[str]) -> Rendered:
    """A `PeopleOut`."""
    bank = fitted.people
    rendered: Rendered = {
        "bank": fitted.info.name,
        "digest": fitted.info.digest,
        "scale": list(bank.table.scale),
        "candidates": _candidates(fitted, decision, ids),
        "rows": [_row(fitted, decision, number, ids) for number in range(len(decision.rows))],
    }
    if decision.fair:
        rendered["fair"] = [_fair(one, decision.rows, ids) for one in decision.fair]
    if decision.menu is not None:
        rendered["menu"] = _menu(decision.menu, decision.menu_people, ids)
    rendered["polarisation"] = [_polarised(n, p) for n, p in decision.polarisation.items()]
    if "read" in decision.candidates.sources and bank.reader is not None:
        reader = bank.reader
        rendered["reader"] = {
            "accuracy": reader.accuracy,
            "chance": reader.chance,
            "responses": reader.responses,
        }
    return rendered


def audit_out(fitted: Fitted, audit: Audit) -> Rendered:
    """An `AuditOut`."""
    bank, model = fitted.people, fitted.people.model
    names = [name or "any" for name in model.classes]
    rated = bank.model.visits.counts().any(axis=1)
    of_classes = polarisation(np.asarray(bank.raters[rated]), model.spread.between, model.scale)
    return {
        "name": fitted.info.name,
        "digest": fitted.info.digest,
        "ratings": audit.ratings,
        "people": audit.people,
        "words": list(audit.words),
        "shares": [
            {"part": s.part, "share": s.share, "low": s.low, "high": s.high} for s in audit.shares
        ],
        "p": audit.p,
        "deals": audit.deals,
        "needed": [
            {
                "points": one.points,
                "people": one.people,
                "by_class": dict(zip(names, one.by_class, strict=True)),
            }
            for one in audit.needed
        ],
        "groups": [_support(fitted, number, names) for number in range(len(model.groups.names))],
        "polarisation": [
            _polarised(name, one) for name, one in zip(names, of_classes, strict=True)
        ],
        "coverage": dict(zip(names, audit.coverage, strict=True)),
    }


def _support(fitted: Fitted, number: int, names: Sequence[str]) -> Rendered:
    groups = fitted.people.model.groups
    raw = [None if np.isnan(mean) else float(mean) for mean in groups.raw[number]]
    return {
        "group": groups.names[number],
        "people": int(groups.people[number]),
        "support": float(groups.support[number]),
        "means": dict(zip(names, raw, strict=True)),
        "expected": dict(zip(names, groups.mean[number].tolist(), strict=True)),
    }


def _candidates(fitted: Fitted, decision: Decision, ids: Sequence[str]) -> list[Rendered]:
    names = fitted.people.table.classes
    reading = decision.candidates
    return [
        {
            **_place(index, ids),
            "classes": {
                name: float(share)
                for name, share in zip(names, reading.classes[index], strict=False)
                if share >= _LEAST_PROBABILITY
            },
            "source": reading.sources[index],
            "shift": float(reading.shift[index]),
        }
        for index in range(len(ids))
    ]


def _row(fitted: Fitted, decision: Decision, number: int, ids: Sequence[str]) -> Rendered:
    row, matrix = decision.rows[number], decision.matrix
    rendered: Rendered = {"name": row.name, "kind": row.kind}
    if row.group is not None:
        groups = fitted.people.model.groups
        rendered["people"] = int(groups.people[row.group])
        rendered["support"] = float(groups.support[row.group])
    else:
        rendered["own_ratings"] = row.estimate.own
    expected = matrix.expected[number]
    return rendered | {
        "expected": expected.tolist(),
        "standard_errors": matrix.error[number].tolist(),
        "intervals": np.column_stack([matrix.low[number], matrix.high[number]]).tolist(),
        "choice": _place(int((expected >= expected.max() - 1e-9).argmax()), ids),
    }


def _fair(choice: FairChoice, rows: Sequence[Row], ids: Sequence[str]) -> Rendered:
    order = np.argsort(-choice.regret, kind="stable").tolist()
    return {
        "rule": choice.rule,
        "choice": _place(choice.candidate, ids),
        "value": choice.value,
        "ties": [_place(i, ids) for i in choice.ties],
        "groups": [
            {
                "group": rows[i].name,
                "expected": float(choice.expected[i]),
                "regret": float(choice.regret[i]),
            }
            for i in order
        ],
    }


def _menu(menu: Menu, people: int, ids: Sequence[str]) -> Rendered:
    return {
        "candidates": [_place(i, ids) for i in menu.candidates],
        "expected": menu.expected,
        "single": menu.single,
        "pleased": menu.pleased,
        "single_pleased": menu.single_pleased,
        "people": people,
    }


def _polarised(name: str, one: Polarisation) -> Rendered:
    return {
        "response_class": name,
        "against": one.against,
        "favour": one.favour,
        "deviation": one.deviation,
        "polarised": one.polarised,
    }


def _place(index: int, ids: Sequence[str]) -> Rendered:
    return {"index": int(index), "id": ids[index]}
