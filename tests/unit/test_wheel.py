import os
import shutil
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

from fedesk.kit import KITS
from fedesk.store import migrating

TREE = Path(__file__).parents[2]


def test_the_wheel_brings_what_is_not_code_and_finds_it(tmp_path: Path) -> None:
    """A wheel holds styles, SQL, migrations, completion scripts, the kit and the manual page."""
    uv = os.environ.get("UV") or shutil.which("uv") or str(TREE / ".uv" / "bin" / "uv")
    if not Path(uv).exists():
        pytest.skip("no uv to build a wheel with: run the tests by the README's command")
    subprocess.run([uv, "build", "-q", "--wheel", "--out-dir", tmp_path, TREE], check=True)
    (wheel,) = tmp_path.glob("fedesk-*.whl")
    installed = tmp_path / "installed"
    with zipfile.ZipFile(wheel) as archive:
        archive.extractall(installed)
    program = (
        f"import sys; sys.path.insert(0, {str(installed)!r}); from fedesk.ui.styles import styles_folder; "
        "from fedesk.store import migrating; "
        "print(styles_folder()); print(sorted(path.name for path in styles_folder().iterdir())); "
        "print(migrating.__file__, len(migrating.functions()))"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    folder, names, store = done.stdout.splitlines()
    assert store == f"{installed}/fedesk/store/migrating.py {len(migrating.functions())}"
    steps = {path.name for path in (installed / "fedesk" / "store" / "migrations").rglob("*.py")}
    assert steps == {path.name for path in (TREE / "src/fedesk/store/migrations").rglob("*.py")}
    scripts = {path.name for path in (installed / "fedesk" / "cli" / "scripts").iterdir()}
    assert scripts == {"fedesk.bash", "fedesk.zsh", "fedesk.fish"}
    for kit in KITS.values():
        copied = installed / "fedesk" / "kit" / kit.name
        assert {path.name: path.read_text("utf-8") for path in copied.iterdir()} == {
            file: kit.text(file) for file in kit.files
        }
    (page,) = installed.glob("fedesk-*.data/data/share/man/man1/fedesk.1")
    assert ".SS fedesk status" in page.read_text(encoding="ascii")
    assert folder == str(installed / "fedesk" / "styles")
    assert names == str(sorted(path.name for path in (TREE / "styles").iterdir()))


def test_the_tree_finds_its_styles_where_they_are_edited() -> None:
    """An editable install carries no forced includes: the styles are taken from the top of the tree."""
    program = "from fedesk.ui.styles import styles_folder; print(styles_folder())"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert Path(done.stdout.strip()).samefile(TREE / "styles")
