"""Where the configuration file is: needs no parsing, and is asked for before the first frame."""

import os
from pathlib import Path

FILE_NAME = "fedesk.toml"
VARIABLE = "FEDESK_CONFIG"


def find_config(given: Path | None = None) -> Path:
    """``--config``, else the file ``FEDESK_CONFIG`` names, else fedesk.toml in the user's config directory.

    The file need not exist.
    """
    if given is not None:
        return given
    if named := os.environ.get(VARIABLE):
        return Path(named).expanduser()
    import platformdirs

    return Path(platformdirs.user_config_dir("fedesk")) / FILE_NAME
