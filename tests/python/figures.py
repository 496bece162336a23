"""Figures of the library for phones with a store of 10,000 applications, as an app sees them: through its bindings.

Run by `cargo test --release -p loket-tests figures_of_the_library -- --ignored --nocapture`.
"""

import asyncio
import json
import os
import statistics
import subprocess
import tempfile
import time
from pathlib import Path

import loket

SERVICE = "ktp-el-hilang"
STORED = 10_000
TIMES = 30


def memory():
    """What the process has in memory, in MiB."""
    text = Path("/proc/self/status").read_text(encoding="ascii")
    return int(next(line for line in text.splitlines() if line.startswith("VmRSS:")).split()[1]) / 1024


async def median(what, work):
    """The median and the slowest of some runs, in milliseconds."""
    took = []
    for n in range(TIMES):
        began = time.perf_counter()
        await work(n)
        took.append((time.perf_counter() - began) * 1000)
    print(f"{what}: {statistics.median(took):.2f} ms median, {max(took):.2f} ms slowest of {TIMES}")


async def figures(folder):
    invited = subprocess.run(
        [os.environ["LOKET"], "--dir", os.environ["LOKET_DIR"], "--json", "invite",
         "--role", "operator-desa", "--partition", "33.12.08.2002"],
        capture_output=True, text=True, check=True)
    code = json.loads(invited.stdout)["code"]
    await loket.enrol_phone(str(folder / "hp"), os.environ["LOKET_URL"], code, None)
    lines = folder / "arsip.jsonl"
    people = ({"nama": f"Contoh Fiktif {n:05}", "alamat": f"Dusun {n % 97}"} for n in range(STORED))
    lines.write_text("\n".join(map(json.dumps, people)), encoding="ascii")
    began = time.perf_counter()
    subprocess.run([os.environ["LOKET_OFFICER"], "--dir", str(folder / "hp"), "new", SERVICE, "--from", str(lines)],
                   capture_output=True, check=True)
    print(f"{STORED} applications begun in {time.perf_counter() - began:.1f} s")

    before = memory()
    phone = await loket.open_phone(str(folder / "hp"), None)
    assert len(await phone.applications(None, 50)) == 50
    print(f"memory of a store of {STORED} that is open, first 50 listed: {memory() - before:.1f} MiB")
    await phone.search("contoh", 50)
    print(f"memory once all of it was read to be searched: {memory() - before:.1f} MiB")
    took = []
    for _ in range(TIMES):
        began = time.perf_counter()
        await loket.open_phone(str(folder / "hp"), None)
        took.append((time.perf_counter() - began) * 1000)
        # What is read ahead is of this one, and would be in the way of the next.
        await asyncio.sleep(0.15)
    print(f"open: {statistics.median(took):.2f} ms median, {max(took):.2f} ms slowest of {TIMES}")
    await median("list 50", lambda _: phone.applications(None, 50))
    await median("search a name, 50 at most", lambda n: phone.search(f"fiktif {n:05}", 50))
    await median("search what many have, 50 at most", lambda _: phone.search("contoh", 50))
    await median("tally", lambda _: phone.tally())
    await median("what is to do", lambda _: phone.to_do())
    for pause in (0, 0.25):
        fresh = await loket.open_phone(str(folder / "hp"), None)
        await asyncio.sleep(pause)
        began = time.perf_counter()
        await fresh.search(f"fiktif {STORED - 1:05}", 50)
        print(f"first search, {pause} s after opening: {(time.perf_counter() - began) * 1000:.1f} ms")
    await median("create", lambda _: phone.create(loket.NewApplication(service=SERVICE)))


with tempfile.TemporaryDirectory() as name:
    asyncio.run(figures(Path(name)))
