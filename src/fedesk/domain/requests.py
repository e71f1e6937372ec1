"""What somebody asks for, before there is a plan: one shape for each family of operation kinds."""

from fedesk.domain.releases import ReleaseRequest
from fedesk.domain.reruns import RerunRequest

Request = RerunRequest | ReleaseRequest
