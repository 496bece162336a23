"""What goes wrong on phones, through the library that they run: no room, killed in the middle of anything, a clock that is
years off, put back from a backup. Each ends in a clear state and sentence, and nothing is lost.

Run by `tests/stories/bindings.rs` as day.py is; LOKET_FAULTS is the bad disk (tests/faults). Each operation runs in a process
of its own, which is this script again: `trouble.py OPERATION FOLDER APPLICATION`.
"""

import asyncio
import os
import struct
import subprocess
import sys
import tempfile
from pathlib import Path

import loket
from day import SERVICE, VILLAGE, enrolled, fill, office, scan

# As tests/faults has them.
CALLS, FROM, TIMES, KIND, FAILED = range(5)
NO_SPACE, KILLED = 2, 6
# Moments of each operation at which it is hit, at most.
MOMENTS = 5
YEARS = 2 * 365 * 86_400
ALWAYS = 1 << 40


class Disk:
    """The numbers by which the bad disk is told what to do."""

    def __init__(self, path):
        self.path = path
        if not path.exists():
            path.write_bytes(bytes(40))

    def get(self, at):
        return struct.unpack_from("=Q", self.path.read_bytes(), at * 8)[0]

    def put(self, at, value):
        with open(self.path, "r+b") as file:
            file.seek(at * 8)
            file.write(struct.pack("=Q", value))

    def fail(self, kind, first, times):
        for at, value in ((FROM, 0), (KIND, kind), (TIMES, times), (FAILED, 0), (FROM, first)):
            self.put(at, value)


OPERATIONS = {
    "create": lambda phone, _: phone.create(loket.NewApplication(service=SERVICE)),
    "set": lambda phone, name: phone.set(name, [loket.FieldValue(field="alamat", value="Dusun Baru")]),
    "attach": lambda phone, name: phone.attach(name, "surat_kehilangan", os.environ["SCAN"]),
    "choose": lambda phone, name: phone.choose(name, "pekerjaan", "Nelayan"),
    "submit": lambda phone, name: phone.submit(name),
    "sync": lambda phone, _: phone.sync(None),
}


async def child(operation, folder, name):
    """One operation. Where there is no room it is told so; room is made, and the same call is made again."""
    disk = Disk(Path(os.environ["LOKET_FAULTS_CONTROL"]))
    run = OPERATIONS[operation]
    phone = None
    try:
        phone = await loket.open_phone(folder, None)
        await run(phone, name)
    except loket.LoketError.StorageFull as full:
        assert "penuh" in full.sentence, full
        print("full")
        disk.put(FROM, 0)
        phone = phone or await loket.open_phone(folder, None)
        await run(phone, name)
    print("done")


def told(operation, folder, name, disk, **more):
    """Runs it in a process of its own."""
    environment = os.environ | {
        "LD_PRELOAD": os.environ["LOKET_FAULTS"], "LOKET_FAULTS_UNDER": str(folder), "LOKET_FAULTS_CONTROL": str(disk.path),
    } | more
    return subprocess.run([sys.executable, "-B", __file__, operation, str(folder), name],
                          env=environment, capture_output=True, text=True, timeout=120, check=False)


def copied(base, folder):
    """A copy, by another process: this one may have the store open, and closing any file of it would end its locks."""
    subprocess.run(["cp", "-a", str(base), str(folder)], check=True)


def removed(folder):
    subprocess.run(["rm", "-rf", str(folder)], check=True)


