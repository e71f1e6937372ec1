"""What services need to describe a system's jobs, or to hold a description against them."""

from typing import Protocol

from fedesk.domain.surveys import Survey


class SurveySource(Protocol):
    """A system that has jobs: Jenkins and Airflow. Raises SourceError; changes nothing."""

    def survey(self) -> Survey:
        """Every job in scope as the system describes it; what may not be read is among the limits."""
