"""Generate webhook payloads as GitHub shapes them: few fields of their own, and objects of long, similar URLs."""

import base64
import random
from collections.abc import Callable
from typing import Any

from bench import prose

Object = dict[str, Any]

_API = "https://api.github.com"
_WEB = "https://github.com"
_PROJECTS = ("ledger", "harbor", "compass", "mosaic", "tide-tables", "seed-bank", "night-train", "paper-mill")
_USER_URLS = (
    *("followers", "following{/other_user}", "gists{/gist_id}", "starred{/owner}{/repo}", "subscriptions"),
    *("organizations", "repos", "events{/privacy}", "received_events"),
)
_REPOSITORY_URLS = (
    *("forks", "keys{/key_id}", "collaborators{/collaborator}", "teams", "hooks", "issue_events{/number}", "events"),
    *("assignees{/user}", "branches{/branch}", "tags", "blobs{/sha}", "git_tags{/sha}", "git_refs{/sha}"),
    *("trees{/sha}", "statuses{/sha}", "languages", "stargazers", "contributors", "subscribers", "subscription"),
    *("commits{/sha}", "git_commits{/sha}", "comments{/number}", "issue_comment{/number}", "contents{/+path}"),
    *("compare{/base}...{head}", "merges", "archive{/archive_format}{/ref}", "downloads", "issues{/number}"),
    *("pulls{/number}", "milestones{/number}", "notifications{?since,all}", "labels{/name}", "releases{/id}"),
    "deployments",
)
_LABELS = ("bug", "docs", "good first issue", "performance", "i18n: 日本語", "🔥 urgent")


def delivery(rng: random.Random, kind: str) -> Object:
    """Return the payload of an event of `kind`, one of `KINDS`."""
    owner, sender = _user(rng), _user(rng)
    repository = _repository(rng, owner)
    own = KINDS[kind](rng, repository, sender)
    return {**own, "repository": repository, "sender": sender}


def _user(rng: random.Random) -> Object:
    login, number = prose.handle(rng), rng.randrange(10**8)
    url = f"{_API}/users/{login}"
    named = {f"{_field(path)}_url": f"{url}/{path}" for path in _USER_URLS}
    return {
        "login": login,
        "id": number,
        "node_id": _node(rng),
        "avatar_url": f"https://avatars.githubusercontent.com/u/{number}?v=4",
        "gravatar_id": "",
        "url": url,
        "html_url": f"{_WEB}/{login}",
        **named,
        "type": "User",
        "site_admin": False,
    }


def _repository(rng: random.Random, owner: Object) -> Object:
    name = rng.choice(_PROJECTS)
    full = f"{owner['login']}/{name}"
    url, html = f"{_API}/repos/{full}", f"{_WEB}/{full}"
    named = {f"{_field(path)}_url": f"{url}/{path}" for path in _REPOSITORY_URLS}
    return {
        "id": rng.randrange(10**9),
        "node_id": _node(rng),
        "name": name,
        "full_name": full,
        "private": False,
        "owner": owner,
        "html_url": html,
        "description": prose.sentence(rng),
        "fork": False,
        "url": url,
        **named,
        "created_at": prose.time(rng),
        "updated_at": prose.time(rng),
        "pushed_at": prose.time(rng),
        "git_url": f"git://github.com/{full}.git",
        "ssh_url": f"git@github.com:{full}.git",
        "clone_url": f"{html}.git",
        "svn_url": html,
        "homepage": None,
        "size": rng.randrange(90_000),
        "stargazers_count": rng.randrange(5000),
        "watchers_count": rng.randrange(5000),
        "language": rng.choice(("Python", "Rust", "TypeScript", None)),
        "has_issues": True,
        "has_projects": True,
        "has_downloads": True,
        "has_wiki": True,
        "has_pages": False,
        "forks_count": rng.randrange(900),
        "archived": False,
        "disabled": False,
        "open_issues_count": rng.randrange(300),
        "license": None,
        "topics": prose.words(rng, 3),
        "visibility": "public",
        "default_branch": "main",
    }


def _push(rng: random.Random, repository: Object, sender: Object) -> Object:
    commits = [_commit(rng, repository) for _ in range(rng.choice((1, 1, 1, 2, 10)))]
    return {
        "ref": "refs/heads/main",
        "before": prose.digest(rng),
        "after": commits[-1]["id"],
        "pusher": {"name": sender["login"], "email": f"{sender['login']}@example.com"},
        "created": False,
        "deleted": False,
        "forced": False,
        "compare": f"{repository['html_url']}/compare/{commits[0]['id'][:12]}...{commits[-1]['id'][:12]}",
        "commits": commits,
        "head_commit": commits[-1],
    }


def _commit(rng: random.Random, repository: Object) -> Object:
    name, digest = prose.handle(rng), prose.digest(rng)
    author = {"name": prose.name(rng), "email": f"{name}@example.com", "username": name}
    return {
        "id": digest,
        "tree_id": prose.digest(rng),
        "distinct": True,
        "message": prose.text(rng, 2),
        "timestamp": prose.time(rng),
        "url": f"{repository['html_url']}/commit/{digest}",
        "author": author,
        "committer": author,
        "added": [],
        "removed": [],
        "modified": [f"src/{'/'.join(prose.words(rng, 2))}.py" for _ in range(3)],
    }


