"""What the git plugin exports of a build: its change sets and BuildData (``jenkins_plugins.md`` 6)."""

from fedesk.sandbox.jenkins_controller import milliseconds
from fedesk.sandbox.jenkins_tree import Bean, bean
from fedesk.sandbox.model import BuildPlan, Commit


def changes(commits: tuple[Commit, ...]) -> Bean:
    """A change set."""
    class_name = "hudson.plugins.git.GitChangeSetList" if commits else "hudson.scm.EmptyChangeLogSet"
    return bean(
        class_name,
        {"items": [_commit(commit) for commit in commits], "kind": "git" if commits else None},
    )


def _commit(commit: Commit) -> Bean:
    return bean(
        "hudson.plugins.git.GitChangeSet",
        {
            "affectedPaths": list(commit.paths),
            "commitId": commit.commit_id,
            "timestamp": milliseconds(commit.at),
            "author": bean("", {"fullName": commit.author}),
            "authorEmail": commit.author_email,
            "comment": f"{commit.message}\n" + (f"\n{commit.ticket}\n" if commit.ticket else ""),
            "date": commit.at.strftime("%Y-%m-%d %H:%M:%S +0000"),
            "id": commit.commit_id,
            "msg": commit.message,
            "paths": [bean("", {"editType": "edit", "file": path}) for path in commit.paths],
        },
    )


def build_data(build: BuildPlan) -> Bean:
    """The action that says which commit was built."""
    branch = {"SHA1": build.commit, "name": f"refs/remotes/origin/{build.branch}"}
    revision = bean("", {"SHA1": build.commit, "branch": [bean("", branch)]})
    return bean(
        "hudson.plugins.git.util.BuildData",
        {"lastBuiltRevision": revision, "remoteUrls": [build.repository], "scmName": ""},
    )
