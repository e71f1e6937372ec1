"""fedesk.toml: every mistake is named by file, line and key, all at once, and nothing else happens."""

import os
import tomllib
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from fedesk.config import (
    Config,
    ConfigurationError,
    ConfigurationMissingError,
    JenkinsConfig,
    SnowflakeConfig,
    UnknownEnvironmentError,
    load_config,
    select_environment,
)
from fedesk.toml_lines import locate

WHOLE = """\
default_environment = "staging"
catalog = "catalog.yaml"

[store]
url = "postgresql+psycopg://mara@db/fedesk"
credential = "keyring:store"

[identity]
principal = "mara@finedge.example"
signing_key = "~/.ssh/id_ed25519.pub"
allowed_signers = "allowed_signers"

[environments.prod]
production = true
mode = "read-only"
timezone = "Europe/London"
phi = false

[environments.prod.jenkins]
url = "https://jenkins.finedge.example"
user = "oncall"
credential = "keyring:prod/jenkins"
folders = ["finedge/prod"]
timeout = { connect = 3, read = 15 }
ca_bundle = "corp.pem"
client_certificate = "corp.pem"
client_key = "corp.pem"
proxy = "http://proxy.example:3128"

[environments.prod.airflow]
url = "https://airflow.finedge.example"
auth = "password"
user = "oncall"
credential = "env:AIRFLOW_PASSWORD"
tags = ["prod"]

[environments.prod.vault]
url = "https://vault.finedge.example"
auth = "token"
credential = "command:pass show vault"
kv = [{ mount = "kv", prefix = "finedge/prod" }]

[environments.prod.snowflake]
account = "finedge-eu"
host = ""
user = "FEDESK_READER"
auth = "key-pair"
credential = "keyring:prod/snowflake"
role = "FEDESK_READER"
warehouse = "OPS_XS"
database = "FINEDGE"
schema = "OPS"

[environments.prod.connections.airflow-emea]
system = "airflow"
url = "https://airflow-emea.finedge.example"
auth = "token"
credential = "command:sso-token"

[environments.staging.jenkins]
url = "https://jenkins.finedge.example/"
folders = ["finedge/staging"]
"""


def write(folder: Path, text: str) -> Path:
    (folder / "catalog.yaml").write_text("pipelines: {}\n")
    (folder / "corp.pem").write_text("")
    file = folder / "fedesk.toml"
    file.write_text(text)
    return file


def load(folder: Path, text: str) -> Config:
    return load_config(write(folder, text))


def mistakes_of(folder: Path, text: str) -> list[str]:
    """Each mistake as LINE: KEY: SENTENCE."""
    with pytest.raises(ConfigurationError) as caught:
        load(folder, text)
    prefix = f"{folder / 'fedesk.toml'}:"
    lines = str(caught.value).splitlines()
    assert all(line.startswith(prefix) for line in lines)
    return [line.removeprefix(prefix) for line in lines]


def test_every_key_of_the_format_is_read(tmp_path: Path) -> None:
    """The file in formats.md is valid; its paths begin at its own folder or at the home directory."""
    config = load(tmp_path, WHOLE)
    prod = config.environments["prod"]
    assert [str(one.name) for one in prod.connections()] == [
        "prod/jenkins",
        "prod/airflow",
        "prod/vault",
        "prod/snowflake",
        "prod/airflow-emea",
    ]
    jenkins = prod.connections()[0].settings
    assert isinstance(jenkins, JenkinsConfig)
    assert (jenkins.timeout.read, jenkins.ca_bundle) == (15.0, tmp_path / "corp.pem")
    assert config.catalog == tmp_path / "catalog.yaml"
    assert config.identity.signing_key == Path.home() / ".ssh/id_ed25519.pub"
    snowflake = prod.connections()[3].settings
    assert isinstance(snowflake, SnowflakeConfig)
    assert (snowflake.port, snowflake.protocol) == (443, "https")


def test_what_is_not_said_counts_as_production_and_read_only(tmp_path: Path) -> None:
    """An environment that says nothing of itself is treated with the greatest care."""
    config = load(tmp_path, "[environments.x]\n")
    assert (config.environments["x"].production, config.environments["x"].mode) == (True, "read-only")
    assert config.default_environment == "x"


