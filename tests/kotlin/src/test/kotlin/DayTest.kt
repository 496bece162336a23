// A day of two village officers and a kecamatan counter, on the library that phones run, with a real office.

import com.google.gson.JsonObject
import com.google.gson.JsonParser
import java.io.File
import java.math.BigInteger
import java.nio.file.Files
import java.nio.file.Path
import java.security.KeyPairGenerator
import java.security.SecureRandom
import java.security.Signature
import java.security.interfaces.ECPublicKey
import java.security.spec.ECGenParameterSpec
import java.util.concurrent.CopyOnWriteArrayList
import java.util.concurrent.TimeUnit
import java.util.concurrent.atomic.AtomicInteger
import kotlinx.coroutines.cancelAndJoin
import kotlinx.coroutines.delay
import kotlinx.coroutines.launch
import kotlinx.coroutines.runBlocking
import kotlinx.coroutines.yield
import org.junit.jupiter.api.Assertions.assertEquals
import org.junit.jupiter.api.Assertions.assertFalse
import org.junit.jupiter.api.Assertions.assertNull
import org.junit.jupiter.api.Assertions.assertTrue
import org.junit.jupiter.api.Test
import org.junit.jupiter.api.fail
import org.junit.jupiter.api.io.TempDir
import uniffi.loket.*

private const val VILLAGE = "33.12.08.2002"
private const val KECAMATAN = "33.12.08"
private const val SERVICE = "ktp-el-hilang"
private const val NIK = "3312081503900007"
private val DESKS = listOf("front-office", "kasi-pendaftaran", "loket-pengambilan")

/** A command of the office, as a script types it. */
private fun office(vararg args: String) = run {
    val command = listOf(System.getenv("LOKET"), "--dir", System.getenv("LOKET_DIR"), "--json") + args
    val errors = File.createTempFile("loket", ".err")
    val process = ProcessBuilder(command).redirectError(errors).start()
    val text = process.inputStream.bufferedReader().readText()
    assertTrue(process.waitFor(60, TimeUnit.SECONDS))
    assertEquals(0, process.exitValue()) { errors.readText() }
    JsonParser.parseString(text)
}

private operator fun JsonObject.invoke(key: String): String = get(key).asString

/** A key as a platform's keystore keeps it: it signs and never shows itself. It may be locked. */
private class PhoneKeystore : Keystore {
    private val pair = KeyPairGenerator.getInstance("EC").apply { initialize(ECGenParameterSpec("secp256r1")) }.generateKeyPair()

    private val random = ByteArray(32).also { SecureRandom().nextBytes(it) }

    @Volatile var locked = false

    override fun storeKey(): ByteArray {
        if (locked) throw IllegalStateException("the screen is locked")
        return random
    }

    override fun destroyKeys() = random.fill(0)

    override fun publicKey(): ByteArray {
        val point = (pair.public as ECPublicKey).w
        fun bytes(n: BigInteger) = ByteArray(32).also { out ->
            val given = n.toByteArray().takeLast(32).toByteArray()
            given.copyInto(out, 32 - given.size)
        }
        return byteArrayOf(4) + bytes(point.affineX) + bytes(point.affineY)
    }

    override fun sign(message: ByteArray): ByteArray {
        if (locked) throw IllegalStateException("the screen is locked")
        return Signature.getInstance("SHA256withECDSA").run {
            initSign(pair.private)
            update(message)
            sign()
        }
    }
}

/** Observers of an app that has a defect. */
private class Throws : SyncObserver, ChangeObserver {
    val steps = CopyOnWriteArrayList<SyncStep>()
    val changes = AtomicInteger()

    override fun onStep(step: SyncStep) {
        steps.add(step)
        throw IllegalStateException("the app has a defect")
    }

    override fun changed() {
        changes.incrementAndGet()
        throw IllegalStateException("the app has a defect")
    }
}

private suspend fun enrolled(folder: Path, role: String, place: String, keystore: Keystore? = null): LoketPhone {
    val code = office("invite", "--role", role, "--partition", place).asJsonObject("code")
    return enrolPhone(folder.toString(), System.getenv("LOKET_URL"), code, keystore)
}

