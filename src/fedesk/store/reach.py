"""Whether a team's database is there at all."""

from psycopg.conninfo import make_conninfo
from psycopg.pq import PGconn, Ping
from sqlalchemy.engine import make_url

_SECONDS = 5


def answers(url: str) -> bool:
    """Whether a server answers at the address, whoever asks: no login is tried, and none is needed.

    One that refuses, starts or stops has answered (libpq's ``PQping``). Of a host that swallows it is known
    after five seconds. What cannot be asked by this address counts as an answer.
    """
    address = make_url(url).set(drivername="postgresql+psycopg")
    _, parameters = address.get_dialect()().create_connect_args(address)
    asked = make_conninfo(**{**parameters, "connect_timeout": _SECONDS})
    # A number, in the C implementation.
    return Ping(PGconn.ping(asked.encode())) is not Ping.NO_RESPONSE
