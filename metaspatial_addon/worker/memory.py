"""Resident memory of a process, by the standard library alone."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path


def resident_mb(pid: int | None = None) -> float:
    """Resident memory in MB of this process or of another one of this user; 0 where the system does not tell, and for
    a process that has ended."""
    if sys.platform == "win32":
        return _resident_on_windows(pid) / 2**20
    try:
        status = Path(f"/proc/{pid or 'self'}/status").read_text(encoding="utf-8", errors="replace")
    except ProcessLookupError:
        return 0.0
    except FileNotFoundError:
        if Path("/proc/self/status").exists():
            return 0.0
        command = ["ps", "-o", "rss=", "-p", str(pid or os.getpid())]  # macOS
        listed = subprocess.run(command, capture_output=True, check=False)
        return int(listed.stdout or 0) / 1024
    resident = re.search(r"VmRSS:\s*(\d+) kB", status)
    return int(resident[1]) / 1024 if resident else 0.0  # a zombie has none


def _resident_on_windows(pid: int | None) -> int:
    """Bytes."""
    if sys.platform != "win32":  # for type checkers
        return 0
    import ctypes
    from ctypes import wintypes

    class Counters(ctypes.Structure):  # PROCESS_MEMORY_COUNTERS
        _fields_ = (
            ("size", wintypes.DWORD),
            ("faults", wintypes.DWORD),
            *((name, ctypes.c_size_t) for name in ("peak", "resident", "a", "b", "c", "d", "paged", "most_paged")),
        )

    counters = Counters(size=ctypes.sizeof(Counters))
    kernel = ctypes.WinDLL("kernel32")
    kernel.GetCurrentProcess.restype = kernel.OpenProcess.restype = wintypes.HANDLE
    get_info = kernel.K32GetProcessMemoryInfo
    get_info.argtypes = (wintypes.HANDLE, ctypes.POINTER(Counters), wintypes.DWORD)
    if pid is None:
        return counters.resident if get_info(kernel.GetCurrentProcess(), ctypes.byref(counters), counters.size) else 0
    handle = kernel.OpenProcess(0x1000, False, pid)  # PROCESS_QUERY_LIMITED_INFORMATION
    if not handle:
        return 0
    known = get_info(handle, ctypes.byref(counters), counters.size)
    kernel.CloseHandle(wintypes.HANDLE(handle))
    return counters.resident if known else 0
