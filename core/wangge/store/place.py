"""Where the embedded services of one WANGGE_HOME live, and as whom they run.

PostgreSQL refuses to run as root. Run as root, the services run as a system user of their own, so their folders must lie
where that user can reach them: in the home when everybody may pass through its parents, else under /var/lib/wangge/<hash>.
The first start decides; `<home>/services` is that folder, or a link to it.
"""

from __future__ import annotations

import contextlib
import fcntl
import hashlib
import os
import pwd
import shutil
import stat
import subprocess
from pathlib import Path

import msgspec

from ..errors import ServiceError

SERVICE_USER = "wangge-services"
SHARED = Path("/var/lib/wangge")
"""For what root's services need and the home cannot hold."""


class Place(msgspec.Struct, frozen=True):
    """`folder` (0700) holds the services' data, `sockets` (0700, a short path) their sockets; both belong to `user`."""

    home: Path
    folder: Path
    sockets: Path
    user: str
    uid: int
    gid: int

    @property
    def other_user(self) -> bool:
        """Whether the services run as somebody else than this process."""
        return self.uid != os.geteuid()

    def make_folder(self, path: Path) -> Path:
        """Make `path` (0700, owned by the services' user) if it is not there."""
        path.mkdir(mode=0o700, parents=True, exist_ok=True)
        self.own(path)
        return path

    def own(self, path: Path) -> None:
        """Give `path` to the services' user."""
        if self.other_user:
            os.chown(path, self.uid, self.gid)

    def write(self, path: Path, text: str) -> None:
        """Write a file (0600) that the services' user may read; a reader sees the old text or the new one."""
        draft = path.with_name(path.name + ".new")
        with open(os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w", encoding="utf-8") as file:
            file.write(text)
        self.own(draft)
        draft.replace(path)


def settle(home: Path) -> Place:
    """Find or make the folders of the services of `home`. Raises `ServiceError`."""
    name = hashlib.sha256(str(home.resolve()).encode()).hexdigest()[:12]  # one name, however the home is spelt
    root = os.geteuid() == 0
    try:
        home.mkdir(mode=0o755 if root else 0o700, parents=True, exist_ok=True)
        folder = _service_folder(home, name, root)
        owner = _account(folder.stat().st_uid)
        place = Place(home, folder, _socket_folder(name, root), owner.pw_name, owner.pw_uid, owner.pw_gid)
        _check(place, root)
        place.make_folder(place.sockets)
    except OSError as error:
        raise ServiceError(
            "service.home",
            f"{error.filename}: {error.strerror}. Wangge keeps its data in {home}: "
            "name a folder that you may write with WANGGE_HOME",
            home=str(home),
        ) from None
    return place


def reachable(path: Path) -> bool:
    """Whether every user may pass through all parents of `path` and read it."""
    parents = all(parent.stat().st_mode & stat.S_IXOTH for parent in path.resolve().parents)
    needed = stat.S_IROTH | (stat.S_IXOTH if path.is_dir() else 0)
    return parents and path.stat().st_mode & needed == needed


def lock(place: Place, name: str) -> int:
    """Hold `<folder>/<name>.lock` until the returned descriptor is closed or this process ends. Raises `ServiceError`."""
    path = place.folder / f"{name}.lock"
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        holder = os.read(descriptor, 32).decode("ascii", "replace").strip() or "unknown"
        os.close(descriptor)
        raise ServiceError(
            "service.in_use",
            f"{place.home} is already served by process {holder}: stop it first, or name another folder with WANGGE_HOME",
            home=str(place.home),
            process=holder,
        ) from None
    os.ftruncate(descriptor, 0)
    os.pwrite(descriptor, f"{os.getpid()}\n".encode(), 0)
    return descriptor


def leave(place: Place) -> None:
    """Remove the folder of sockets, which lies outside the home, when nobody uses it any more."""
    with contextlib.suppress(OSError):
        place.sockets.rmdir()


def remove(place: Place) -> None:
    """Remove the services' folders with all data, and the link to them: only for homes made for a test."""
    shutil.rmtree(place.sockets, ignore_errors=True)
    shutil.rmtree(place.folder, ignore_errors=True)
    if (place.home / "services").is_symlink():
        (place.home / "services").unlink()


def _service_folder(home: Path, name: str, root: bool) -> Path:
    folder = home / "services"
    if not folder.exists():
        if root and not reachable(home):
            shared = SHARED / name
            shared.mkdir(mode=0o700, parents=True, exist_ok=True)
            SHARED.chmod(0o755)
            folder.unlink(missing_ok=True)
            folder.symlink_to(shared)
        else:
            folder.mkdir(mode=0o700)
        if root:
            user = _service_user()
            os.chown(folder, user.pw_uid, user.pw_gid)
    return folder.resolve()


def _socket_folder(name: str, root: bool) -> Path:
    """A socket's path holds 107 bytes at most, so it cannot lie in just any home; nobody but root may write to /run."""
    run = Path("/run")
    return (run if root and run.is_dir() else Path("/tmp")) / f"wangge-{name}"


def _check(place: Place, root: bool) -> None:
    """Refuse folders that another user made: they are theirs, or a trap."""
    for path in (place.folder, place.sockets):
        if path.exists() and (path.is_symlink() or path.stat().st_uid != place.uid):
            raise _foreign(path)
    if not root and place.uid != os.geteuid():
        raise _foreign(place.folder)
    if root and place.uid == 0:
        raise ServiceError(
            "service.owner",
            f"{place.folder} belongs to root, and the services never run as root: give it to {SERVICE_USER} with chown",
        )
    if place.other_user and not all(_enters(place, parent.stat()) for parent in place.folder.parents):
        raise ServiceError(
            "service.unreachable",
            f"{place.folder} cannot be entered by {place.user}, as whom the services run: "
            "let others pass through its parents (chmod o+x), or name another folder with WANGGE_HOME",
        )


def _enters(place: Place, folder: os.stat_result) -> bool:
    """Whether the services' user may pass through a folder."""
    if folder.st_uid == place.uid:
        return bool(folder.st_mode & stat.S_IXUSR)
    if folder.st_gid == place.gid:
        return bool(folder.st_mode & stat.S_IXGRP)
    return bool(folder.st_mode & stat.S_IXOTH)


def _foreign(path: Path) -> ServiceError:
    return ServiceError(
        "service.owner",
        f"{path} belongs to another user: start Wangge as that user, or name another folder with WANGGE_HOME",
        path=str(path),
    )


def _account(uid: int) -> pwd.struct_passwd:
    try:
        return pwd.getpwuid(uid)
    except KeyError:
        raise ServiceError(
            "service.no_account",
            f"user id {uid} has no name on this machine, which PostgreSQL needs: add a line for it to /etc/passwd",
            uid=uid,
        ) from None


def _service_user() -> pwd.struct_passwd:
    """The system user that root's services run as, made when it is missing."""
    try:
        return pwd.getpwnam(SERVICE_USER)
    except KeyError:
        pass
    command = ["useradd", "--system", "--user-group", "--no-create-home", "--shell", "/usr/sbin/nologin", SERVICE_USER]
    try:
        subprocess.run(command, check=True, capture_output=True, text=True)
        return pwd.getpwnam(SERVICE_USER)
    except (OSError, subprocess.CalledProcessError, KeyError) as error:
        raise ServiceError(
            "service.no_user",
            f"the services do not run as root, and the user {SERVICE_USER} could not be made "
            f"({getattr(error, 'stderr', None) or error}): make it, or start Wangge as an ordinary user",
        ) from None
