"""A proposal added to a file that somebody has written: every byte of theirs stays."""

from pathlib import Path

import pytest

from fedesk.catalogue import load_catalogue
from fedesk.catalogue_text import TextError, first_text, updated_text
from fedesk.domain.cataloguing import Entry, Field, Proposal

SERVICE = Entry(name="new_service", fields=(Field(key="owner", value="qa", said="nobody says"),))
PIPELINE = Entry(
    name="new_pipeline",
    fields=(
        Field(key="owner", value="engineering"),
        Field(key="loads", value=[{"dataset": "A.B", "write": "append"}], said="an outlet"),
        Field(key="upstream", value=["pay"], said="reads A.C"),
    ),
    said="in prod/airflow",
)
BOTH = Proposal(services=(SERVICE,), pipelines=(PIPELINE,))

PAY = "  pay:   # ours\n    owner: qa\n"
FORMS = {
    "plain": f"pipelines:\n{PAY}",
    "services first": f"# top\nservices:\n  s: {{owner: qa}}\n\n# between\npipelines:\n{PAY}\n# foot\n",
    "pipelines first": (f"pipelines:\n{PAY}\nservices:\n  s:\n    owner: qa\n    # deploy: unknown yet\n"),
    "deep": (
        "pipelines:\n        pay:\n            owner: qa\n            upstream: [\n              pay_too,\n"
        "            ]  # both\n        pay_too: {owner: qa}"
    ),
    "no end of line": f"pipelines:\n{PAY}".rstrip("\n"),
    "crlf": f"pipelines:\n{PAY}".replace("\n", "\r\n"),
    "quotes and anchors": "pipelines:\n  'pay': &pay\n    owner: \"qa\"\n  also: *pay\n" + "#" * 60,
    "text block": f"pipelines:\n{PAY}    runbook: >-\n      runbooks/\n      pay.md\n\n\n# foot\n",
}


@pytest.mark.parametrize("text", FORMS.values(), ids=FORMS)
def test_every_byte_of_theirs_stays(tmp_path: Path, text: str) -> None:
    """Take the new lines out again, and it is the same file; with them it is read, old and new."""
    file = tmp_path / "catalog.yaml"
    file.write_text(text, encoding="utf-8", newline="")
    before = load_catalogue(file)
    made = updated_text(text, BOTH)
    file.write_text(made, encoding="utf-8", newline="")
    after = load_catalogue(file)
    assert set(after.pipelines) == {*before.pipelines, "new_pipeline"}
    assert set(after.services) == {*before.services, "new_service"}
    assert {name: after.pipelines[name] for name in before.pipelines} == before.pipelines
    theirs = iter(made.splitlines(keepends=True))
    ending = "\r\n" if "\r\n" in text else "\n"
    whole = text if text.endswith(("\n", "\r")) else text + ending
    assert all(line in theirs for line in whole.splitlines(keepends=True)), "their lines, in their order"
    assert len(made) > len(text)
    assert ("\r\n" in made) is ("\r\n" in text)


def test_a_comment_of_the_last_entry_stays_with_it() -> None:
    """What is new comes behind it, and before what belongs to the next section."""
    made = updated_text(FORMS["pipelines first"], BOTH)
    assert made.index("# deploy: unknown yet") < made.index("new_service")
    assert made.index("new_pipeline") < made.index("services:")


def test_nothing_new_changes_nothing() -> None:
    """An empty proposal is the same text."""
    for text in FORMS.values():
        assert updated_text(text, Proposal()).rstrip() == text.rstrip()


def test_an_empty_file_becomes_a_catalogue(tmp_path: Path) -> None:
    """Both sections are begun."""
    file = tmp_path / "catalog.yaml"
    pay = Entry(name="pay", fields=(Field(key="owner", value="qa"),))
    file.write_text(
        updated_text("", Proposal(services=(SERVICE,), pipelines=(PIPELINE, pay))), encoding="utf-8"
    )
    assert set(load_catalogue(file).pipelines) == {"new_pipeline", "pay"}


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("{pipelines: {pay: {owner: qa}}}", "braces"),
        ("pipelines: {pay: {owner: qa}}\n", "pipelines is written on one line"),
        ("pipelines:\n", "pipelines is written on one line"),
        ("- pay\n", "braces"),
        ("pipelines: [\n", "no YAML"),
    ],
)
def test_a_form_that_nothing_can_be_added_to_is_refused(text: str, words: str) -> None:
    """One sentence says what to write instead."""
    with pytest.raises(TextError, match=words):
        updated_text(text, BOTH)


def test_the_first_text_names_its_schema() -> None:
    """An editor finds it by the first line."""
    assert first_text(BOTH).startswith("# yaml-language-server: $schema=catalog.schema.json\n")
