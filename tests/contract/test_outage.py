"""Every system answers 500 for ten minutes, in the middle of an operation, and then is well again."""

from dataclasses import replace

import pytest
from acting import SeamStore
from test_crash_matrix_on_sandbox import CASES, LATER, Desks, WorldTime, confirmed, desks

from fedesk.domain.operations import Outcome
from fedesk.sandbox.server import Sandbox
from fedesk.services.operation_runner import execute
