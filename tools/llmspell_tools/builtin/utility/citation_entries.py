"""Bibliographies as people write them, BibTeX or YAML, to the entries that a CSL processor reads.

YAML is taken in two forms: a mapping from keys to entries as hayagriva has it (`type, title, author, date, parent`) and
CSL's own (`references: [...]` or a list, with `id`, `issued`, `container-title`). Runs in the isolated child.
CSL-JSON 1.0.2: https://docs.citationstyles.org/en/stable/specification.html#appendix-iv-variables
"""

from __future__ import annotations

import re

from llmspell_tools.builtin.documents import parse_document
from llmspell_tools.builtin.utility.citation_mends import OTHERS
from llmspell_tools.errors import InvalidParameters, ToolUnavailable

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from llmspell_tools.types import JsonObject

BIBTEX_TYPES = {
    "article": "article-journal", "book": "book", "booklet": "pamphlet", "inbook": "chapter", "incollection": "chapter",
    "inproceedings": "paper-conference", "conference": "paper-conference", "proceedings": "book", "manual": "book",
    "mastersthesis": "thesis", "phdthesis": "thesis", "thesis": "thesis", "techreport": "report", "report": "report",
    "unpublished": "manuscript", "misc": "document", "online": "webpage", "electronic": "webpage", "www": "webpage",
    "dataset": "dataset", "software": "software", "patent": "patent",
}  # fmt: skip
_HAYAGRIVA_TYPES = {
    "article": "article-journal", "chapter": "chapter", "anthos": "chapter", "entry": "entry", "report": "report",
    "thesis": "thesis", "web": "webpage", "blog": "post-weblog", "book": "book", "anthology": "book",
    "reference": "book", "proceedings": "book", "conference": "paper-conference", "manuscript": "manuscript",
    "patent": "patent", "case": "legal_case", "legislation": "legislation", "newspaper": "article-newspaper",
    "video": "motion_picture", "audio": "song", "artwork": "graphic", "repository": "software", "misc": "document",
    "thread": "post", "post": "post",
}  # fmt: skip
#: BibTeX fields that are CSL variables under another name.
_BIBTEX_FIELDS = {
    "title": "title", "volume": "volume", "edition": "edition", "publisher": "publisher", "doi": "DOI", "isbn": "ISBN",
    "issn": "ISSN", "url": "URL", "note": "note", "abstract": "abstract", "language": "language",
    "series": "collection-title",
    "chapter": "chapter-number", "address": "publisher-place", "location": "publisher-place", "eprint": "number",
}  # fmt: skip
_MONTHS = {name: at for at, name in enumerate("jan feb mar apr may jun jul aug sep oct nov dec".split(), 1)}  # noqa: SIM905
#: What an entry of a type cannot do without (BibTeX's own rules, those that readers miss).
_NEEDED = {
    "article-journal": ("author", "title", "container-title", "issued"),
    "book": ("title", "publisher", "issued"),
    "chapter": ("author", "title", "container-title", "issued"),
    "paper-conference": ("author", "title", "container-title", "issued"),
    "thesis": ("author", "title", "publisher", "issued"),
    "report": ("author", "title", "publisher", "issued"),
    "webpage": ("title", "URL"),
}  # fmt: skip


class Bibliography:
    """Entries by key, in order, and what is wrong with the text.

    Args:
        entries: CSL-JSON items, each with `id` and `type`.
        warnings: What could not be read.
    """

    __slots__ = ("entries", "types", "warnings")

    def __init__(self) -> None:
        self.entries: dict[str, Any] = {}
        #: Types as the text names them, by key.
        self.types: dict[str, str] = {}
        self.warnings: list[str] = []

    def add(self, key: str, kind: str, item: JsonObject) -> None:
        """Add an entry; a key that is there already is a warning."""
        if key in self.entries:
            self.warnings.append(f"the key '{key}' is there twice; the first entry counts")
            return
        self.entries[key] = {"id": key, **{name: value for name, value in item.items() if value not in (None, "", [])}}
        self.types[key] = kind


def issues_of(item: JsonObject) -> list[str]:
    """Return what an entry lacks."""
    kind = str(item["type"])
    issues = [f"missing {name}" for name in _NEEDED.get(kind, ("title",)) if name not in item]
    if kind == "book" and "author" not in item and "editor" not in item:
        issues.insert(0, "missing author or editor")
    return issues


def read_bibliography(text: str, format: str) -> Bibliography:
    """Return the entries of a bibliography.

    Raises:
        InvalidParameters: The text is none.
        ToolUnavailable: bibtexparser is missing.
    """
    return _bibtex(text) if format == "bibtex" else _yaml(text)


