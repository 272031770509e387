"""Runs a command and tells what it cost: wall time, CPU time and peak memory of its whole process tree.

CPU is the larger of what the kernel accounts to waited-for children and what sampling saw, because
PySpark does not wait for its JVM. Memory is the peak of the tree's resident sets, sampled, or the
kernel's figure for the largest process where that is higher.
"""

import os
import subprocess
import time

import psutil

SAMPLE_SECONDS = 0.1


def run(command, cwd=None, env=None, check=True):
    started = time.perf_counter()
    with subprocess.Popen(
        [str(part) for part in command],
        cwd=cwd,
        env=env,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    ) as child:
        output = _Output(child)
        cpu, peak, usage = {}, 0, None
        while usage is None:
            peak = max(peak, _sample(child.pid, cpu))
            pid, status, usage_now = os.wait4(child.pid, os.WNOHANG)
            if pid:
                usage = usage_now
                child.returncode = os.waitstatus_to_exitcode(status)
            else:
                time.sleep(SAMPLE_SECONDS)
        wall = time.perf_counter() - started
        stdout, stderr = output.finish()
    if check and child.returncode != 0:
        raise SystemExit(f"{' '.join(map(str, command))} ended with {child.returncode}:\n{stderr[-4000:]}")
    return {
        "wall_s": wall,
        "cpu_s": max(usage.ru_utime + usage.ru_stime, sum(cpu.values())),
        "peak_mib": max(peak / 2**20, usage.ru_maxrss / 1024),
        "exit_code": child.returncode,
        "stdout": stdout,
    }


class _Output:
    """Reads both pipes while the child runs, so that it never blocks on a full one."""

    def __init__(self, child):
        import threading

        self.texts = {}
        self.threads = [
            threading.Thread(target=self._read, args=(name, getattr(child, name)))
            for name in ("stdout", "stderr")
        ]
        for thread in self.threads:
            thread.start()

    def _read(self, name, pipe):
        self.texts[name] = pipe.read().decode("utf-8", "replace")

    def finish(self):
        for thread in self.threads:
            thread.join()
        return self.texts["stdout"], self.texts["stderr"]


def _sample(pid, cpu):
    """Adds up the resident memory of the tree under `pid` and remembers each process's CPU time."""
    resident = 0
    try:
        root = psutil.Process(pid)
        processes = [root, *root.children(recursive=True)]
    except psutil.Error:
        return 0
    for process in processes:
        try:
            with process.oneshot():
                times = process.cpu_times()
                cpu[process.pid] = times.user + times.system
                resident += process.memory_info().rss
        except psutil.Error:
            continue
    return resident


def cold(command, runs, cwd=None, env=None):
    """Medians over several runs of a short command; no sampling, which would cost more than the command."""
    walls, cpus, peaks = [], [], []
    for _ in range(runs):
        started = time.perf_counter()
        child = subprocess.Popen(
            [str(part) for part in command],
            cwd=cwd,
            env=env,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
        )
        _, status, usage = os.wait4(child.pid, 0)
        walls.append(time.perf_counter() - started)
        child.returncode = os.waitstatus_to_exitcode(status)
        if child.returncode != 0:
            raise SystemExit(f"{' '.join(map(str, command))} failed:\n{child.stderr.read().decode()[-4000:]}")
        child.stderr.close()
        cpus.append(usage.ru_utime + usage.ru_stime)
        peaks.append(usage.ru_maxrss / 1024)

    def median(values):
        return sorted(values)[len(values) // 2]

    return {"wall_s": median(walls), "cpu_s": median(cpus), "peak_mib": median(peaks)}
