"""Who is who: counterparties of payments matched with known parties before anything is drawn from names.

Names are compared without width, case, spaces, punctuation and legal form; credit codes, accounts, controllers,
phones and addresses tie parties together. What a match rests on and how sure it is stays with it.
"""

from __future__ import annotations

import re
import unicodedata

import networkx as nx
import numpy as np
import pandas as pd

from postloan.analysis.use_params import Confidence

RELATED = ("controller", "shareholder", "parent", "subsidiary", "sister", "family")
MATCHED = [
    "borrower_id", "counterparty", "counterparty_account", "entity", "name", "relation", "party_kind", "on_contract",
    "founded_on", "scope", "group", "tie", "confidence", "matched_by",
]  # fmt: skip
_ABOUT = ["entity", "name", "relation", "kind", "on_contract", "founded_on", "scope", "group", "tie"]
_FORMS = re.compile(
    r"(股份有限公司|有限责任公司|有限公司|公司|companylimited|coltd|limited|ltd|incorporated|inc|llc|corporation|corp|co|gmbh|sro)$"
)
_NOISE = re.compile(r"[\s\W_]+")


def plain(name: str | None) -> str:
    """A name without width, case, spaces and punctuation; empty for none. The legal form stays."""
    return _NOISE.sub("", unicodedata.normalize("NFKC", name).casefold()) if isinstance(name, str) else ""


def bare(name: str | None) -> str:
    """A plain name without its legal form: 甲钢铁有限公司 and 甲钢铁 股份有限公司 are both 甲钢铁."""
    told = plain(name)
    while (short := _FORMS.sub("", told)) and short != told:
        told = short
    return told


def each(values: pd.Series, change: object) -> pd.Series:
    """A text function on a column, called once for each different text."""
    codes, texts = pd.factorize(values)
    made = np.array([change(text) for text in texts] + [""], dtype=object)
    return pd.Series(made[codes], index=values.index, dtype=object)


def known(parties: pd.DataFrame, guarantors: pd.DataFrame) -> pd.DataFrame:
    """All parties of any number of borrowers with `entity` (the same party under several rows), `group` (ties by
    controller, phone or address besides) and `tie`: by what a party hangs together with the borrower itself."""
    backing = guarantors.drop_duplicates(["borrower_id", "name"])[["borrower_id", "name", "credit_code"]]
    rows = pd.concat([parties, backing.assign(relation="guarantor")], ignore_index=True)
    rows = rows.assign(
        plain=each(rows["name"], plain), bare=each(rows["name"], bare), number=each(rows["account"], plain)
    )
    rows = rows.assign(entity=_joined(rows, ["bare", "credit_code", "number"]))
    rows = _people(rows)
    rows["group"] = _joined(rows, ["entity", "controller", "phone", "address"])
    return rows.assign(tie=_ties(rows))


def _joined(rows: pd.DataFrame, by: list[str]) -> np.ndarray:
    """A number a row, the same for rows of one borrower that share any of these texts."""
    graph = nx.Graph()
    graph.add_nodes_from(range(len(rows)))
    for column in by:
        texts = rows[column] if column == "entity" else rows[column].map(plain)
        first: dict[tuple, int] = {}
        keys = enumerate(zip(rows["borrower_id"], texts, strict=True))
        graph.add_edges_from((row, first.setdefault(key, row)) for row, key in keys if key[1] != "")
    found = np.zeros(len(rows), dtype=int)
    for number, members in enumerate(nx.connected_components(graph)):
        found[list(members)] = number
    return found


def _people(rows: pd.DataFrame) -> pd.DataFrame:
    """A person among the parties is its own controller, so that their firms hang together with them."""
    person = rows["kind"].eq("individual") | rows["relation"].isin(["controller", "family"])
    return rows.assign(controller=rows["controller"].mask(person & rows["controller"].isna(), rows["name"]))


def _ties(rows: pd.DataFrame) -> pd.Series:
    """controller, phone or address where a row shares it with the borrower's own rows, its controller or family."""
    inner = rows[rows["relation"].isin(["own", "controller", "family"])]
    told = pd.Series("", index=rows.index, dtype=object)
    for column in ("address", "phone", "controller"):
        mine = set(zip(inner["borrower_id"], inner[column].map(plain), strict=True))
        theirs = zip(rows["borrower_id"], rows[column].map(plain), strict=True)
        shared = np.array([text != "" and (owner, text) in mine for owner, text in theirs], dtype=bool)
        told = told.mask(shared, column)
    return told.mask(rows["relation"].isin(["own", "controller", "family"]), "")


def match(pairs: pd.DataFrame, book: pd.DataFrame, sure: Confidence) -> pd.DataFrame:
    """Each (borrower_id, counterparty, counterparty_account) with the party it is (MATCHED), by account, name or
    spelling; one that nobody listed is an entity of its own. `book` is `known`'s frame."""
    rows = pairs.assign(
        plain=each(pairs["counterparty"], plain),
        bare=each(pairs["counterparty"], bare),
        number=each(pairs["counterparty_account"], plain),
    )
    places = [
        (by, _lookup(rows, book, column))
        for by, column in (("account", "number"), ("name", "plain"), ("spelling", "bare"))
    ]
    at = np.full(len(rows), -1)
    matched_by = np.full(len(rows), "unlisted", dtype=object)
    for by, found in places:
        fresh = (at < 0) & (found >= 0)
        at, matched_by = np.where(fresh, found, at), np.where(fresh, by, matched_by)
    about = book[_ABOUT].reindex(at).set_axis(rows.index).rename(columns={"kind": "party_kind"})
    told = pd.concat([rows[["borrower_id", "counterparty", "counterparty_account"]], about], axis=1)
    told = told.assign(
        matched_by=matched_by, confidence=pd.Series(matched_by, rows.index).map(sure.model_dump()).astype(float)
    )
    entities = book["entity"].reindex(at).to_numpy()
    both = (places[0][1] >= 0) & (places[2][1] >= 0)
    agree = both & (entities == book["entity"].reindex(places[2][1]).to_numpy())
    told["confidence"] = told["confidence"].mask(agree, sure.code).mask(both & ~agree, sure.unlisted)
    return _unlisted(told, rows)[MATCHED]


def _lookup(rows: pd.DataFrame, book: pd.DataFrame, column: str) -> np.ndarray:
    """The place in `book` of each row by borrower and text; −1 where there is none."""
    first: dict[tuple, int] = {}
    for place, key in enumerate(zip(book["borrower_id"], book[column], strict=True)):
        if key[1] != "":
            first.setdefault(key, place)
    return np.array([first.get(key, -1) for key in zip(rows["borrower_id"], rows[column], strict=True)], dtype=int)


def _unlisted(told: pd.DataFrame, rows: pd.DataFrame) -> pd.DataFrame:
    """Entities of their own, by name or else by account, for those nobody listed."""
    named = rows["bare"].where(rows["bare"] != "", rows["number"])
    own = pd.factorize(rows["borrower_id"].astype(object) + "\0" + named)[0] + 1_000_000_000
    entity = told["entity"].fillna(pd.Series(own, told.index)).astype("int64")
    return told.assign(
        entity=entity.mask(told["entity"].isna() & (named == ""), -1),
        group=told["group"].fillna(entity).astype("int64"),
        name=told["name"].astype(object).fillna(told["counterparty"].astype(object)),
        tie=told["tie"].fillna(""),
        relation=told["relation"].astype(object),
        on_contract=told["on_contract"].astype(float),
    )