# --- BibTeX ----------------------------------------------------------------------------------------------------------


def _bibtex(text: str) -> Bibliography:
    try:
        from bibtexparser.entrypoint import parse_string
        from pylatexenc.latex2text import LatexNodes2Text  # type: ignore[import-untyped]  # it has no types
    except ImportError:
        raise ToolUnavailable(
            "citation-formatter needs bibtexparser for BibTeX; install it with: pip install 'llmspell[data]'"
        ) from None
    import logging

    logging.getLogger("bibtexparser").disabled = True  # what it cannot read is told in the answer
    plain = LatexNodes2Text(keep_braced_groups=False).latex_to_text
    library = parse_string(text)
    found = Bibliography()
    for entry in library.entries:
        fields = {field.key.lower(): str(field.value) for field in entry.fields}
        found.add(entry.key, entry.entry_type.lower(), _bibtex_item(entry.entry_type.lower(), fields, plain))
    for block in library.failed_blocks:
        line = (block.start_line or 0) + 1
        reasons = str(block.error or "").splitlines()
        found.warnings.append(f"line {line}: {reasons[0] if reasons else 'cannot be read'}")
    if not found.entries and not found.warnings:
        raise InvalidParameters("parameter 'input' has no BibTeX entry (@article{key, ...})", field="input")
    return found


def _bibtex_item(kind: str, fields: dict[str, str], plain: Any) -> JsonObject:
    item: JsonObject = {"type": BIBTEX_TYPES.get(kind, "document")}
    for name, variable in _BIBTEX_FIELDS.items():
        if name in fields:
            value = fields[name]
            item[variable] = value if variable in ("URL", "DOI") else _clean(plain(value))
    for name in ("author", "editor", "translator"):
        if name in fields:
            item[name] = [*_bibtex_names(fields[name], plain)]
    container = fields.get("journal") or fields.get("journaltitle") or fields.get("booktitle")
    if container:
        item["container-title"] = _clean(plain(container))
    how = fields.get("howpublished", "")
    address = re.fullmatch(r"(?:\\url\{)?(https?://[^\s{}]+)\}?", how.strip())
    if address:
        item.setdefault("URL", address[1])
        how = ""
    house = fields.get("school") or fields.get("institution") or fields.get("organization") or how
    if house and "publisher" not in item:
        item["publisher"] = _clean(plain(house))
    if "pages" in fields:
        item["page"] = re.sub(r"\s*[-\u2013\u2014]+\s*", "-", plain(fields["pages"]))
    number = fields.get("number")
    if number:
        item["issue" if kind == "article" else "number"] = _clean(plain(number))
    item["issued"] = _bibtex_date(fields)
    return item


def _bibtex_names(value: str, plain: Any) -> list[JsonObject]:
    from bibtexparser.middlewares.names import (
        InvalidNameError,
        parse_single_name_into_parts,
        split_multiple_persons_names,
    )

    names: list[JsonObject] = []
    for name in split_multiple_persons_names(value):
        if name == "others" and names:
            names.append({"literal": OTHERS})
            continue
        if name.startswith("{") and name.endswith("}"):
            names.append({"literal": _clean(plain(name))})
            continue
        try:
            parts = parse_single_name_into_parts(name, strict=False)
        except InvalidNameError:
            names.append({"literal": _clean(plain(name))})
            continue
        person: JsonObject = {
            "family": _clean(plain(" ".join(parts.last))),
            "given": _clean(plain(" ".join(parts.first))),
        }
        if parts.von:
            person["non-dropping-particle"] = _clean(plain(" ".join(parts.von)))
        if parts.jr:
            person["suffix"] = _clean(plain(" ".join(parts.jr)))
        names.append({key: text for key, text in person.items() if text})
    return names


def _bibtex_date(fields: dict[str, str]) -> JsonObject | None:
    if "date" in fields:
        return _date(fields["date"])
    date = _date(fields.get("year", ""))
    month = _MONTHS.get(fields.get("month", "").lower()[:3]) or _number(fields.get("month", ""))
    if date is not None and month is not None and 1 <= month <= 12:
        parts = date["date-parts"]
        assert isinstance(parts, list)
        assert isinstance(parts[0], list)
        parts[0][1:] = [month]
    return date


# --- YAML ------------------------------------------------------------------------------------------------------------


