"""citation-formatter: the eight styles on a real bibliography, both YAML forms, and bibliographies that are none."""

from __future__ import annotations

import json

import pytest

from llmspell_tools.errors import InvalidParameters, LimitExceeded, LlmspellError
from llmspell_tools.media import resolve
from llmspell_tools.registry import ToolRegistry

BIBTEX = r"""
@string{aw = "Addison-Wesley"}
@article{Watson1953, author = {Watson, James D. and Crick, Francis H. C.},
  title = {Molecular Structure of Nucleic Acids}, journal = {Nature},
  year = 1953, volume = 171, number = {4356}, pages = {737--738}, doi = {10.1038/171737a0}, month = apr}
@book{knuth, author = "Donald E. Knuth", title = {The Art of Computer Programming},
  publisher = aw, year = {1997}, address = {Reading}}
@inproceedings{mueller, author = {M{\"u}ller, Karl and van der Berg, Jan and {World Health Organization}},
  title = {On {DNA}}, booktitle = {Proceedings of Things}, year = 2001, pages = {1--10}}
"""
HAYAGRIVA = """
Watson1953:
  type: article
  title: Molecular Structure of Nucleic Acids
  author: ["Watson, James D.", "Crick, Francis H. C."]
  date: 1953-04-25
  page-range: 737-738
  serial-number: {doi: 10.1038/171737a0}
  parent: {type: periodical, title: Nature, volume: 171, issue: 4356}
knuth:
  type: book
  title: {value: The Art of Computer Programming}
  author: Donald E. Knuth
  date: 1997
  publisher: {name: Addison-Wesley, location: Reading}
"""
CSL = """
references:
- id: Watson1953
  type: article-journal
  title: Molecular Structure of Nucleic Acids
  author: [{family: Watson, given: James D.}, {family: Crick, given: Francis H. C.}]
  container-title: Nature
  issued: 1953-04-25
  volume: 171
  page: 737-738
- id: knuth
  type: book
  title: The Art of Computer Programming
  author: [{family: Knuth, given: Donald E.}]
  issued: {date-parts: [[1997]]}
  publisher: Addison-Wesley
"""
#: By style: the citations of the three entries, and what the reference of the first one holds.
STYLES = {
    "apa": (["(Watson & Crick, 1953)", "(Knuth, 1997)", "(Müller et al., 2001)"],
            "Watson, J. D., & Crick, F. H. C. (1953)."),
    "mla": (["(Watson and Crick)", "(Knuth)", "(Müller et al.)"], "Watson, James D., and Francis H. C. Crick."),
    "chicago-author-date": (
        ["(Watson and Crick 1953)", "(Knuth 1997)", "(Müller et al. 2001)"],
        "Watson, James D., and Francis H. C. Crick. 1953.",
    ),
    "chicago-fullnote-bibliography": (
        ["James D. Watson and Francis H. C. Crick, “Molecular Structure of Nucleic Acids,” Nature 171"],
        "Watson, James D., and Francis H. C. Crick. “Molecular Structure of Nucleic Acids.” Nature 171",
    ),
    "harvard": (["(Watson and Crick, 1953)", "(Knuth, 1997)"], "Watson, J.D. and Crick, F.H.C. (1953)"),
    "ieee": (["[1]", "[2]", "[3]"], "[1] J. D. Watson and F. H. C. Crick, “Molecular Structure of Nucleic Acids,”"),
    "nature": (
        ["1", "2", "3"],
        "1. Watson, J. D. & Crick, F. H. C. Molecular Structure of Nucleic Acids. Nature 171, 737\u2013738 (1953).",
    ),
    "vancouver": (
        ["(1)", "(2)", "(3)"],
        "1. Watson JD, Crick FHC. Molecular Structure of Nucleic Acids. Nature. 1953 Apr;171(4356):737\u2013",
    ),
}  # fmt: skip


def run(settings=None, **params):
    registry = ToolRegistry(settings={"citation-formatter": settings or {}})
    return registry.invoke("citation-formatter", params).output


def inner(settings=None, **params):
    return run(settings, **params)["result"]["result"]


