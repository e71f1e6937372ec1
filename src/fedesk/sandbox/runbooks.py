"""Small runbooks for the demo's pipelines: what one wants to read at 02:40."""

from fedesk.sandbox.model import Pipeline

_GENERAL = """\
# {name}

{description}. Loads `{dataset}`, one partition a run, and replaces what is there: a re-run adds no rows.

- Owner: {owner}, tier {tier}{deadline}
- Waits for: {upstream}
- Released by: `finedge/prod/deploy-{service}`

## When it fails

1. Read the log of the failed task; `e` goes to the line that tells why.
2. Compare with the last good run: what was released in between?
3. A cause that has gone: re-run from failed. A cause that has not: tell {owner}, and hold the pipeline.
4. Look at the rows of the partition afterwards, they should be near the usual number.
"""
_SPECIAL = {
    "payments_daily": """
## not_null_payments_amount

Rows without an amount come from authorisations that were never captured. Count them by source:

    select SOURCE, count(*) from STAGING.PAYMENTS where AMOUNT is null group by 1

Fewer than 100 from `card_network`: the network sends them again within the hour; re-run from failed then.
Anything else: stop here and call engineering, publishing stays blocked until the test passes.
""",
    "ledger_load": """
## The file of a client is late

acme_07 delivers by SFTP until 02:15. Call their operations desk after 30 minutes, and acknowledge the row
with the expected time. Do not load without the file: the reconciliation fails for everybody.
""",
    "kyc_refresh": """
## 503 from the identity provider

It is throttled around the full hour, and the second try mostly succeeds. Three failed tries in two runs in a
row: look at their status page, then hold the pipeline.
""",
    "aml_screening": """
## Exit code 137

The transform ran out of memory: a list has grown. Raise the limit of the pod in `aml/values.yaml`, or split
the lists with `chunks: 8`; a re-run without either fails the same way.
""",
    "open_banking_sync": """
## A secret in the log

Rotate it first, then ask who has read the log, then remove the debug output. The rotation is urgent.
""",
}


def runbook(pipeline: Pipeline) -> str:
    """The runbook of a pipeline, as Markdown."""
    text = _GENERAL.format(
        name=pipeline.name,
        description=pipeline.description,
        dataset=pipeline.dataset,
        owner=pipeline.owner,
        tier=pipeline.tier,
        deadline=f", due {pipeline.deadline}" if pipeline.deadline else "",
        upstream=", ".join(pipeline.upstream) or "nothing",
        service=pipeline.service,
    )
    return text + _SPECIAL.get(pipeline.name, "")