MISTAKES = {
    "unknown key": ('colour = "red"\n', "1: colour: unknown key; known are default_environment"),
    "nearest key": (
        '\ndefalt_environment = "x"\n',
        "2: defalt_environment: unknown key; did you mean default_env",
    ),
    "key in inline table": (
        '[environments.x.jenkins]\nurl = "http://j"\ntimeout = { connect = 3, raed = 1 }\n',
        "3: environments.x.jenkins.timeout.raed: unknown key; did you mean read?",
    ),
    "type": (
        '[environments.x]\nproduction = "yes"\n',
        "2: environments.x.production: expected true or false, got text",
    ),
    "screen": ('[ui]\nglyphs = "runes"\n', "2: ui.glyphs: must be one of auto, unicode, ascii"),
    "theme": (
        '[environments.x]\n[ui.themes.mine]\nprimry = "red"\n',
        "3: ui.themes.mine.primry: unknown key; did you mean primary?",
    ),
    "type of a list": (
        '[environments.x.jenkins]\nurl = "http://j"\nfolders = "a"\n',
        "3: environments.x.jenkins.folders: expected a list, got text",
    ),
    "item of a list": (
        '[environments.x.jenkins]\nurl = "http://j"\nfolders = [\n"a",\n4]\n',
        "5: environments.x.jenkins.folders[1]: expected text, got a whole number",
    ),
    "choice": (
        '[environments.x]\nmode = "readonly"\n',
        "2: environments.x.mode: must be one of read-only, guarded",
    ),
    "missing": ('[environments.x.jenkins]\nuser = "a"\n', "1: environments.x.jenkins.url: is missing"),
    "table": (
        '[environments.x]\njenkins = "http://j"\n',
        "2: environments.x.jenkins: expected a table, got text",
    ),
    "address": (
        '[environments.x.vault]\nurl = "vault"\n',
        "2: environments.x.vault.url: expected an address like",
    ),
    "address with a query": (
        '[environments.x.jenkins]\nurl = "http://j/?a=b"\n',
        "2: environments.x.jenkins.url: an address ends with its path",
    ),
    "zone": (
        '[environments.x]\ntimezone = "Europe/Londn"\n',
        "2: environments.x.timezone: no IANA time zone; did you",
    ),
    "zone that is a folder": (
        '[environments.x]\ntimezone = "Europe"\n',
        "2: environments.x.timezone: no IANA time",
    ),
    "default": (
        'default_environment = "stagin"\n[environments.staging]\n',
        "1: default_environment: unknown environment; did you mean staging?",
    ),
    "no default": ("[environments.a]\n[environments.b]\n", "default_environment: is missing"),
    "ca_bundle": (
        '[environments.x.jenkins]\nurl = "http://j"\nca_bundle = "no.pem"\n',
        "3: environments.x.jenkins.ca_bundle: there is no file",
    ),
    "catalogue": ('catalog = "nowhere"\n[environments.x]\n', "1: catalog: there is no file or folder"),
    "what a login needs": (
        '[environments.x.airflow]\nurl = "http://a"\nuser = "u"\n',
        '1: environments.x.airflow.credential: is missing; auth = "password" needs it',
    ),
    "system of a connection": (
        "[environments.x.connections.more]\nsystem = 'airfow'\n",
        "2: environments.x.connections.more.system: is none of the four",
    ),
    "second of one name": (
        "[environments.x.connections.jenkins]\nsystem = 'jenkins'\n",
        "1: environments.x.connections.jenkins: is the name of the first jenkins",
    ),
    "name": ('[environments."a b"]\n', '1: environments."a b": an environment\'s name is made of'),
    "timeout": (
        '[environments.x.jenkins]\nurl = "http://j"\ntimeout = { read = 0 }\n',
        "3: environments.x.jenkins.timeout.read: expected a number greater than 0",
    ),
    "store": (
        '[store]\nurl = "mysql://db"\n[environments.x]\n',
        '2: store.url: expected "sqlite", an absolute file',
    ),
    "no TOML": ("[environments.x\n", "1: no TOML: Expected"),
    "control character": (
        'catalog = "a\\u0007b"\n[environments.x]\n',
        "1: catalog: holds a control character",
    ),
}


@pytest.mark.parametrize("name", MISTAKES)
def test_a_mistake_is_named_by_file_line_and_key(tmp_path: Path, name: str) -> None:
    """One mistake, one line: where it stands, which key, what to do."""
    text, expected = MISTAKES[name]
    assert any(expected in mistake for mistake in mistakes_of(tmp_path, text)), mistakes_of(tmp_path, text)