/** Something valid for a field or a need, by its kind alone: a screen knows no more. */
private fun value(field: FormField): String = when (field.kind) {
    FieldKind.NIK, FieldKind.FAMILY_CARD -> NIK
    FieldKind.NAME -> "Contoh Fiktif"
    FieldKind.DATE -> "1990-03-15"
    FieldKind.TEXT -> "007"
    FieldKind.PHONE -> "081200000007"
    FieldKind.CHOICE -> field.options.first().id
    FieldKind.REGION -> VILLAGE
    FieldKind.NUMBER -> "7"
    FieldKind.YES_NO -> "ya"
    FieldKind.REMARK -> "catatan"
}

private fun scan(folder: Path, name: String): String =
    Files.write(folder.resolve("$name.jpg"), byteArrayOf(-1, -40, -1, -32) + name.repeat(40).toByteArray()).toString()

/** Answers what is missing from the form until nothing is. */
private suspend fun fill(phone: LoketPhone, name: String, folder: Path) {
    repeat(8) {
        val lacks = phone.missing(name)
        if (lacks.isEmpty()) return
        val fields = phone.form(name).fields.associateBy { it.id }
        val typed = mutableListOf<FieldValue>()
        for (lack in lacks) {
            assertTrue(lack.sentence.isNotBlank())
            when (lack.kind) {
                LackKind.FIELD -> typed += FieldValue(lack.id, value(fields.getValue(lack.id)))
                LackKind.REQUIREMENT -> phone.attach(name, lack.id, scan(folder, "$name ${lack.id}"))
                LackKind.WARNING -> phone.tick(name, lack.id)
                else -> fail("nobody can fill in $lack")
            }
        }
        if (typed.isNotEmpty()) phone.set(name, typed)
    }
    fail("never complete: ${phone.missing(name)}")
}

private suspend inline fun <reified E : LoketException> refused(what: String, work: () -> Unit): String {
    try {
        work()
    } catch (error: LoketException) {
        assertTrue(error is E) { "$what: $error" }
        assertFalse(error.message.isNullOrBlank())
        return error.message!!
    }
    return fail("$what was not refused")
}

private suspend fun eventually(what: String, attempt: suspend () -> Boolean) {
    repeat(200) {
        if (attempt()) return
        delay(100)
    }
    fail("never: $what")
}

class DayTest {
    private val staff = mutableMapOf<String, String>()

    /** Leads it along its straight line: desks act by the office's program, counters by their phones. */
    private suspend fun walk(phones: Map<String, LoketPhone>, number: String, until: String? = null): JsonObject {
        val line = office("catalogue", "show", SERVICE).asJsonObject.getAsJsonArray("steps").map { it.asJsonObject }
        repeat(40) {
            val shown = office("show", number).asJsonObject
            if (shown.get("final").asBoolean || shown("state") == until) return shown
            val able = shown.getAsJsonArray("available").map { it.asJsonObject }
            val (act, role) = line.map { it("act") to it("role") }
                .first { (act, role) -> able.any { it("act") == act && it("role") == role } }
            val phone = phones[role]
            if (phone != null) {
                val mine = phone.application(number).acts.first { it.act == act }
                phone.act(number, act, null, mine.needs.map { FieldValue(it.id, value(it)) })
                phone.sync(null)
            } else {
                val needs = able.first { it("act") == act && it("role") == role }.getAsJsonArray("needs").map { it.asJsonObject }
                val sets = needs.flatMap { need ->
                    val options = need.getAsJsonArray("options")
                    listOf("--set", need("id") + "=" + if (options.isEmpty) "007" else options[0].asJsonObject("id"))
                }
                office("act", number, act, "--as", staff.getValue(role), *sets.toTypedArray())
            }
            phones.values.forEach { it.sync(null) }
        }
        return fail("it goes in circles")
    }

