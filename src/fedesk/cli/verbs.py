"""The verbs of the command line, as data: where each stands, what carries it out, how it is shown.

Help, completion, documentation and manual pages are drawn from these tables, one for each heading of the
list. A new verb is an entry in one of them and a function in a module of ``fedesk.cli``, which is imported
when the verb is used. Nothing is imported here but the standard library: completion reads them at every Tab.
"""

from fedesk.cli import verbs_change, verbs_look, verbs_record, verbs_release, verbs_set_up
from fedesk.cli.verb_groups import GROUPS, Group, Section, Verb

__all__ = ["GROUPS", "VERBS", "Group", "Section", "Verb"]

VERBS = (
    *verbs_look.VERBS,
    *verbs_release.VERBS,
    *verbs_change.VERBS,
    *verbs_record.VERBS,
    *verbs_set_up.VERBS,
)