def test_all_mistakes_are_told_at_once_in_the_order_of_the_file(tmp_path: Path) -> None:
    """Whoever corrects the file does not go round once for each mistake."""
    texts = ('colour = "red"', "[environments.x]", 'mode = "all"', 'timezone = "Nowhere"', "phi = 3")
    found = mistakes_of(tmp_path, "\n".join(texts) + "\n")
    assert [line.split(":", 1)[0] for line in found] == ["1", "3", "4", "5"]


SECRETS = {
    "credential": '[environments.x.jenkins]\nurl = "http://j"\nuser = "u"\ncredential = "hunter2"\n',
    "key of its own": '[environments.x.jenkins]\nurl = "http://j"\npassword = "hunter2"\n',
    "token": '[environments.x.vault]\nurl = "http://v"\nvault_token = "hunter2"\n',
    "anywhere": 'api_key = "hunter2"\n[environments.x]\n',
    "address": '[environments.x.jenkins]\nurl = "https://oncall:hunter2@jenkins"\n',
    "proxy": '[environments.x.jenkins]\nurl = "https://j"\nproxy = "http://u:hunter2@p"\n',
    "store": '[store]\nurl = "postgresql+psycopg://mara:hunter2@db/fedesk"\n[environments.x]\n',
    "list": '[environments.x.vault]\nurl = "http://v"\nkv = [{ mount = "kv", secret = "hunter2" }]\n',
    "unknown scheme": '[environments.x.vault]\nurl = "http://v"\ncredential = "vault:hunter2"\n',
}


@pytest.mark.parametrize("name", SECRETS)
def test_a_literal_secret_is_refused_and_not_repeated(tmp_path: Path, name: str) -> None:
    """The sentence says how to move the secret out of the file, and does not print it again."""
    found = mistakes_of(tmp_path, SECRETS[name])
    stored = ("`keyring set fedesk ", "`fedesk login x.")
    assert any(any(how in one for how in stored) and 'credential = "keyring:' in one for one in found)
    assert "hunter2" not in "\n".join(found)


def _two(first: str, second: str) -> str:
    """One file with environments a and b."""
    return f'default_environment = "a"\n{first}\n{second}\n'


OVERLAPS = {
    "jenkins without folders": (
        '[environments.a.jenkins]\nurl = "https://Jenkins.example:443/"',
        '[environments.b.jenkins]\nurl = "https://jenkins.example"\nfolders = ["x"]',
    ),
    "jenkins folder in folder": (
        '[environments.a.jenkins]\nurl = "http://j"\nfolders = ["finedge/"]',
        '[environments.b.jenkins]\nurl = "http://j:80"\nfolders = ["other", "finedge/prod"]',
    ),
    "one server by both schemes": (
        '[environments.a.jenkins]\nurl = "http://j"',
        '[environments.b.jenkins]\nurl = "https://j"',
    ),
    "airflow tags": (
        '[environments.a.airflow]\nurl = "http://a/x"\nauth = "token"\ncredential = "env:T"\ntags = ["q"]',
        '[environments.b.airflow]\nurl = "http://A/x/"\nauth = "token"\ncredential = "env:T"\ntags = ["q"]',
    ),
    "vault prefixes": (
        '[environments.a.vault]\nurl = "http://v"\ncredential = "env:T"\nkv = [{mount = "kv"}]',
        '[environments.b.vault]\nurl = "http://v"\ncredential = "env:T"\nkv = [{ mount = "/kv" }]',
    ),
    "snowflake": (
        '[environments.a.snowflake]\naccount = "Fin_EU"\nuser = "u"\nauth = "externalbrowser"',
        '[environments.b.snowflake]\naccount = "fin-eu"\nuser = "u"\nauth = "externalbrowser"\nschema = "D"',
    ),
}


@pytest.mark.parametrize("name", OVERLAPS)
def test_overlapping_environments_are_refused_naming_both(tmp_path: Path, name: str) -> None:
    """A target belongs to one environment, however the same address is written."""
    found = mistakes_of(tmp_path, _two(*OVERLAPS[name]))
    system = name.split(maxsplit=1)[0].replace("one", "jenkins")
    assert len(found) == 1
    assert "environments a and b overlap: a/" in found[0]
    assert f"environments.b.{system}: " in found[0]


