"""``fedesk kit``: what is there, what is in it, and a copy that loses nothing."""

import json
from pathlib import Path

import pytest
from command_line import Run

from fedesk.kit import EXECUTOR, KITS


def test_kits_are_listed_without_a_configuration(run: Run) -> None:
    """Each with what it is and the page that goes through it."""
    listed = run("kit", "list")
    assert listed.code == 0
    for kit in KITS.values():
        assert f"{kit.name} " in listed.out
        assert kit.guide in listed.out
    kits = run("kit", "list", "--json").document("kits")["kits"]
    assert [kit["name"] for kit in kits] == list(KITS)
    lines = [json.loads(line) for line in run("kit", "list", "--json-lines").out.splitlines()]
    assert [(line["schema"], line["kit"]) for line in lines] == [("fedesk-kits/1", kit) for kit in kits]


@pytest.mark.parametrize("name", KITS)
def test_a_kit_is_shown_with_what_there_is_to_fill_in(run: Run, name: str) -> None:
    """Every file with what it is, every blank with its line; the document has the texts as well."""
    shown = run("kit", "show", name)
    assert shown.code == 0
    for file, what in KITS[name].files.items():
        assert file in shown.out
        assert what in shown.out
    for blank, line in KITS[name].places():
        assert f"{blank.file}:{line} " in shown.out
    document = run("kit", "show", name, "--json").document("kit")["kit"]
    assert {file["name"]: file["text"] for file in document["files"]} == {
        file: KITS[name].text(file) for file in KITS[name].files
    }
    assert len(document["blanks"]) == len(KITS[name].blanks)


def test_one_file_is_printed_as_it_is(run: Run) -> None:
    """To be piped; in JSON it stands alone with what concerns it."""
    assert run("kit", "show", "executor/Jenkinsfile").out == EXECUTOR.text("Jenkinsfile")
    document = run("kit", "show", "executor/Jenkinsfile", "--json").document("kit")["kit"]
    assert [file["name"] for file in document["files"]] == ["Jenkinsfile"]
    assert {blank["file"] for blank in document["blanks"]} == {"Jenkinsfile"}


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("show", "nothing"), "There is no kit 'nothing'; there are executor, permissions, deploy"),
        (("show", "executor/../__init__.py"), "executor has no file '../__init__.py'; it has Jenkinsfile, "),
        (("copy", "nothing", "x"), "There is no kit 'nothing'; there are executor, permissions, deploy"),
    ],
)
def test_what_is_not_there_is_named_beside_what_is(run: Run, words: tuple[str, ...], said: str) -> None:
    """Exit code 1; a name is a kit's or a file's and never a path."""
    ended = run("kit", *words)
    assert (ended.code, ended.out) == (1, "")
    assert ended.err.startswith(said)


def test_a_copy_is_whole_and_says_what_to_fill_in(run: Run, tmp_path: Path) -> None:
    """Each file byte for byte, in a folder that is made."""
    target = tmp_path / "deep" / "executor"
    ended = run("kit", "copy", "executor", str(target))
    assert ended.code == 0
    assert {path.name: path.read_text("utf-8") for path in target.iterdir()} == {
        file: EXECUTOR.text(file) for file in EXECUTOR.files
    }
    for blank, line in EXECUTOR.places():
        assert f"{blank.file}:{line} " in ended.out


def test_a_copy_overwrites_nothing_unless_told_to(run: Run, tmp_path: Path) -> None:
    """Where one file is there already no other is copied either; --force writes all, and through no link."""
    (tmp_path / "fedesk.toml").write_text("filled in", encoding="utf-8")
    (tmp_path / "elsewhere").write_text("not ours", encoding="utf-8")
    (tmp_path / "Jenkinsfile").symlink_to(tmp_path / "elsewhere")
    before = sorted(tmp_path.iterdir())
    ended = run("kit", "copy", "executor", str(tmp_path))
    assert ended.code == 5
    assert ended.err == (
        f"{tmp_path} has Jenkinsfile, fedesk.toml already, and was left alone; --force overwrites\n"
    )
    assert sorted(tmp_path.iterdir()) == before
    copied = run("kit", "copy", "executor", str(tmp_path), "--force", "--json").document("kit-copy")
    assert copied["folder"] == str(tmp_path)
    assert (tmp_path / "fedesk.toml").read_text("utf-8") == EXECUTOR.text("fedesk.toml")
    assert (tmp_path / "Jenkinsfile").read_text("utf-8") == EXECUTOR.text("Jenkinsfile")
    assert (tmp_path / "elsewhere").read_text("utf-8") == "not ours"


def test_a_folder_that_cannot_be_written_is_a_sentence(run: Run, tmp_path: Path) -> None:
    """Exit code 1, with the file and why."""
    (tmp_path / "file").touch()
    ended = run("kit", "copy", "executor", str(tmp_path / "file" / "folder"))
    assert (ended.code, ended.out) == (1, "")
    assert "Jenkinsfile cannot be written: " in ended.err