    @Test
    fun aDay(@TempDir folder: Path) = runBlocking {
        for (role in DESKS) {
            staff[role] = office("staff", "add", "--role", role, "--name", "Petugas $role").asJsonObject("id")
        }
        refused<LoketException.SignIn>("an empty folder") { openPhone(folder.resolve("kosong").toString(), null) }
        val key = PhoneKeystore()
        val first = enrolled(folder.resolve("satu"), "operator-desa", VILLAGE, key)
        val second = enrolled(folder.resolve("dua"), "operator-desa", VILLAGE)
        val counter = enrolled(folder.resolve("kecamatan"), "operator-kecamatan", KECAMATAN)
        assertEquals(listOf(VILLAGE), first.profile().partitions)
        assertEquals(9, first.services().size)

        // Offline: a number at once, the form from the catalogue, what is wrong said at once.
        val seen = Throws()
        val subscription = first.observe(seen)
        val new = first.create(NewApplication(service = SERVICE))
        assertEquals(WorkProgress.ON_THIS_PHONE, new.progress)
        val wrong = refused<LoketException.Input>("a wrong NIK") { first.set(new.id, listOf(FieldValue("nik", "123"))) }
        assertTrue("16" in wrong) { wrong }
        fill(first, new.id, folder)
        for (text in listOf(new.number.takeLast(6), "contoh FIK")) {
            assertEquals(listOf("Contoh Fiktif"), first.search(text, 10u).map { it.name })
        }
        eventually("the observer is told") { seen.changes.get() > 0 }
        subscription.end()
        subscription.close()

        // A keystore that refuses: nothing is lost, and it goes on when it is unlocked.
        key.locked = true
        refused<LoketException.SignIn>("a locked key") { first.set(new.id, listOf(FieldValue("alamat", "Dusun Terkunci"))) }
        refused<LoketException.SignIn>("a locked store") { openPhone(folder.resolve("satu").toString(), key) }
        key.locked = false

        // In touch; an observer that throws changes nothing.
        val report = first.sync(seen)
        assertTrue(report.entriesSent > 0u && report.scansSent == 2uL) { "$report" }
        assertTrue(seen.steps.any { it is SyncStep.Settled })
        second.sync(null)

        // Two officers write at the same time: both values stay, and one is chosen.
        first.set(new.number, listOf(FieldValue("alamat", "Dusun Satu")))
        second.set(new.number, listOf(FieldValue("alamat", "Dusun Dua")))
        for (phone in listOf(first, second, first)) phone.sync(null)
        val conflict = first.conflicts(new.number).single()
        assertEquals(listOf("Dusun Dua", "Dusun Satu"), conflict.values.map { it.value }.sorted())
        val address = first.form(new.number).fields.first { it.id == "alamat" }
        assertTrue(address.conflict)
        assertNull(address.value)
        refused<LoketException.Input>("an open conflict") { first.submit(new.number) }
        first.choose(new.number, "alamat", "Dusun Dua")
        assertTrue(first.conflicts(new.number).isEmpty())
        first.submit(new.number)
        first.sync(null)

        // Returned with a mark, mended, submitted again.
        walk(emptyMap(), new.number, until = "DIVERIFIKASI_FO")
        office(
            "act", new.number, "kembalikan_fo", "--as", staff.getValue("front-office"), "--reason", "foto tidak terbaca",
            "--set", "tanda.surat_kehilangan=buram",
        )
        first.sync(null)
        val task = first.toDo().single()
        assertEquals(listOf(MarkedRequirement("surat_kehilangan", "buram", "Buram, tidak terbaca")), task.marks)
        first.attach(task.summary.id, "surat_kehilangan", scan(folder, "lebih terang"))
        fill(first, task.summary.id, folder)
        first.submit(task.summary.id)

        // A sync whose coroutine is cancelled is no harm.
        val cancelled = launch { first.sync(null) }
        yield()
        cancelled.cancelAndJoin()
        first.sync(null)
        assertTrue(first.toDo().isEmpty())

        // Printed and handed over at the kecamatan, while the village follows.
        val handle = first.follow(seen)
        counter.sync(null)
        val end = walk(mapOf("operator-kecamatan" to counter), new.number)
        assertEquals("DIAMBIL", end("state"))
        eventually("the village hears of the end") { first.application(new.number).summary.finished }
        handle.network(Network.ABSENT)
        handle.network(Network.METERED)
        handle.stop()
        assertTrue(handle.finished().entriesReceived > 0u)
        val details = first.application(new.number)
        assertEquals(WorkProgress.DECIDED, details.summary.progress)
        assertEquals("serah", details.record.last().act)

        // Opened again with the same key everything is there; another key opens nothing.
        val again = openPhone(folder.resolve("satu").toString(), key)
        assertEquals(listOf(new.id), again.applications(null, 50u).map { it.id })
        refused<LoketException.SignIn>("another key") { openPhone(folder.resolve("satu").toString(), PhoneKeystore()) }
        listOf(first, second, counter, again).forEach { it.close() }
    }
}
