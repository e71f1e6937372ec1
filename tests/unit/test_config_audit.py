"""The table ``[audit]`` of fedesk.toml: how the log is signed, and where its checkpoints go."""

from pathlib import Path

import pytest

from fedesk.anchoring import anchor_name
from fedesk.config import load_config
from fedesk.config_audit import receiver_of
from fedesk.config_types import (
    AuditConfig,
    FileAnchorConfig,
    HttpsAnchorConfig,
    SyslogAnchorConfig,
    TransitKey,
    VaultAnchorConfig,
)
from fedesk.domain.names import ConnectionName
from fedesk.mistakes import ConfigurationError

VAULT = '[environments.x.vault]\nurl = "https://v"\ncredential = "env:T"\n'


def load(folder: Path, text: str) -> AuditConfig:
    """The table, in a file that has an environment with a Vault."""
    file = folder / "fedesk.toml"
    file.write_text(f"{text}\n{VAULT}", encoding="utf-8")
    return load_config(file).audit


def test_without_the_table_nothing_is_anchored(tmp_path: Path) -> None:
    """Nobody signs, and there is no sink."""
    assert load(tmp_path, "") == AuditConfig(log="fedesk", sign="none", every=100, anchors=())


def test_every_sink_with_all_its_keys(tmp_path: Path) -> None:
    """Paths are relative to the file; what is left out has its default."""
    audit = load(
        tmp_path,
        """
        [audit]
        log = "desk-3"
        sign = "transit:x/vault:keys/fedesk"
        every = 7
        [[audit.anchors]]
        sink = "file"
        path = "worm/fedesk.jsonl"
        [[audit.anchors]]
        sink = "syslog"
        address = "tcp://logs:6514"
        [[audit.anchors]]
        sink = "https"
        url = "https://anchor.example/fedesk"
        user = "desk"
        credential = "keyring:anchor"
        timeout = { connect = 1, read = 2 }
        [[audit.anchors]]
        sink = "vault"
        connection = "x/vault"
        """,
    )
    assert (audit.log, audit.every) == ("desk-3", 7)
    assert audit.sign == TransitKey(connection=ConnectionName("x", "vault"), mount="keys", key="fedesk")
    file, syslog, https, vault = audit.anchors
    assert file == FileAnchorConfig(path=tmp_path / "worm" / "fedesk.jsonl")
    assert syslog == SyslogAnchorConfig(address="tcp://logs:6514")
    assert isinstance(https, HttpsAnchorConfig)
    assert (https.user, https.credential, https.timeout.read) == ("desk", "keyring:anchor", 2)
    assert vault == VaultAnchorConfig(connection="x/vault", mount="kv", path="fedesk/checkpoints")
    assert [anchor_name(one) for one in audit.anchors] == [
        f"file {tmp_path}/worm/fedesk.jsonl",
        "syslog tcp://logs:6514",
        "https://anchor.example/fedesk",
        "x/vault kv/fedesk/checkpoints",
    ]


def anchor(text: str) -> str:
    return f"[[audit.anchors]]\n{text}"


WRONG = {
    "a key": ("[audit]\nevry = 3", "2: audit.evry: unknown key; did you mean every?"),
    "every": ("[audit]\nevery = 0", "audit.every: "),
    "log": ('[audit]\nlog = "a b"', "audit.log: a log's name is made of letters"),
    "sign": (
        '[audit]\nsign = "shh"',
        "audit.sign: expected none, ssh or transit:CONNECTION:KEY; did you mean ssh?",
    ),
    "sign without a key": ('[audit]\nsign = "transit:x/vault"', "audit.sign: expected none"),
    "sign by what is no Vault": (
        '[audit]\nsign = "transit:x/valt:k"',
        "audit.sign: unknown Vault connection; did you mean x/vault?",
    ),
    "ssh without a key": (
        '[audit]\nsign = "ssh"',
        'identity.signing_key: is missing; audit.sign = "ssh" needs it',
    ),
    "ssh without signers": ('[audit]\nsign = "ssh"', "identity.allowed_signers: is missing"),
    "ssh by nobody": ('[audit]\nsign = "ssh"', "identity.principal: is missing"),
    "a principal with a space": (
        '[identity]\nprincipal = "Mara M"\nsigning_key = "k"\nallowed_signers = "s"\n[audit]\nsign = "ssh"',
        "identity.principal: who signs has a name of ASCII",
    ),
    "no sink": (
        anchor('path = "x"'),
        "1: audit.anchors[0].sink: is missing; it says what it is: file, syslog, https, vault",
    ),
    "a sink": (anchor('sink = "fil"'), "audit.anchors[0].sink: unknown sink; did you mean file?"),
    "a key of a sink": (
        anchor('sink = "file"\npaht = "x"'),
        "3: audit.anchors[0].paht: unknown key; did you mean path?",
    ),
    "no path": (anchor('sink = "file"'), "audit.anchors[0].path: is missing"),
    "an address": (
        anchor('sink = "syslog"\naddress = "logs:514"'),
        "audit.anchors[0].address: expected udp://HOST:PORT",
    ),
    "a url": (anchor('sink = "https"\nurl = "ftp://x"'), "audit.anchors[0].url: expected an address"),
    "a password in a url": (
        anchor('sink = "https"\nurl = "https://a:b@x"'),
        "an address must not hold a password",
    ),
    "a credential": (
        anchor('sink = "https"\nurl = "https://x"\ncredential = "s3cret"'),
        "audit.anchors[0].credential: expected a reference",
    ),
    "a token": (
        anchor('sink = "https"\nurl = "https://x"\ntoken = "s3cret"'),
        "a secret does not belong in this file",
    ),
    "a user alone": (
        anchor('sink = "https"\nurl = "https://x"\nuser = "u"'),
        "audit.anchors[0].credential: is missing",
    ),
    "no Vault": (
        anchor('sink = "vault"\nconnection = "y/vault"'),
        "audit.anchors[0].connection: unknown Vault connection",
    ),
    "twice": (
        anchor('sink = "file"\npath = "a"\n') + anchor('sink = "file"\npath = "./a"'),
        "audit.anchors[1]: is the same anchor a second time",
    ),
    "no table": ("audit = { anchors = [1] }", "audit.anchors[0]: expected a table"),
}


@pytest.mark.parametrize("name", WRONG)
def test_a_mistake_is_named_by_line_and_key(tmp_path: Path, name: str) -> None:
    """All of them at once, the nearest known word beside it, and no secret in the sentence."""
    text, expected = WRONG[name]
    with pytest.raises(ConfigurationError) as caught:
        load(tmp_path, text)
    assert expected in str(caught.value)
    assert "s3cret" not in str(caught.value)


@pytest.mark.parametrize(
    ("address", "receiver"),
    [
        ("udp://logs", ("udp", "logs", 514)),
        ("tcp://logs", ("tcp", "logs", 601)),
        ("udp://[::1]:5514", ("udp", "::1", 5514)),
        ("unix:///dev/log", ("unix", "/dev/log", 0)),
        ("unix://dev/log", None),
        ("udp://", None),
        ("udp://logs/x", None),
        ("udp://a@logs", None),
        ("udp://logs:x", None),
        ("http://logs", None),
    ],
)
def test_the_address_of_a_receiver(address: str, receiver: tuple[str, str, int] | None) -> None:
    """Host and port, with the ports of syslog where none is given; or a socket's path."""
    assert receiver_of(address) == receiver
