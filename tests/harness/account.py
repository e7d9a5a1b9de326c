"""Which account runs the servers: PostgreSQL refuses to run as root."""

import ctypes
import os
import pwd
import signal

_PR_SET_PDEATHSIG = 1


def server_account():
    """The passwd entry of the servers' account: postgres for root, else us."""
    if os.geteuid() == 0:
        return pwd.getpwnam("postgres")
    return pwd.getpwuid(os.geteuid())


def popen_as_server():
    """Arguments for subprocess that run a program as the servers' account."""
    if os.geteuid() != 0:
        return {}
    account = server_account()
    return {
        "user": account.pw_uid,
        "group": account.pw_gid,
        "extra_groups": os.getgrouplist(account.pw_name, account.pw_gid),
    }


def give_to_server(path):
    """Makes `path` belong to the servers' account."""
    account = server_account()
    os.chown(path, account.pw_uid, account.pw_gid)


def make_server_directory(path, mode=0o700):
    """Creates a directory that belongs to the servers' account."""
    os.makedirs(path, exist_ok=True)
    give_to_server(path)
    os.chmod(path, mode)
    return path


def die_with_parent():
    """preexec_fn: an immediate shutdown when the test process is gone.

    A test that runs into its time limit is killed; its servers must not stay.
    """
    ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGQUIT)
