"""What lies under the store's file."""

from pathlib import Path

_NETWORK = frozenset(
    {
        "nfs", "nfs4", "cifs", "smb2", "smb3", "smbfs", "afs", "afpfs", "webdav", "davfs", "lustre", "gpfs",
        "beegfs", "ceph", "fuse.sshfs", "fuse.glusterfs", "fuse.ceph",
    }
)  # fmt: skip


def network_file_system(path: Path) -> str:
    """Kind of the network file system that ``path`` is on, such as ``nfs4``; empty where it is on none.

    SQLite's WAL needs memory that all its processes share, which a network file system has not
    (https://sqlite.org/wal.html).
    """
    import psutil

    mounts = {Path(one.mountpoint): one.fstype for one in psutil.disk_partitions(all=True)}
    here = path.resolve()
    for folder in (here, *here.parents):
        if folder in mounts:
            return mounts[folder] if mounts[folder] in _NETWORK else ""
    return ""
