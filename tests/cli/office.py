"""People of a team, each with a command line, a configuration and a key of their own, over one sandbox."""

import json
from collections.abc import Mapping, Sequence

from approval_people import Team
from cli_situations import FAILED, YES, runners_of
from command_line import Ended, Run

from fedesk.sandbox.server import Sandbox

_GOVERNED = """
[identity]
principal = "{principal}"
signing_key = "{key}"
allowed_signers = "{folder}/allowed_signers"
revoked = "{folder}/revoked_keys"
{people}
{policy}
"""
TWO_AGREE = """
[policy.rerun]
approvals = 1
lives = "8h"
"""


class Office:
    """People whose roles all of them have in their configurations; mara and ann unless others are named."""

    def __init__(self, run: Run, sandbox: Sandbox, team: Team) -> None:
        self._run, self.sandbox, self._team = run, sandbox, team
        self.policy = TWO_AGREE
        self.roles: Mapping[str, Sequence[str]] = {"mara": ["operator"], "ann": ["approver"]}

    def __call__(self, who: str, *arguments: str, store: str = "fedesk.sqlite3") -> Ended:
        """A command line of somebody's; with another ``store`` they do not share it."""
        home = self.sandbox.config_path.parent
        text = self.sandbox.config_path.read_text(encoding="utf-8").replace("fedesk.sqlite3", store)
        governed = _GOVERNED.format(
            principal=f"{who}@finedge.example",
            key=self._team.key(who),
            folder=self._team.folder,
            policy=self.policy,
            people="".join(
                f'[people."{name}@finedge.example"]\nroles = {json.dumps(list(roles))}\n'
                for name, roles in self.roles.items()
            ),
        )
        file = home / f"{who}.toml"
        file.write_text(text + governed, encoding="utf-8")
        moment = self.sandbox.control.clock.now()
        return self._run(*arguments, "--config", str(file), at=moment, launcher=runners_of(self.sandbox))

    def asked(self) -> str:
        """The id of a plan that mara has asked for."""
        ended = self("mara", "rerun", FAILED, *YES, "--json")
        assert ended.code == 4
        return str(ended.document("change")["operation"])
