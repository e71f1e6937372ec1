#!/bin/sh
# The Snowflake client's tests once more, with connector 5.x in an environment of its own, against the sandbox's
# HTTP port in a process of the development environment (fakesnow needs connector 4.x).
set -eu
cd "$(dirname "$0")/.."
UV=${UV:-.uv/bin/uv}
export UV
UV_PROJECT_ENVIRONMENT=.venv-snowflake5 "$UV" sync -q --no-dev --group snowflake5
"$UV" run -q python tests/contract/snowflake_server.py \
    .venv-snowflake5/bin/python -m pytest -c tests/snowflake5.ini --rootdir . --noconftest -p raw_server \
    tests/contract/test_snowflake.py tests/contract/test_snowflake_tracing.py \
    tests/contract/test_snowflake_query.py "$@"