def test_the_answer_is_an_envelope_in_an_envelope():
    got = run(input=BIBTEX, format="bibtex", cite_keys="knuth")

    assert got["operation"] == "citation_formatter_execute"
    assert got["result"]["operation"] == "format_citation"
    assert got["result"]["metadata"] == {"tool": "citation-formatter", "operation": "format_citation"}
    assert got["result"]["result"] == {
        "style": "apa", "format": "bibtex", "citations": [{"key": "knuth", "citation": "(Knuth, 1997)"}],
        "reference_list": ["Knuth, D. E. (1997). The Art of Computer Programming. Addison-Wesley."], "entry_count": 1,
        "note": "formatted by CSL style apa",
    }  # fmt: skip


@pytest.mark.parametrize("style", STYLES)
def test_every_style_formats_citations_and_references(style):
    got = inner(input=BIBTEX, format="bibtex", style=style)
    citations, reference = STYLES[style]

    assert got["entry_count"] == len(got["citations"]) == len(got["reference_list"]) == 3
    for citation, wanted in zip(got["citations"], citations, strict=False):
        assert citation["citation"].startswith(wanted.removesuffix(")"))
    assert any(line.startswith(reference) for line in got["reference_list"]), got["reference_list"]


def test_a_page_range_that_grows_in_length_is_whole():
    for style in STYLES:
        (line,) = inner(input=BIBTEX, format="bibtex", style=style, cite_keys="mueller")["reference_list"]
        assert "1\u201310" in line


#: By style: the reference of a book that has editors and no author, and of a page that has only a title.
STOOD_IN = {
    "apa": ("Ed, E., & Foo, F. (Eds.). (2001). Edited. P.", "A page. (2021). http://x.example"),
    "mla": ("Ed, E., and F. Foo, editors. Edited. P, 2001.", "A Page. 2021, http://x.example."),
    "chicago-author-date": ("Ed, E., and F. Foo, eds. 2001. Edited. P.", "“A Page.” 2021. http://x.example."),
    "chicago-fullnote-bibliography": ("Ed, E., and F. Foo, eds. Edited. P, 2001.", "“A Page.” 2021. http://x.example."),
    "harvard": ("Ed, E. and Foo, F. (eds.) (2001) Edited. P.", "A page (2021). Available at: http://x.example."),
    "vancouver": (
        "1. Ed E, Foo F, editors. Edited. P; 2001.",
        "2. A page [Internet]. 2021. Available from: http://x.example",
    ),
}


@pytest.mark.parametrize("style", STOOD_IN)
def test_what_stands_in_for_an_author_is_given_once(style):
    text = """
@book{b, editor={Ed, E. and Foo, F.}, title={Edited}, publisher={P}, year=2001}
@online{p, title={A page}, url={http://x.example}, year=2021}
"""
    got = inner(input=text, format="bibtex", style=style)

    assert sorted(got["reference_list"]) == sorted(STOOD_IN[style])


@pytest.mark.parametrize(
    ("style", "wanted"),
    [
        ("apa", "Roe, R., et al. (2000). On"), ("mla", "Roe, Rita, et al. “On"),
        ("harvard", "Roe, R. et al. (2000) “On"), ("ieee", "[1] R. Roe et al., “On"),
        ("nature", "1. Roe, R. et al. On"), ("vancouver", "1. Roe R, et al. On"),
    ],
)  # fmt: skip
def test_and_others_is_et_al(style, wanted):
    text = "@article{a, author={Roe, Rita and others}, title={On It}, journal={J}, year=2000}"

    (line,) = inner(input=text, format="bibtex", style=style)["reference_list"]

    assert line.startswith(wanted)


@pytest.mark.parametrize(
    ("style", "title", "wanted"),
    [
        ("mla", "A ``good'' day", "“A \u2018good\u2019 Day.” J"),
        ("mla", "Is It So?", "“Is It So?” J"),
        ("mla", "All is ``well''", "“All Is \u2018well.\u2019” J"),
        ("apa", "Is it so?", "Is it so? J"),
        ("ieee", "A ``good'' day", "“A \u2018good\u2019 day,” J"),
        ("nature", "A ``good''", "A “good”. J"),
    ],
)
def test_quotation_marks_stand_as_the_style_wants_them(style, title, wanted):
    text = f"@article{{a, author={{Roe, R.}}, title={{{title}}}, journal={{J}}, year=2000}}"

    (line,) = inner(input=text, format="bibtex", style=style)["reference_list"]

    assert wanted in line


