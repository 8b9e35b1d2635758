"""The files that tell the embedded PostgreSQL how to run; written anew at every start, own lines go to `local.conf`."""

from __future__ import annotations

import os
import pwd
from pathlib import Path

from .database import USERS

_MEBIBYTE = 1024 * 1024


def configuration(sockets: Path, *, durable: bool) -> str:
    """`postgresql.conf`: no network, Chinese time, memory after the machine; without `durable` nothing waits for the disk."""
    lines = {
        "listen_addresses": "''",
        "unix_socket_directories": f"'{sockets}'",
        "unix_socket_permissions": "0700",
        "max_connections": "200",
        "shared_buffers": f"{_shared_buffers()}MB",
        "dynamic_shared_memory_type": _dynamic_memory(),
        "shared_preload_libraries": "'pg_stat_statements'",
        "jit": "off",
        "random_page_cost": "1.1",
        "effective_io_concurrency": "64",
        "work_mem": "16MB",
        "maintenance_work_mem": "128MB",
        "max_wal_size": "2GB",
        "wal_compression": "on",
        "checkpoint_completion_target": "0.9",
        "client_connection_check_interval": "2s",
        "idle_in_transaction_session_timeout": "10min",
        "TimeZone": "'Asia/Shanghai'",
        "log_timezone": "'Asia/Shanghai'",
        "log_line_prefix": "'%m [%p] %u@%d '",
        "log_min_messages": "warning",
        "log_min_error_statement": "panic",  # a failed statement may hold personal data
        "default_text_search_config": "'pg_catalog.simple'",
    }
    if not durable:
        lines |= {
            "fsync": "off",
            "synchronous_commit": "off",
            "shared_buffers": "128MB",
            "full_page_writes": "off",
            "autovacuum": "off",
        }
    text = "".join(f"{name} = {value}\n" for name, value in lines.items())
    first = "# Written by Wangge at every start; put own lines into local.conf beside this file.\n"
    return f"{first}{text}include_if_exists = 'local.conf'\n"


def host_rules() -> str:
    """`pg_hba.conf`: the local socket only, and only users of the operating system that `user_map` names."""
    return "local all all peer map=wangge\n"


def user_map() -> str:
    """`pg_ident.conf`: the user who started Wangge may be the superuser and any role of ours."""
    user = pwd.getpwuid(os.geteuid()).pw_name
    return f'wangge "{user}" {USERS["admin"]}\nwangge "{user}" "/^wangge_[a-z0-9_]+$"\n'


def _shared_buffers() -> int:
    """MiB: an eighth of the machine's memory, from 64 to 2048."""
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") // _MEBIBYTE
    return max(64, min(2048, memory // 8))


def _dynamic_memory() -> str:
    """Containers often have 64 MB of /dev/shm, too little for parallel queries: then files in the data folder."""
    try:
        room = os.statvfs("/dev/shm")
    except OSError:
        return "mmap"
    return "posix" if room.f_bavail * room.f_frsize >= 512 * _MEBIBYTE else "mmap"