APART = {
    "folders": (
        '[environments.a.jenkins]\nurl = "http://j"\nfolders = ["finedge/prod"]',
        '[environments.b.jenkins]\nurl = "http://j"\nfolders = ["finedge/production"]',
    ),
    "paths of addresses": (
        '[environments.a.airflow]\nurl = "http://a/x"\nauth = "token"\ncredential = "env:T"',
        '[environments.b.airflow]\nurl = "http://a/y"\nauth = "token"\ncredential = "env:T"',
    ),
    "ports": ('[environments.a.jenkins]\nurl = "http://j:1"', '[environments.b.jenkins]\nurl = "http://j:2"'),
    "schemas": (
        '[environments.a.snowflake]\naccount = "f"\nuser = "u"\nauth = "externalbrowser"\nschema = "X"',
        '[environments.b.snowflake]\naccount = "f"\nuser = "u"\nauth = "externalbrowser"\nschema = "Y"',
    ),
}


@pytest.mark.parametrize("name", APART)
def test_environments_that_share_a_server_and_nothing_of_it_are_fine(tmp_path: Path, name: str) -> None:
    """One controller may serve several environments, each with a part of its own."""
    assert len(load(tmp_path, _two(*APART[name])).environments) == 2


def test_no_environment_variable_changes_what_the_file_says(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """FEDESK_CONFIG says where the file is; production, mode and addresses come from the file alone."""
    file = write(tmp_path, '[environments.x]\nproduction = true\nmode = "read-only"\n')
    for name in ("PRODUCTION", "MODE", "ENVIRONMENTS__X__MODE", "X_MODE", "ENVIRONMENTS_X_PRODUCTION", "ENV"):
        monkeypatch.setenv(f"FEDESK_{name}", "guarded")
    monkeypatch.setenv("FEDESK_CONFIG", str(file))
    config = load_config(None)
    assert (config.environments["x"].production, config.environments["x"].mode) == (True, "read-only")


def test_the_file_is_looked_for_in_three_places_in_order(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """--config, then FEDESK_CONFIG, then the user's configuration directory."""
    places = [tmp_path / name for name in ("given", "named", "xdg/fedesk")]
    for place in places:
        place.mkdir(parents=True)
        write(place, "[environments.x]\n")
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "xdg"))
    monkeypatch.setenv("FEDESK_CONFIG", str(places[1] / "fedesk.toml"))
    assert load_config(places[0] / "fedesk.toml").path.parent == places[0]
    assert load_config(None).path.parent == places[1]
    monkeypatch.delenv("FEDESK_CONFIG")
    assert load_config(None).path.parent == places[2]


def test_no_file_is_one_sentence(tmp_path: Path) -> None:
    """A missing configuration says where it was looked for and what works without one."""
    with pytest.raises(
        ConfigurationMissingError, match=r"fedesk\.toml: there is no configuration here; `fedesk demo`"
    ):
        load_config(tmp_path / "fedesk.toml")


def test_a_file_that_cannot_be_read_is_one_sentence(tmp_path: Path) -> None:
    """A directory in place of the file, and bytes that are no text, are mistakes like any other."""
    with pytest.raises(ConfigurationError, match="cannot be read"):
        load_config(tmp_path)
    file = tmp_path / "fedesk.toml"
    file.write_bytes(b"a = 1\nb = '\xff'\n")
    with pytest.raises(ConfigurationError, match=r"fedesk\.toml:2: is not UTF-8 text"):
        load_config(file)


def test_an_unknown_environment_names_the_nearest(tmp_path: Path) -> None:
    """A mistyped --env is told with what was meant."""
    config = load(tmp_path, "[environments.staging]\n")
    assert select_environment(config, None).name == "staging"
    with pytest.raises(UnknownEnvironmentError, match="did you mean staging"):
        select_environment(config, "stagin")


KEYS = st.sampled_from(
    ["environments", "prod", "jenkins", "url", "credential", "a b", "é", "", "mode", "x.y"]
)
SCALARS = st.one_of(
    st.booleans(),
    st.integers(),
    st.floats(),
    st.text(max_size=8),
    st.dates(),
    st.sampled_from(["guarded", "http://x"]),
)
TREES = st.recursive(
    SCALARS,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(KEYS, inner, max_size=3),
    max_leaves=12,
)