def moments(calls):
    """Some of them, the first and the last among them."""
    step = max(1, calls // MOMENTS)
    return sorted({*range(1, calls + 1, step), calls})


async def stands(folder, known):
    """Everything that was there before is there, whole, and can be worked on."""
    phone = await loket.open_phone(str(folder), None)
    here = {one.id: one for one in await phone.applications(None, 50)}
    assert known <= set(here), "nothing is lost"
    for name in here:
        await phone.form(name)
        await phone.missing(name)
    return phone


async def hit(operation, base, name, work, kind):
    """The operation is hit at one moment after the other, each time on a copy of the phone."""
    known = {one.id for one in await (await loket.open_phone(str(base), None)).applications(None, 50)}
    # What is measured is a copy too: an operation that was done once is another one.
    disk = Disk(work / f"control-{operation}-{kind}")
    copied(base, work / "count")
    counted = told(operation, work / "count", name, disk)
    assert counted.returncode == 0, counted.stderr
    calls = disk.get(CALLS)
    removed(work / "count")
    assert calls > 0, operation
    full = 0
    for moment in moments(calls):
        folder = work / "copy"
        copied(base, folder)
        disk.put(CALLS, 0)
        disk.fail(kind, moment, 1 if kind == KILLED else ALWAYS)
        ended = told(operation, folder, name, disk)
        where = f"{operation}, call {moment} of {calls}: {ended.stdout}{ended.stderr}"
        if kind == KILLED:
            assert ended.returncode == -9, where
        else:
            assert ended.returncode == 0 and "done" in ended.stdout, where
            full += "full" in ended.stdout
        disk.put(FROM, 0)
        phone = await stands(folder, known)
        # Whatever became of it, it can be done now, or it is done.
        try:
            await OPERATIONS[operation](phone, name)
        except loket.LoketError.Input as done:
            assert operation in ("choose", "submit") and done.sentence, where
        removed(folder)
    assert kind == KILLED or full > 0, operation
    return calls


async def wrong_clock(base, work, by):
    """A phone wakes up two years ago, or ahead: it works on, says so, and its scans arrive all the same."""
    disk = Disk(work / f"control-{by}")
    ended = told("clock", base, "", disk, LOKET_FAULTS_CLOCK=str(by))
    assert ended.returncode == 0, ended.stderr
    number, sentence = ended.stdout.strip().split("\n")[-2:]
    assert office("show", number)["state"] == "ANTRI_FO", "with its scans"
    if by < 0:
        assert "mundur" in sentence and "Betulkan" in sentence, sentence
        year = office("show", number)["number"].split("-")[1]
        assert year == office("show", number)["record"][0]["at"][2:4], "numbers carry the right year"
    else:
        assert sentence == "None"


async def with_wrong_clock(folder):
    phone = await loket.open_phone(folder, None)
    assert len(await phone.services()) == 9
    new = await phone.create(loket.NewApplication(service=SERVICE))
    await fill(phone, new.id, folder)
    await phone.submit(new.id)
    report = await phone.sync(None)
    assert report.scans_sent > 0, report
    print(new.number)
    print((await phone.profile()).clock)


async def restored(base, work):
    """Put back to yesterday's copy after today's work was synced: both days stand."""
    copy = work / "kemarin"
    copied(base, copy)
    phone = await loket.open_phone(str(base), None)
    lost = await phone.create(loket.NewApplication(service=SERVICE))
    await phone.sync(None)
    back = await loket.open_phone(str(copy), None)
    new = await back.create(loket.NewApplication(service=SERVICE))
    await back.sync(None)
    numbers = [one.number for one in await back.applications(None, 50)]
    assert lost.number in numbers and new.number in numbers and len(numbers) == len(set(numbers)), numbers
    assert (await back.tally()).hanging == 0


async def trouble(work):
    base, second = work / "hp", work / "rekan"
    phone = await enrolled(base, "operator-desa", VILLAGE)
    other = await enrolled(second, "operator-desa", VILLAGE)
    os.environ["SCAN"] = scan(work, "surat")
    # One that is complete but for a choice, and one that is ready to be submitted.
    open_ = await phone.create(loket.NewApplication(service=SERVICE))
    ready = await phone.create(loket.NewApplication(service=SERVICE))
    for one in (open_, ready):
        await fill(phone, one.id, work)
    await phone.sync(None)
    await other.sync(None)
    for who, job in ((phone, "Petani"), (other, "Nelayan")):
        await who.set(open_.id, [loket.FieldValue(field="pekerjaan", value=job)])
    for who in (phone, other, phone):
        await who.sync(None)
    assert await phone.conflicts(open_.id)
    del phone
    names = {"create": open_.id, "set": open_.id, "attach": open_.id, "choose": open_.id, "submit": ready.id, "sync": open_.id}
    for operation, name in names.items():
        for kind in (NO_SPACE, KILLED):
            calls = await hit(operation, base, name, work, kind)
        print(f"{operation}: {calls} writes, hit at {len(moments(calls))}")
    await wrong_clock(base, work, -YEARS)
    await wrong_clock(base, work, YEARS)
    await restored(base, work)
    print("nothing is lost")


if __name__ == "__main__":
    if len(sys.argv) > 1:
        asyncio.run(with_wrong_clock(sys.argv[2]) if sys.argv[1] == "clock" else child(*sys.argv[1:4]))
        # A thread of the library may just be coming back from a callback, which an interpreter that ends does not outlive.
        sys.stdout.flush()
        os._exit(0)
    else:
        with tempfile.TemporaryDirectory() as temporary:
            asyncio.run(trouble(Path(temporary)))
