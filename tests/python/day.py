"""A day of two village officers and a kecamatan counter, on the library that phones run, with a real office.

Run by `tests/stories/bindings.rs`, which generates the module `loket`, starts the office, and says where it is:
LOKET (the office's program), LOKET_DIR (its folder), LOKET_URL (its address).
"""

import asyncio
import json
import os
import subprocess
import tempfile
from pathlib import Path

import loket

VILLAGE = "33.12.08.2002"
KECAMATAN = "33.12.08"
SERVICE = "ktp-el-hilang"
DESKS = {"front-office": None, "kasi-pendaftaran": None, "loket-pengambilan": None}
NIK = "3312081503900007"


def office(*args):
    """A command of the office, as a script types it."""
    command = [os.environ["LOKET"], "--dir", os.environ["LOKET_DIR"], "--json", *args]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


async def enrolled(folder, role, place):
    code = office("invite", "--role", role, "--partition", place)["code"]
    # As the camera reads it from the administrator's screen.
    invitation = loket.read_invitation(f"{os.environ['LOKET_URL']}#daftar={code}")
    return await loket.enrol_phone(str(folder), invitation.office, invitation.code, None)


def value(field):
    """Something valid for a field or a need, by its kind alone: a screen knows no more."""
    kind = loket.FieldKind
    return {
        kind.NIK: NIK, kind.FAMILY_CARD: NIK, kind.NAME: "Contoh Fiktif", kind.DATE: "1990-03-15",
        kind.TEXT: "007", kind.PHONE: "081200000007", kind.REGION: VILLAGE, kind.NUMBER: "7",
        kind.YES_NO: "ya", kind.REMARK: "catatan",
        kind.CHOICE: field.options[0].id if field.options else "",
    }[field.kind]


def scan(folder, name):
    path = Path(folder) / f"{name}.jpg"
    path.write_bytes(b"\xff\xd8\xff\xe0" + name.encode() * 40)
    return str(path)


async def fill(phone, name, folder):
    """Answers what is missing from the form until nothing is."""
    for _ in range(8):
        lacks = await phone.missing(name)
        if not lacks:
            return
        fields = {field.id: field for field in (await phone.form(name)).fields}
        typed = []
        for lack in lacks:
            assert lack.sentence, lack
            if lack.kind == loket.LackKind.FIELD:
                typed.append(loket.FieldValue(field=lack.id, value=value(fields[lack.id])))
            elif lack.kind == loket.LackKind.REQUIREMENT:
                await phone.attach(name, lack.id, scan(folder, f"{name} {lack.id}"))
            elif lack.kind == loket.LackKind.WARNING:
                await phone.tick(name, lack.id)
            else:
                raise AssertionError(f"nobody can fill in {lack}")
        if typed:
            await phone.set(name, typed)
    raise AssertionError(f"never complete: {await phone.missing(name)}")


class Throws(loket.SyncObserver, loket.ChangeObserver):
    """An observer of an app that has a defect."""

    def __init__(self):
        self.steps = []
        self.changes = 0

    def on_step(self, step):
        self.steps.append(step)
        raise RuntimeError("the app has a defect")

    def changed(self):
        self.changes += 1
        raise RuntimeError("the app has a defect")


async def refused(kind, awaitable):
    try:
        await awaitable
    except kind as error:
        assert error.sentence.strip(), error
        return error.sentence
    raise AssertionError(f"no {kind}")


async def eventually(what, attempt):
    for _ in range(200):
        if await attempt():
            return
        await asyncio.sleep(0.1)
    raise AssertionError(f"never: {what}")


async def conflict(first, second, number):
    """Two officers write at the same time: both values stay, and one is chosen."""
    for phone, address in ((first, "Dusun Satu"), (second, "Dusun Dua")):
        await phone.set(number, [loket.FieldValue(field="alamat", value=address)])
    for phone in (first, second, first):
        await phone.sync(None)
    (open_,) = await first.conflicts(number)
    assert sorted(one.value for one in open_.values) == ["Dusun Dua", "Dusun Satu"], open_
    assert all(one.author and one.time for one in open_.values)
    address = next(field for field in (await first.form(number)).fields if field.id == "alamat")
    assert address.conflict and address.value is None
    await refused(loket.LoketError.Input, first.submit(number))
    await first.choose(number, "alamat", "Dusun Dua")
    assert not await first.conflicts(number)


async def walk(phones, number, service=SERVICE, until=None):
    """Leads it along its straight line: desks act by the office's program, counters by their phones."""
    line = [(step["act"], step["role"]) for step in office("catalogue", "show", service)["steps"]]
    for _ in range(40):
        shown = office("show", number)
        if shown["final"] or shown["state"] == until:
            return shown
        able = {(act["act"], act["role"]): act for act in shown["available"]}
        act, role = next(step for step in line if step in able)
        if role in phones:
            details = await phones[role].application(number)
            mine = next(one for one in details.acts if one.act == act)
            needs = [loket.FieldValue(field=need.id, value=value(need)) for need in mine.needs]
            await phones[role].act(number, act, None, needs)
            await phones[role].sync(None)
        else:
            sets = [f"{need['id']}={need['options'][0]['id'] if need['options'] else '007'}" for need in able[act, role]["needs"]]
            settings = [word for one in sets for word in ("--set", one)]
            office("act", number, act, "--as", DESKS[role], *settings)
        for phone in phones.values():
            await phone.sync(None)
    raise AssertionError("it goes in circles")