def _toml(value: object) -> str:
    if isinstance(value, dict):
        return "{" + ", ".join(f"{_quoted(key)} = {_toml(item)}" for key, item in value.items()) + "}"
    if isinstance(value, list):
        return "[" + ",\n".join(_toml(item) for item in value) + "]"
    if isinstance(value, bool):
        return str(value).lower()
    return _quoted(value) if isinstance(value, str) else str(value)


def _quoted(text: str) -> str:
    return '"' + "".join(f"\\U{ord(char):08x}" if not char.isalnum() else char for char in text) + '"'


def _assert_told(error: ConfigurationError) -> None:
    """There is a mistake, and each has a sentence."""
    assert error.mistakes
    assert all(mistake.sentence for mistake in error.mistakes)


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.dictionaries(KEYS, TREES, max_size=4))
def test_any_toml_is_read_or_refused_in_sentences(tmp_path: Path, document: dict[str, object]) -> None:
    """Whatever a valid TOML file holds, it is a configuration or a list of mistakes; never a traceback."""
    text = "".join(f"{_quoted(key)} = {_toml(value)}\n" for key, value in document.items())
    try:
        load(tmp_path, text)
    except ConfigurationError as error:
        _assert_told(error)


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.data())
def test_broken_toml_is_refused_in_one_sentence(tmp_path: Path, data: st.DataObject) -> None:
    """A good file with a piece cut out, doubled or replaced by any bytes never ends in a traceback."""
    raw = WHOLE.encode()
    start = data.draw(st.integers(0, len(raw)))
    end = data.draw(st.integers(start, min(start + 40, len(raw))))
    file = write(tmp_path, "")
    file.write_bytes(raw[:start] + data.draw(st.binary(max_size=20)) + raw[end:])
    try:
        load_config(file)
    except ConfigurationError as error:
        _assert_told(error)


@pytest.mark.parametrize(
    "text", ["a = [}", "a = [ } ]", "a = [,]", "a = {b = }", "a = ", "a = [[}", "a = {]}"]
)
def test_the_locator_ends_where_a_value_is_missing(text: str) -> None:
    """A closing bracket of the other kind is no value that one could pass: what was found serves."""
    assert locate(f"first = 1\n{text}\n")[("first",)] == 1


@settings(max_examples=60, deadline=None)
@given(st.dictionaries(KEYS, TREES, max_size=4))
def test_every_key_of_a_file_has_a_line(document: dict[str, object]) -> None:
    """The locator knows each key that tomllib knows, in the order of the text."""
    text = "".join(f"{_quoted(key)} = {_toml(value)}\n" for key, value in document.items())
    lines = locate(text)
    positions = []
    for key, value in tomllib.loads(text).items():
        positions.append(lines[(key,)])
        _assert_located(value, (key,), lines)
    assert positions == sorted(positions)


def _assert_located(
    value: object, place: tuple[str | int, ...], lines: dict[tuple[str | int, ...], int]
) -> None:
    assert place in lines
    children: list[tuple[str | int, object]] = []
    if isinstance(value, dict):
        children = list(value.items())
    elif isinstance(value, list):
        children = list(enumerate(value))
    for key, item in children:
        _assert_located(item, (*place, key), lines)


def test_lines_are_right_through_every_construct_of_toml() -> None:
    """Comments, multi-line strings, arrays of tables, dotted and quoted keys shift no line."""
    text = '''# one
a.b = """
[not.a.table]
""" # two
"c d" = [ # three
  1,
  { e = 2, f = "]" } ]
[[t]]
x = 'a#b'
[[t]]
[t.u]
y = 1
'''
    lines = locate(text)
    assert tomllib.loads(text)["t"][1]["u"]["y"] == 1
    assert lines[("a", "b")] == 2
    assert lines[("c d",)] == 5
    assert lines[("c d", 0)] == 6
    assert lines[("c d", 1, "f")] == 7
    assert lines[("t", 0, "x")] == 9
    assert lines[("t", 1)] == 10
    assert lines[("t", 1, "u", "y")] == 12


def test_a_home_directory_of_nobody_is_a_mistake(tmp_path: Path) -> None:
    """A path below the home of a user that does not exist is named, not raised."""
    assert os.path.expanduser("~nobody-of-that-name") == "~nobody-of-that-name"  # noqa: PTH111 - what Path raises on
    found = mistakes_of(tmp_path, 'catalog = "~nobody-of-that-name/x"\n[environments.x]\n')
    assert "1: catalog: there is no such user's home directory" in found[0]