def test_an_address_in_howpublished_is_an_address():
    text = r"@misc{a, author={Roe, R.}, title={Page}, howpublished={\url{http://x.example/a_b}}, year=2000}"

    (line,) = inner(input=text, format="bibtex", style="apa")["reference_list"]

    assert line == "Roe, R. (2000). Page. http://x.example/a_b"


def test_latex_accents_braces_particles_and_groups_are_read():
    (line,) = inner(input=BIBTEX, format="bibtex", cite_keys=["mueller"])["reference_list"]

    assert "Müller, K., van der Berg, J., & World Health Organization" in line
    assert "DNA" in line


@pytest.mark.parametrize("text", [HAYAGRIVA, CSL])
def test_both_forms_of_yaml_give_what_bibtex_gives(text):
    got = inner(input=text, format="yaml", style="apa")

    assert [each["citation"] for each in got["citations"]] == ["(Watson & Crick, 1953)", "(Knuth, 1997)"]
    assert "Nature, 171" in got["reference_list"][1]
    assert got["reference_list"][0] == "Knuth, D. E. (1997). The Art of Computer Programming. Addison-Wesley."


def test_files_are_read_and_written(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "books.bib").write_text(BIBTEX, encoding="utf-8")
    (tmp_path / "books.yml").write_text(HAYAGRIVA, encoding="utf-8")

    assert inner(input_file="books.bib")["format"] == "bibtex"
    assert inner(input_file="books.yml")["format"] == "yaml"
    got = run(input_file="books.bib", cite_keys="knuth", output_file="references.txt")
    run(operation="validate_bibliography", input_file="books.bib", output_file="report.json")

    text = "Knuth, D. E. (1997). The Art of Computer Programming. Addison-Wesley.\n"
    assert (tmp_path / "references.txt").read_text(encoding="utf-8") == text
    assert got["result"]["metadata"] == {
        "tool": "citation-formatter", "operation": "format_citation", "file_path": "references.txt",
        "file_size": len(text),
    }  # fmt: skip
    assert json.loads((tmp_path / "report.json").read_text(encoding="utf-8"))["total_entries"] == 3


def test_a_failure_leaves_the_old_output_whole(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "out.txt").write_text("old")

    with pytest.raises(InvalidParameters):
        run(input="no bibliography", format="bibtex", output_file="out.txt")

    assert (tmp_path / "out.txt").read_text() == "old"


def test_only_the_keys_asked_for_in_their_order():
    got = inner(input=BIBTEX, format="bibtex", style="ieee", cite_keys=" mueller, Watson1953 ")

    assert [each["key"] for each in got["citations"]] == ["mueller", "Watson1953"]
    assert got["reference_list"][0].startswith("[1] K. Müller")


def test_a_bibliography_is_checked():
    got = inner(operation="validate_bibliography", input=BIBTEX + "@article{x, title={T}}\n@bad{y", format="bibtex")

    assert (got["format"], got["total_entries"], got["valid_entries"], got["is_valid"]) == ("bibtex", 4, 3, False)
    assert got["validation_results"][3] == {
        "key": "x", "valid": False, "issues": ["missing author", "missing container-title", "missing issued"],
        "entry_type": "article",
    }  # fmt: skip
    assert len(got["warnings"]) == 1
    assert inner(operation="validate_bibliography", input=HAYAGRIVA)["is_valid"] is True


def test_a_key_that_is_there_twice_is_told():
    got = inner(operation="validate_bibliography", input="@book{a, title={X}}\n@book{a, title={Y}}", format="bibtex")

    assert got["total_entries"] == 1
    assert got["warnings"]


def test_the_styles_are_listed():
    got = inner(operation="list_styles")

    assert got["total_available"] == 8
    assert got["supported_styles"] == sorted(STYLES)
    assert sorted(name for names in got["categories"].values() for name in names) == sorted(STYLES)
    assert set(got["categories"]) == {"author_date", "numeric", "note_bibliography"}


@pytest.mark.parametrize(
    ("text", "format"),
    [
        ("", "bibtex"), ("no entries", "bibtex"), ("", "yaml"), ("just text", "yaml"), ("5", "yaml"), ("[]", "yaml"),
        ("a: [", "yaml"), ("a: !!python/object/apply:os.system [id]", "yaml"), ("\ud800", "yaml"),
    ],
)  # fmt: skip
def test_a_text_that_is_no_bibliography_is_refused(text, format):
    with pytest.raises(InvalidParameters):
        run(input=text, format=format)


