"""Which texts are hidden, which are left, and that hiding takes linear time. Every secret here is made up."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fedesk.domain.redaction import Hit, LineRedactor, Redacted, redact

_JWT = "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiJtYXJhIiwiZXhwIjoxfQ.c2lnbmF0dXJlLW9mLWl0"
_AWS_ID = "AKIA" + "IOSFODNN7EXAMPLE"
_AWS_KEY = "wJalrXUtnFEMI/K7MDENG/bPxRfiCY" + "EXAMPLEKEY"

SECRETS = [
    ("aws-access-key", "using {} for s3", _AWS_ID),
    ("aws-secret-key", "aws configure set {}", _AWS_KEY),
    ("secret", "AWS_SECRET_ACCESS_KEY=x{}", _AWS_KEY),
    ("jwt", "posted {} to /login", _JWT),
    ("vault-token", "VAULT says {} is new", "hvs." + "CAESIJ4xq0dT8kSmVQ2b7pZx"),
    ("vault-token", "login with {}", "s." + "9Xk2mQ7rT4vB1nZ8cL5pW3yD"),
    ("github-token", "clone with {}", "ghp_" + "a1B2" * 9),
    ("github-token", "clone with {}", "github_pat_" + "11ABCDEFG0" * 4),
    ("gitlab-token", "clone with {}", "glpat-" + "x9Y8z7W6v5U4t3S2r1Q0"),
    ("slack-token", "notify {}", "xoxb-" + "1234567890-abcdefghij"),
    ("slack-token", "POST https://hooks.slack.com/services/{}", "T00000000/B00000000/XXXXXXXXXXXXXXXX"),
    ("url-password", "postgresql://etl:{}@db:5432/x", "hunter2!"),
    ("url-password", "postgresql://etl:{}@db:5432/x", "p@ss:w@rd"),
    ("url-password", "AIRFLOW_CONN_SNOW='snowflake://SVC:{}@acme/db?warehouse=XS'", "S3cr%2Ft"),
    ("authorization", "> Authorization: Bearer {}", "abc.def-ghi"),
    ("authorization", "> authorization: Basic {}", "bWFyYTpodW50ZXIy"),
    ("authorization", '"Authorization": "Bearer {}"', "0123456789abcdef0123"),
    ("password", "password={}", "hunter2"),
    ("password", "PGPASSWORD={} psql", "hunter2"),
    ("password", '{{"conn_type": "snowflake", "password": {}}}', '"hunter 2"'),
    ("password", "snowsql --password {} -q x", "hunter2"),
    ("password", "curl -s -u etl:{} https://x", "hunter2"),
    ("secret", "X-Vault-Token: {}", "0a1b2c3d4e5f"),
    ("secret", "client_secret: {}", "Zx9-k2"),
    ("secret", "api_key={}&page=2", "k1k2k3k4"),
    ("password", "password={}", "XXXX"),
    ("secret", "token={}", "X1b2X"),
]

PLAIN = [
    "pushed registry/payments@sha256:9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08",
    "Checking out Revision c0ffee1fb8d6a5e4c3b2a1908f7e6d5c4b3a2918 (origin/main)",
    "aws s3 cp s3://finedge/2026-11-20/c0ffee1fb8d6a5e4c3b2a1908f7e6d5c4b3a2918.parquet",
    "SQL compilation error: syntax error line 3 at position 7 unexpected token: SELECT",
    "password=****",
    "password: ${DB_PASSWORD}",
    "token={{ var.value.token }}",
    "password authentication failed for user etl",
    "tokens: 512, secrets: 3 found",
    "TOKEN_EXPIRY=3600",
    "GET https://jenkins.finedge.example:8443/job/x@2/ 200",
    "12:31:07  1 of 14 START test not_null_payments_amount ... [RUN]",
    "key: payments.s.payments_daily",
    "primary key=payment_id",
    "aws s3 sync of c0ffee1fb8d6a5e4c3b2a1908f7e6d5c4b3a2918 done",
    "aws s3 sync of C0FFEE1FB8D6A5E4C3B2A1908F7E6D5C4B3A2918 done",
    "aws ResourceTypeNameWithoutAnyDigitsInsideOf done",
    "token=*****",
    'token: "SELECT"',
    "token=a1b",
    "token=fifteenletterss",
]


@pytest.mark.parametrize(("detector", "line", "secret"), SECRETS)
def test_a_secret_is_hidden_and_named_by_its_detector(detector: str, line: str, secret: str) -> None:
    """The value goes, the text around it stays, and the hit says which detector saw it."""
    found = redact(line.format(secret))
    assert secret not in found.text
    assert detector in {hit.detector for hit in found.hits}
    assert found.text.startswith(line.partition("{}")[0].format()[:4])
    assert secret not in repr(found)


@pytest.mark.parametrize(
    "placeholder",
    [
        "none", "None", "null", "nil", "true", "false", "undefined", "redacted", "masked", "hidden", "****",
        "xxxx", "${DB_PASSWORD}", "$(cat_password)", "{{var.password}}", "<yours>", "%(password)s", "'****'",
        '"none"',
    ],
)  # fmt: skip
def test_a_placeholder_is_left_and_what_stands_behind_it_is_not(placeholder: str) -> None:
    """Masks, empty words and references are no values; a secret later on the same line is hidden."""
    found = redact(f"password={placeholder} password=hunter2, then password=b2")
    assert found.text == (
        f"password={placeholder} password=[hidden: password], then password=[hidden: password]"
    )
    assert found.hits == (Hit("password"), Hit("password"))


@pytest.mark.parametrize("value", ["a1b2", "sixteenlettersss"])
def test_a_token_is_four_characters_with_a_digit_or_a_long_word(value: str) -> None:
    """What is shorter, or a word of a sentence, is left: see the plain lines."""
    assert redact(f"token={value}") == Redacted("token=[hidden: secret]", (Hit("secret"),))


@pytest.mark.parametrize("line", PLAIN)
def test_what_is_no_secret_is_left(line: str) -> None:
    """Digests, commits, masks, references and sentences about tokens are shown as they are."""
    assert redact(line).text == line
    assert redact(line).hits == ()


def test_a_private_key_over_several_lines_is_one_hit() -> None:
    """The body of a key is hidden line by line, and what follows its end is shown."""
    redactor = LineRedactor()
    lines = [
        "cat key",
        "-----BEGIN RSA PRIVATE KEY-----",
        "MIIEabc",
        "ZZZ=",
        "-----END RSA PRIVATE KEY-----",
        "done",
    ]
    found = [redactor(line) for line in lines]
    mark = "[hidden: private-key]"
    assert [each.text for each in found] == ["cat key", mark, mark, mark, mark, "done"]
    assert sum(len(each.hits) for each in found) == 1


def test_a_private_key_that_never_ends_hides_no_more_than_a_key() -> None:
    """A cut-off block must not swallow the rest of a log: 400 lines are hidden, its first among them."""
    redactor = LineRedactor()
    redactor("-----BEGIN PRIVATE KEY-----")
    assert [redactor("row").text for _ in range(500)].index("row") == 399


def test_what_stands_around_keys_on_one_line_is_a_line_like_any_other() -> None:
    """Files are joined without a line between: the next key is hidden as well, and so is any other secret."""
    begin, end, mark = "-----BEGIN PRIVATE KEY-----", "-----END PRIVATE KEY-----", "[hidden: private-key]"
    redactor = LineRedactor()
    lines = [begin, "MIIEfirst", f"{end}{begin}", "MIIEsecond", f"{end} password=hunter2", "done"]
    found = [redactor(line) for line in lines]
    assert [each.text for each in found] == [
        mark,
        mark,
        f"{mark}{mark}",
        mark,
        f"{mark} password=[hidden: password]",
        "done",
    ]
    assert [hit.detector for each in found for hit in each.hits] == ["private-key", "private-key", "password"]
    assert [redactor(line).text for line in (f"{end} {begin}", "MIIE")] == [f"{end} {mark}", mark]
    redactor = LineRedactor()
    assert [redactor(line).text for line in ("-----BEGIN CERTIFICATE-----", f"{begin}x{end}", "MIIE")] == [
        "-----BEGIN CERTIFICATE-----",
        mark,
        "MIIE",
    ]


@pytest.mark.parametrize("redacted", [redact(line.format(secret)).text for _, line, secret in SECRETS])
def test_redaction_is_stable(redacted: str) -> None:
    """What is hidden once is not counted again."""
    assert redact(redacted).hits == ()


@given(st.text())
def test_any_text_can_be_redacted(text: str) -> None:
    """No input raises, and without a hit nothing is changed."""
    found = redact(text)
    assert found.hits or found.text == text


@pytest.mark.parametrize(
    "unit",
    [
        "eyJ", "eyJaaaaaa.", "eyJaaaaaa.-eyJ", "://a:", "://", ":a@", "password", "password=", 'password="',
        "secret_key_", "AKIA", "s.", "hvs.", "ghp_", "xoxb-", "authorization:", "bearer ", "token ", "aws/",
        "-----BEGIN PRIVATE KEY-----", "--password ", "curl -u a", "key key", '\\"', "password:  ",
    ],
)  # fmt: skip
def test_a_megabyte_of_beginnings_takes_linear_time(unit: str) -> None:
    """A quadratic pattern would not return within the test's limit."""
    redact(unit * (1_000_000 // len(unit)))
    LineRedactor()(unit * (1_000_000 // len(unit)))


@pytest.mark.parametrize("parting", ["\x1b[0m", "\x1b]8;;http://x\x1b\\", "\u200b", "\u2066", "\x9b1m"])
@pytest.mark.parametrize("line", ["pass{}word=", "password{}=", "password={}", "\tAPI_KEY{}: {}"])
def test_nothing_that_goes_when_it_is_shown_parts_a_secret_from_its_word(line: str, parting: str) -> None:
    """Coloured, linked or with a character of no width in it: what it reads like is judged too."""
    found = redact(f"{line.replace('{}', parting)}Hunter2-and-more{parting}, next")
    assert "Hunter2" not in found.text
    assert found.hits
    assert "next" in found.text


def test_what_has_no_secret_stays_as_it_is() -> None:
    """Names are kept by their characters: only a text that tells a secret is given as it reads."""
    assert redact("\x1b[31mred\x1b[0m \u202ename") == Redacted("\x1b[31mred\x1b[0m \u202ename")