def _yaml(text: str) -> Bibliography:
    value = parse_document(text.encode("utf-8", "surrogatepass"), "yaml", "input")
    if isinstance(value, dict) and isinstance(value.get("references"), list):
        value = value["references"]
    found = Bibliography()
    if isinstance(value, list):
        for at, entry in enumerate(value):
            if not isinstance(entry, dict) or not isinstance(entry.get("id"), (str, int)):
                found.warnings.append(f"entry {at + 1} has no id")
                continue
            found.add(str(entry["id"]), str(entry.get("type", "document")), _csl_item(entry))
    elif isinstance(value, dict):
        for key, entry in value.items():
            if not isinstance(entry, dict):
                found.warnings.append(f"'{key}' is no entry")
                continue
            found.add(key, str(entry.get("type", "misc")), _hayagriva_item(entry))
    if not found.entries and not found.warnings:
        raise InvalidParameters(
            "parameter 'input' has no entries: a mapping of keys, or a list with ids", field="input"
        )
    return found


def _csl_item(entry: JsonObject) -> JsonObject:
    item: JsonObject = {"type": "document", **entry}
    for name in ("author", "editor", "translator"):
        if name in item:
            item[name] = [*_yaml_names(item[name])]
    for name in ("issued", "accessed"):
        if name in item and not isinstance(item[name], dict):
            item[name] = _date(str(item[name]))
    return {
        key: value if isinstance(value, (dict, list)) else str(value)
        for key, value in item.items()
        if value is not None
    }


def _hayagriva_item(entry: JsonObject) -> JsonObject:
    raw = str(entry.get("type", "misc")).lower()
    item: JsonObject = {"type": _HAYAGRIVA_TYPES.get(raw, "document")}
    parent = entry.get("parent")
    parent = parent[0] if isinstance(parent, list) and parent else parent
    parent = parent if isinstance(parent, dict) else {}
    if raw == "article" and str(parent.get("type", "periodical")).lower() in ("proceedings", "conference"):
        item["type"] = "paper-conference"
    numbers = entry.get("serial-number")
    numbers = numbers if isinstance(numbers, dict) else {}
    publisher = entry.get("publisher", parent.get("publisher"))
    url = entry.get("url")
    item.update(
        {
            "title": _plain(entry.get("title")),
            "author": [*_yaml_names(entry.get("author"))],
            "editor": [*_yaml_names(entry.get("editor", parent.get("editor")))],
            "issued": _date(str(entry.get("date", parent.get("date", entry.get("year", ""))))),
            "container-title": _plain(parent.get("title", entry.get("journal"))),
            "volume": _plain(entry.get("volume", parent.get("volume"))),
            "issue": _plain(entry.get("issue", parent.get("issue"))),
            "edition": _plain(entry.get("edition")),
            "page": _plain(entry.get("page-range", entry.get("pages"))),
            "publisher": _plain(publisher.get("name") if isinstance(publisher, dict) else publisher)
            or _plain(entry.get("organization")),
            "publisher-place": _plain(
                publisher.get("location") if isinstance(publisher, dict) else entry.get("location")
            ),
            "DOI": _plain(numbers.get("doi", entry.get("doi"))),
            "ISBN": _plain(numbers.get("isbn", entry.get("isbn"))),
            "URL": _plain(url.get("value") if isinstance(url, dict) else url),
            "genre": _plain(entry.get("genre")),
        }
    )
    return item


def _yaml_names(value: Any) -> list[JsonObject]:
    names: list[JsonObject] = []
    for name in value if isinstance(value, list) else [value]:
        if isinstance(name, dict):
            if "family" in name or "literal" in name or "given" in name:
                names.append({key: str(text) for key, text in name.items()})
            elif "name" in name:
                given = {"given": str(name["given-name"])} if "given-name" in name else {}
                names.append({"family": str(name["name"]), **given})
        elif isinstance(name, str) and name.strip():
            names.append(_person(name.strip()))
    return names


def _person(name: str) -> JsonObject:
    family, comma, given = name.partition(",")
    if comma:
        return {"family": family.strip(), "given": given.strip()}
    given, space, family = name.rpartition(" ")
    return {"family": family, "given": given} if space else {"literal": name}


# --- both ------------------------------------------------------------------------------------------------------------


def _date(text: str) -> JsonObject | None:
    match = re.match(r"\s*(-?\d{1,4})(?:-(\d{1,2})(?:-(\d{1,2}))?)?", text)
    if match is None:
        return None
    return {"date-parts": [[int(part) for part in match.groups() if part is not None]]}


def _number(text: str) -> int | None:
    return int(text) if text.isascii() and text.isdigit() and len(text) < 6 else None


def _plain(value: Any) -> str | None:
    if isinstance(value, dict):
        value = value.get("value")
    return None if value is None or isinstance(value, (dict, list)) else str(value)


def _clean(text: str) -> str:
    return " ".join(text.split())