@pytest.mark.parametrize(
    "text",
    [
        "a0: &a0 [x,x,x,x,x,x,x,x,x,x]\n"
        + "".join(f"a{n}: &a{n} [{','.join([f'*a{n - 1}'] * 10)}]\n" for n in range(1, 10)),
        "[" * 100_000,
        "a: &a {b: *a}",
    ],
)
def test_yaml_bombs_are_refused(text):
    with pytest.raises(LlmspellError) as caught:
        run(input=text)

    assert caught.value.code in ("validation_error", "limit_exceeded")


@pytest.mark.parametrize("text", ["@" * 100_000, "@article{" + "{" * 100_000, "@a{b,c=" + '"' * 50_001, "{" * 200_000])
def test_broken_bibtex_ends(text):
    with pytest.raises(LlmspellError):
        run({"timeout_s": 5}, input=text, format="bibtex")


@pytest.mark.parametrize(
    "entry",
    [
        "title: 5",
        "title: [1, 2]",
        "author: 5",
        "date: never",
        "date: 99999",
        "page-range: {a: 1}",
        "parent: x",
        "volume: null",
    ],
)
def test_odd_values_do_not_matter(entry):
    got = inner(input=f"a:\n  type: book\n  {entry}\n", style="ieee")

    assert got["entry_count"] == 1


@pytest.mark.parametrize(
    "params",
    [
        {"operation": "format_citation"}, {"operation": "validate_bibliography"}, {"operation": "cite"},
        {"input": HAYAGRIVA, "style": "turabian"}, {"input": HAYAGRIVA, "format": "ris"},
        {"input": HAYAGRIVA, "cite_keys": "missing"}, {"input": HAYAGRIVA, "key": "knuth"},
    ],
)  # fmt: skip
def test_bad_parameters_are_refused(params):
    with pytest.raises(InvalidParameters):
        run(**params)


def test_a_long_bibliography_names_the_limit():
    with pytest.raises(LimitExceeded) as caught:
        run({"max_input_bytes": 10}, input=HAYAGRIVA)

    assert caught.value.details["key"] == "[tools.citation_formatter] max_input_bytes"


DEEP = "[" * 100_000
MANY = "".join(f"k{at}: &a{at} [{','.join([f'*a{at - 1}'] * 10) if at else 'x'}]\n" for at in range(10))


@pytest.mark.parametrize(
    ("text", "format"),
    [
        (DEEP, "yaml"), ("- " * 100_000, "yaml"), (MANY, "yaml"), ("a: .nan", "yaml"), ("a: \0", "yaml"),
        ("a: {title: x}\na: {title: y}\n", "yaml"), ("a: " + "9" * 1_000_000, "yaml"), ("a: \ud800", "yaml"),
        ("a: 'x", "yaml"), ("!!python/object/apply:os.getcwd []", "yaml"), ("\ud800", "bibtex"), ("\0", "bibtex"),
    ],
)  # fmt: skip
def test_bad_texts_are_refused_in_words(text, format):
    with pytest.raises(LlmspellError) as caught:
        run(input=text, format=format)

    assert caught.value.code in ("validation_error", "limit_exceeded")
    assert "Traceback" not in caught.value.message


def test_a_byte_order_mark_does_not_matter(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "a.bib").write_text("\ufeff" + BIBTEX, encoding="utf-8")

    assert inner(input_file="a.bib")["entry_count"] == 3


def test_bytes_that_are_no_text_are_named(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "a.bib").write_bytes(b"@book{a, title={\xff}}")

    with pytest.raises(InvalidParameters, match="not UTF-8") as caught:
        run(input_file="a.bib")
    assert caught.value.details["field"] == "input_file"


def test_people_see_citations_and_references():
    registry = ToolRegistry()
    result = registry.invoke("citation-formatter", {"input": BIBTEX, "format": "bibtex", "cite_keys": "knuth"})

    citations, references = [table for item in result.media if (table := resolve(item, result.output))]

    assert (citations.columns, citations.rows) == (["key", "citation"], [["knuth", "(Knuth, 1997)"]])
    assert references.columns == ["reference"]
    assert references.rows == [["Knuth, D. E. (1997). The Art of Computer Programming. Addison-Wesley."]]