async def tenth(first, counter, folder):
    """A service that this build knows nothing of: the office publishes a file, and screens draw it."""
    file = Path(__file__).parents[2] / "examples/tenth-service/kunjungan-rumah.toml"
    office("catalogue", "publish", str(file))
    for phone in (first, counter):
        await phone.sync(None)
    (service,) = [one for one in await first.services() if one.service == "kunjungan-rumah"]
    new = await first.create(loket.NewApplication(service=service.service))
    asked = lambda form: [field.id for field in form.fields]
    assert "alat_bantu" not in asked(await first.form(new.id))
    await first.set(new.id, [loket.FieldValue(field="keadaan", value="difabel")])
    assert "alat_bantu" in asked(await first.form(new.id)), "the form follows what is filled in"
    await fill(first, new.id, folder)
    await first.submit(new.id)
    await first.sync(None)
    await counter.sync(None)
    assert (await walk({"operator-kecamatan": counter}, new.number, service.service))["state"] == "DIAMBIL"


async def day(folder):
    for role in DESKS:
        DESKS[role] = str(office("staff", "add", "--role", role, "--name", f"Petugas {role}")["id"])
    await refused(loket.LoketError.SignIn, loket.open_phone(str(folder / "kosong"), None))
    first = await enrolled(folder / "satu", "operator-desa", VILLAGE)
    second = await enrolled(folder / "dua", "operator-desa", VILLAGE)
    counter = await enrolled(folder / "kecamatan", "operator-kecamatan", KECAMATAN)
    profile = await first.profile()
    assert (profile.role, profile.partitions, profile.ended) == ("operator-desa", [VILLAGE], False), profile
    assert len(await first.services()) == 9

    # Offline: a number at once, the form from the catalogue, what is wrong said at once.
    seen = Throws()
    subscription = first.observe(seen)
    new = await first.create(loket.NewApplication(service=SERVICE))
    assert new.progress == loket.WorkProgress.ON_THIS_PHONE and new.number.startswith(VILLAGE.replace(".", ""))
    wrong = [loket.FieldValue(field="nik", value="123")]
    assert "16" in await refused(loket.LoketError.Input, first.set(new.id, wrong))
    await fill(first, new.id, folder)
    for text in (new.number[-6:], "contoh FIK"):
        (found,) = await first.search(text, 10)
        assert found.id == new.id and found.name == "Contoh Fiktif", found
    async def told():
        return seen.changes > 0
    await eventually("the observer is told", told)
    subscription.end()

    # In touch; an observer that throws changes nothing.
    report = await first.sync(seen)
    assert report.entries_sent > 0 and report.scans_sent == 2 and any(step.is_settled() for step in seen.steps), report
    await second.sync(None)
    await conflict(first, second, new.number)
    await first.submit(new.number)
    await first.sync(None)

    # Returned with a mark, mended, submitted again.
    await walk({}, new.number, until="DIVERIFIKASI_FO")
    office("act", new.number, "kembalikan_fo", "--as", DESKS["front-office"], "--reason", "foto tidak terbaca",
           "--set", "tanda.surat_kehilangan=buram")
    await first.sync(None)
    (task,) = await first.to_do()
    assert [(mark.id, mark.mark) for mark in task.marks] == [("surat_kehilangan", "buram")], task
    await first.attach(task.summary.id, "surat_kehilangan", scan(folder, "lebih terang"))
    await fill(first, task.summary.id, folder)
    await first.submit(task.summary.id)

    # A sync that is cancelled is no harm, and one without an office says what to do.
    cancelled = asyncio.ensure_future(first.sync(None))
    await asyncio.sleep(0)
    cancelled.cancel()
    await asyncio.gather(cancelled, return_exceptions=True)
    await first.sync(None)
    assert not await first.to_do()

    # Printed and handed over at the kecamatan, while the village follows.
    handle = first.follow(None)
    await counter.sync(None)
    end = await walk({"operator-kecamatan": counter}, new.number)
    assert end["state"] == "DIAMBIL", end
    async def finished():
        return (await first.application(new.number)).summary.finished
    await eventually("the village hears of the end", finished)
    handle.network(loket.Network.ABSENT)
    handle.network(loket.Network.METERED)
    handle.stop()
    assert (await handle.finished()).entries_received > 0
    details = await first.application(new.number)
    assert details.summary.progress == loket.WorkProgress.DECIDED and details.record[-1].act == "serah", details
    await tenth(first, counter, folder)
    # Opened again, everything is there.
    again = await loket.open_phone(str(folder / "satu"), None)
    assert new.id in [one.id for one in await again.applications(None, 50)]


if __name__ == "__main__":
    with tempfile.TemporaryDirectory() as name:
        asyncio.run(day(Path(name)))
    print("the day is over")