def _issue(rng: random.Random, repository: Object, sender: Object) -> Object:
    return {"action": "opened", "issue": _thread(rng, repository, sender, "issues")}


def _comment(rng: random.Random, repository: Object, sender: Object) -> Object:
    issue = _thread(rng, repository, _user(rng), "issues")
    return {"action": "created", "issue": issue, "comment": _reply(rng, issue, sender)}


def _thread(rng: random.Random, repository: Object, user: Object, path: str) -> Object:
    number = rng.randrange(1, 9000)
    url = f"{repository['url']}/{path}/{number}"
    return {
        "url": url,
        "repository_url": repository["url"],
        "labels_url": f"{url}/labels{{/name}}",
        "comments_url": f"{url}/comments",
        "events_url": f"{url}/events",
        "html_url": f"{repository['html_url']}/{path}/{number}",
        "id": rng.randrange(10**9),
        "node_id": _node(rng),
        "number": number,
        "title": prose.sentence(rng),
        "user": user,
        "labels": [_label(rng, repository) for _ in range(rng.randrange(3))],
        "state": "open",
        "locked": False,
        "assignee": None,
        "assignees": [],
        "milestone": None,
        "comments": rng.randrange(30),
        "created_at": prose.time(rng),
        "updated_at": prose.time(rng),
        "closed_at": None,
        "author_association": "CONTRIBUTOR",
        "body": prose.text(rng, 5),
    }


def _label(rng: random.Random, repository: Object) -> Object:
    name = rng.choice(_LABELS)
    return {
        "id": rng.randrange(10**10),
        "node_id": _node(rng),
        "url": f"{repository['url']}/labels/{name}",
        "name": name,
        "color": f"{rng.getrandbits(24):06x}",
        "default": False,
    }


def _reply(rng: random.Random, to: Object, user: Object) -> Object:
    number = rng.randrange(10**9)
    return {
        "url": f"{to['repository_url']}/issues/comments/{number}",
        "html_url": f"{to['html_url']}#issuecomment-{number}",
        "issue_url": to["url"],
        "id": number,
        "node_id": _node(rng),
        "user": user,
        "created_at": prose.time(rng),
        "updated_at": prose.time(rng),
        "author_association": "MEMBER",
        "body": prose.text(rng, 4),
    }


def _pull_request(rng: random.Random, repository: Object, sender: Object) -> Object:
    thread = _thread(rng, repository, sender, "pulls")
    html, url = thread["html_url"], thread["url"]
    sides = {
        side: {
            "label": f"{of['owner']['login']}:main",
            "ref": "main",
            "sha": prose.digest(rng),
            "user": of["owner"],
            "repo": of,
        }
        for side, of in (("head", _repository(rng, sender)), ("base", repository))
    }
    return {
        "action": "opened",
        "number": thread["number"],
        "pull_request": {
            **thread,
            "diff_url": f"{html}.diff",
            "patch_url": f"{html}.patch",
            "commits_url": f"{url}/commits",
            **sides,
            "_links": {name: {"href": f"{url}/{name}"} for name in ("commits", "comments", "statuses")},
            "requested_reviewers": [_user(rng) for _ in range(rng.randrange(5))],
            "merged": False,
            "additions": rng.randrange(900),
            "deletions": rng.randrange(900),
            "changed_files": rng.randrange(40),
        },
    }


def _release(rng: random.Random, repository: Object, sender: Object) -> Object:
    version, number = f"v{rng.randrange(9)}.{rng.randrange(20)}.{rng.randrange(20)}", rng.randrange(10**8)
    url = f"{repository['url']}/releases/{number}"
    return {
        "action": "published",
        "release": {
            "url": url,
            "assets_url": f"{url}/assets",
            "html_url": f"{repository['html_url']}/releases/tag/{version}",
            "id": number,
            "author": sender,
            "tag_name": version,
            "name": f"{version} 🎉",
            "prerelease": False,
            "published_at": prose.time(rng),
            "body": prose.text(rng, 7),
        },
    }


def _star(rng: random.Random, _: Object, __: Object) -> Object:
    return {"action": "created", "starred_at": prose.time(rng)}


def _field(path: str) -> str:
    """Return the name of the field that holds the URL of `path`."""
    return path.partition("{")[0]


def _node(rng: random.Random) -> str:
    return base64.b64encode(rng.randbytes(15)).decode()


KINDS: dict[str, Callable[[random.Random, Object, Object], Object]] = {
    "push": _push,
    "issues.opened": _issue,
    "issue_comment.created": _comment,
    "pull_request.opened": _pull_request,
    "release.published": _release,
    "star.created": _star,
}
"""The events, and the function that returns their own fields: given the repository and the sender."""
