"""What the process may take of the machine."""

import os

try:
    import resource
except ImportError:  # Windows has none; the engine's own limits remain
    resource = None  # type: ignore[assignment]


class Memory:
    """How much memory this process holds; the file is opened while files can be opened."""

    def __init__(self) -> None:
        try:
            self._file = os.open("/proc/self/statm", os.O_RDONLY)
        except OSError:
            self._file = -1
        self._page = resource.getpagesize() if resource else 4096

    def used(self) -> int:
        """Bytes; 0 where the system does not tell."""
        return int(os.pread(self._file, 64, 0).split()[1]) * self._page if self._file >= 0 else 0


def confine(budget: int) -> None:
    """From here on: no more memory than this, no file, no socket, no process."""
    if resource is None:
        return
    limits = {
        resource.RLIMIT_AS: budget,
        resource.RLIMIT_NOFILE: 0,
        resource.RLIMIT_FSIZE: 0,
        resource.RLIMIT_CORE: 0,
        getattr(resource, "RLIMIT_NPROC", None): 0,
    }
    for name, limit in limits.items():
        if name is not None:
            _, hard = resource.getrlimit(name)
            if hard == resource.RLIM_INFINITY or limit <= hard:
                resource.setrlimit(name, (limit, limit))
