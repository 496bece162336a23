package id.loket.petugas

import android.content.Intent
import android.graphics.Bitmap
import android.graphics.Canvas
import android.graphics.Color
import android.graphics.Paint
import android.print.PrintAttributes
import android.widget.EditText
import android.widget.RadioButton
import id.loket.petugas.platform.PetugasApp
import id.loket.petugas.platform.PhotoProvider
import id.loket.petugas.platform.ReceiptPage
import id.loket.petugas.screens.ApplicationActivity
import id.loket.petugas.screens.EnrolActivity
import id.loket.petugas.screens.FormActivity
import id.loket.petugas.screens.ListActivity
import id.loket.petugas.screens.MeetActivity
import id.loket.petugas.screens.ModelActivity
import id.loket.petugas.screens.NewActivity
import id.loket.petugas.screens.ReceiptActivity
import java.io.File
import kotlinx.coroutines.CoroutineScope
import kotlinx.coroutines.Dispatchers
import kotlinx.coroutines.async
import kotlinx.coroutines.runBlocking
import org.junit.Assert.assertEquals
import org.junit.Assert.assertTrue
import org.junit.Test
import org.junit.runner.RunWith
import org.robolectric.RobolectricTestRunner
import org.robolectric.RuntimeEnvironment
import org.robolectric.Shadows.shadowOf
import org.robolectric.annotation.Config
import org.robolectric.annotation.GraphicsMode
import uniffi.loket.FieldValue
import uniffi.loket.LoketPhone
import uniffi.loket.enrolPhone

/** A day on the app's screens, with the real library and a real office. */
@RunWith(RobolectricTestRunner::class)
@Config(application = TestApp::class, sdk = [34], qualifiers = "in-w360dp-h740dp-xhdpi")
@GraphicsMode(GraphicsMode.Mode.NATIVE)
class DayOnScreenTest {
    private val scope = CoroutineScope(Dispatchers.IO)
    private val app get() = RuntimeEnvironment.getApplication() as TestApp

    private fun phone(): LoketPhone = runBlocking { (app.phone() as PetugasApp.Opened.Phone).phone }

    private fun enrol(role: String, place: String): Screen<ListActivity> {
        val first = opened(ListActivity::class.java)
        val enrol = first.next<EnrolActivity>()
        enrol.fields().single().setText("bukan undangan")
        enrol.touch("Daftarkan HP ini")
        enrol.shows("undangan")
        enrol.picture("daftar-salah")
        enrol.fields().single().setText(Office.invitation(role, place))
        enrol.touch("Daftarkan HP ini")
        return enrol.next()
    }

    /** Types into the field of this label and leaves it. */
    private fun Screen<FormActivity>.type(label: String, value: String) {
        val field = fields().first { it.contentDescription == label }
        field.requestFocus()
        field.setText(value)
        field.onFocusChangeListener.onFocusChange(field, false)
    }

    /** A page of print, sharp or out of focus, as the camera app would leave it. */
    private fun photograph(screen: Screen<FormActivity>, sharp: Boolean) {
        val asked = shadowOf(screen.activity).nextStartedActivityForResult
        @Suppress("DEPRECATION")
        val uri = asked.intent.getParcelableExtra<android.net.Uri>(android.provider.MediaStore.EXTRA_OUTPUT)!!
        val page = Bitmap.createBitmap(1200, 1600, Bitmap.Config.ARGB_8888)
        val canvas = Canvas(page).apply { drawColor(Color.rgb(220, 220, 215)) }
        val ink = Paint().apply { color = Color.rgb(40, 40, 40); textSize = 30f }
        if (sharp) for (line in 0 until 40) canvas.drawText("Surat Keterangan Hilang No. $line / Contoh Fiktif / Polsek Contoh", 60f, 80f + line * 38, ink)
        PhotoProvider.file(app, uri.lastPathSegment!!).outputStream().use { page.compress(Bitmap.CompressFormat.JPEG, 90, it) }
        shadowOf(screen.activity).receiveResult(asked.intent, android.app.Activity.RESULT_OK, Intent())
    }

    private fun fillIn(form: Screen<FormActivity>) {
        form.type("NIK", "123")
        form.shows("16 angka; salin lagi")
        assertTrue("what was typed stands there", form.fields().any { it.text.toString() == "123" })
        form.picture("isian-salah")
        val id = form.activity.intent.getStringExtra(ModelActivity.ID)!!
        val lacking = { runBlocking { phone().missing(id) }.count { it.kind == uniffi.loket.LackKind.FIELD } }
        await("every field is filled in") {
            // All at once, as fast as no finger is: nothing that was typed may get lost while the form is drawn anew.
            for (field in form.fields().filter { it.text.isEmpty() || it.text.toString() == "123" }) {
                val label = field.contentDescription?.toString() ?: continue
                form.type(label, typedFor(field))
            }
            form.all().filterIsInstance<RadioButton>().groupBy { it.parent }.values
                .filter { group -> group.none { it.isChecked } }.forEach { it.first().isChecked = true }
            lacking() == 0
        }
    }

    /** Something valid, by what the field asks for. */
    private fun typedFor(field: EditText): String = when {
        field.hint == "16 angka" -> "3312081503900007"
        field.hint == "tanggal-bulan-tahun" -> "15-03-1990"
        field.hint == "kode wilayah" -> VILLAGE
        field.inputType == android.text.InputType.TYPE_CLASS_PHONE -> "081200000007"
        field.inputType == android.text.InputType.TYPE_CLASS_NUMBER -> "7"
        field.inputType and android.text.InputType.TYPE_TEXT_FLAG_CAP_WORDS != 0 -> "Contoh Fiktif"
        else -> "007"
    }

    @Test
    fun aVillageOfficersDay() {
        val desks = listOf("front-office", "kasi-pendaftaran", "loket-pengambilan").associateWith(Office::staff)
        val list = enrol("operator-desa", OWN_VILLAGE)
        list.shows("Belum ada berkas di HP ini.")
        list.shows("0 berkas, 0 tanda terima, 0 menggantung")
        list.picture("daftar-kosong")
        list.isFitToUse()

        list.touch("Permohonan baru")
        val choice = list.next<NewActivity>()
        choice.shows("KTP-el")
        choice.picture("layanan")
        choice.isFitToUse()
        choice.touch(Office.run("catalogue", "show", SERVICE).asJsonObject.get("title").asString)
        val form = choice.next<FormActivity>()
        form.shows("Masih")
        form.picture("isian")
        val id = form.activity.intent.getStringExtra(ModelActivity.ID)!!
        val number = runBlocking { phone().application(id).summary.number }
        fillIn(form)

        // A photo out of focus is asked about; a sharp one is taken at once.
        form.touch("Foto")
        photograph(form, sharp = false)
        form.shows("Foto buram")
        form.picture("foto-buram")
        form.touch("Foto lagi")
        photograph(form, sharp = true)
        form.shows("1 foto")
        while ("Belum difoto" in form.words() && runBlocking { phone().missing(id) }.any { it.kind == uniffi.loket.LackKind.REQUIREMENT }) {
            val before = form.words().split("1 foto").size
            form.touch("Foto")
            photograph(form, sharp = true)
            await("the photo is attached") { form.words().split("1 foto").size > before }
        }
        await("warnings are ticked off") {
            form.all().filterIsInstance<android.widget.Button>().firstOrNull { it.text == "Sudah saya periksa" }?.performClick()
            "Lengkap: siap diajukan" in form.words()
        }
        form.picture("isian-lengkap")
        form.isFitToUse()

        // Somebody else writes at the same time: both values are shown, and one is chosen.
        val other = runBlocking {
            val (office, code) = Office.invitation("operator-desa", OWN_VILLAGE).split("#daftar=")
            enrolPhone(File(app.filesDir, "rekan").path, office, code, null)
        }
        await("the office has it") { runBlocking { phone().sync(null); other.sync(null); other.applications(null, 9u).size } == 1 }
        runBlocking {
            phone().set(id, listOf(FieldValue("alamat", "Dusun Satu")))
            other.set(id, listOf(FieldValue("alamat", "Dusun Dua")))
            for (phone in listOf(phone(), other, phone())) phone.sync(null)
        }
        form.leave()
        val again = opened(FormActivity::class.java, Intent(app, FormActivity::class.java).putExtra(ModelActivity.ID, id))
        again.shows("Dua isian berbeda")
        again.shows("HP ini")
        again.picture("bertentangan")
        again.touch("Dusun Dua")
        await("it is settled") { "Dua isian berbeda" !in again.words() }
        again.touch("Ajukan ke Dinas")

        val receipt = again.next<ReceiptActivity>()
        receipt.shows(number)
        receipt.shows("tidak dipungut biaya")
        receipt.picture("tanda-terima")
        receipt.touch("Kirim ke pemohon")
        val sent = shadowOf(receipt.activity).nextStartedActivity
        @Suppress("DEPRECATION")
        val message = sent.getParcelableExtra<Intent>(Intent.EXTRA_INTENT)!!
        assertTrue(number in message.getStringExtra(Intent.EXTRA_TEXT)!!)
        receipt.leave()

        // The list never says more than the office has confirmed.
        list.shows("1 berkas, 1 tanda terima, 0 menggantung")
        list.shows("Semua yang ada di HP ini sudah di Dinas")
        assertEquals("ANTRI_FO", Office.state(number))
        list.picture("daftar")

        // It comes back with a mark, is mended, and submitted again.
        while (Office.state(number) != "DIVERIFIKASI_FO") Office.step(number, desks)
        Office.run(
            "act", number, "kembalikan_fo", "--as", desks.getValue("front-office"), "--reason", "foto tidak terbaca",
            "--set", "tanda.surat_kehilangan=buram",
        )
        list.shows("Perlu dikerjakan (1)")
        list.picture("dikembalikan")
        list.touch("1 hal harus diperbaiki")
        val file = list.next<ApplicationActivity>()
        file.shows("Dikembalikan: perbaiki")
        file.picture("berkas")
        file.isFitToUse()
        file.touch("Isi dan ajukan")
        val mending = file.next<FormActivity>()
        mending.shows("Dikembalikan Dinas")
        mending.touch("Foto lagi")
        photograph(mending, sharp = true)
        mending.shows("2 foto")
        mending.shows("Lengkap: siap diajukan")
        mending.touch("Ajukan ke Dinas")
        mending.next<ReceiptActivity>()
        await("the office has it again") { Office.state(number) == "ANTRI_FO" }
        list.leave()
    }

    @Test
    fun aCounterPrintsAndHandsOver() {
        val desks = listOf("front-office", "kasi-pendaftaran", "loket-pengambilan").associateWith(Office::staff)
        val village = runBlocking {
            val (office, code) = Office.invitation("operator-desa", VILLAGE).split("#daftar=")
            enrolPhone(File(app.filesDir, "desa").path, office, code, null)
        }
        val number = runBlocking { filed(village) }
        val list = enrol("operator-kecamatan", KECAMATAN)
        var guard = 0
        while (Office.show(number).get("final").asBoolean.not()) {
            assertTrue(guard++ < 40)
            val act = Office.step(number, desks) ?: continue
            await("the phone hears of it") {
                runBlocking { phone().sync(null) }
                runBlocking { phone().application(number) }.acts.any { it.act == act }
            }
            val id = runBlocking { phone().application(number).summary.id }
            val file = opened(ApplicationActivity::class.java, Intent(app, ApplicationActivity::class.java).putExtra(ModelActivity.ID, id))
            val offered = runBlocking { phone().application(number) }.acts.first { it.act == act }
            file.touch(offered.label)
            file.shows("Keterangan")
            file.picture("tindakan-$act")
            for (field in file.fields().filter { it.contentDescription != "Keterangan" }) field.setText(typedFor(field))
            file.all().filterIsInstance<RadioButton>().groupBy { it.parent }.values.forEach { it.first().isChecked = true }
            file.touch("Lakukan")
            file.shows("tercatat di HP")
            file.leave()
            runBlocking { phone().sync(null) }
        }
        assertEquals("DIAMBIL", Office.state(number))
        list.leave()
    }

    /** Files an application by the library alone. */
    private suspend fun filed(phone: LoketPhone): String {
        val new = phone.create(uniffi.loket.NewApplication(service = SERVICE))
        repeat(8) {
            val fields = phone.form(new.id).fields.associateBy { it.id }
            for (lack in phone.missing(new.id)) when (lack.kind) {
                uniffi.loket.LackKind.FIELD -> phone.set(new.id, listOf(FieldValue(lack.id, valueFor(fields.getValue(lack.id)))))
                uniffi.loket.LackKind.REQUIREMENT -> {
                    val scan = File.createTempFile(lack.id, ".jpg").apply { writeBytes(byteArrayOf(-1, -40, -1, -32) + lack.id.repeat(40).toByteArray()) }
                    phone.attach(new.id, lack.id, scan.path)
                }
                uniffi.loket.LackKind.WARNING -> phone.tick(new.id, lack.id)
                else -> throw AssertionError("$lack")
            }
        }
        phone.submit(new.id)
        phone.sync(null)
        return new.number
    }

    private fun valueFor(field: uniffi.loket.FormField): String = when (field.kind) {
        uniffi.loket.FieldKind.NIK, uniffi.loket.FieldKind.FAMILY_CARD -> "3312081503900015"
        uniffi.loket.FieldKind.NAME -> "Contoh Kedua"
        uniffi.loket.FieldKind.DATE -> "1990-03-15"
        uniffi.loket.FieldKind.PHONE -> "081200000007"
        uniffi.loket.FieldKind.CHOICE -> field.options.first().id
        uniffi.loket.FieldKind.REGION -> VILLAGE
        uniffi.loket.FieldKind.NUMBER -> "7"
        uniffi.loket.FieldKind.YES_NO -> "ya"
        else -> "007"
    }

    /** Two phones without the office: one shows its code, the other reads it, either way round. */
    @Test
    fun phonesMeetWithoutTheOffice() {
        val list = enrol("petugas-lapangan", VILLAGE)
        val other = runBlocking {
            val (office, code) = Office.invitation("petugas-lapangan", VILLAGE).split("#daftar=")
            enrolPhone(File(app.filesDir, "rekan-lapangan").path, office, code, null)
        }
        val theirs = runBlocking { other.create(uniffi.loket.NewApplication(service = SERVICE)) }
        list.touch("Bertemu HP lain")
        val meet = list.next<MeetActivity>()
        meet.touch("Hubungi")
        meet.shows("kode pertemuan")
        meet.picture("bertemu-salah")
        meet.isFitToUse()

        meet.touch("Tunggu HP lain")
        meet.shows("LOKET-TEMU:127.0.0.1/")
        meet.picture("bertemu-menunggu")
        val shown = meet.words().lines().first { it.startsWith(MeetActivity.CODE) }
        val met = runBlocking { other.meet(shown) }
        assertTrue("$met", met.entriesSent > 0u)
        meet.shows("Bertemu petugas-lapangan")
        meet.picture("bertemu")
        assertEquals(theirs.id, runBlocking { phone().application(theirs.id).summary.id })

        // What a reader of codes shares goes straight there.
        val waiting = runBlocking { other.waitToMeet("127.0.0.1") }
        val end = scope.async { waiting.meet() }
        val share = Intent(app, EnrolActivity::class.java).putExtra(Intent.EXTRA_TEXT, waiting.code())
        val shared = opened(EnrolActivity::class.java, share).next<MeetActivity>()
        shared.shows("0 perubahan diberikan, 0 diterima")
        assertEquals(0uL, runBlocking { end.await() }.entriesSent)

        list.all().filterIsInstance<android.widget.Switch>().single().performClick()
        assertEquals(false, app.scansOverMetered)
        list.leave()
    }

    /** A tenth service needs no release of the app: the office publishes its file, and the screen is there. */
    @Test
    fun aServiceThatTheAppHasNeverHeardOf() {
        val list = enrol("operator-desa", VILLAGE)
        Office.run("catalogue", "publish", System.getenv("LOKET_TENTH"))
        val title = Office.run("catalogue", "show", "kunjungan-rumah").asJsonObject.get("title").asString
        runBlocking { phone().sync(null) }
        list.touch("Permohonan baru")
        val choice = list.next<NewActivity>()
        choice.touch(title)
        val form = choice.next<FormActivity>()
        form.shows("Masih")
        form.picture("layanan-kesepuluh")
        list.leave()
    }

    /** Large type: nothing is cut off, and what can be touched stays large. */
    @Test
    @Config(fontScale = 1.6f)
    fun largeType() {
        val list = enrol("operator-desa", VILLAGE)
        list.shows("tanda terima")
        list.isFitToUse()
        list.picture("huruf-besar")
        list.touch("Permohonan baru")
        val choice = list.next<NewActivity>()
        choice.shows("KTP-el")
        choice.isFitToUse()
        choice.picture("huruf-besar-layanan")
        list.leave()
    }

    /** The receipt fits the smallest paper that a thermal printer has; what makes a PDF of it is Android's own. */
    @Test
    fun theReceiptFitsItsPaper() {
        val width = PrintAttributes.MediaSize.ISO_A6.widthMils * 72 / 1000
        val page = Bitmap.createBitmap(width, 420, Bitmap.Config.ARGB_8888)
        val canvas = Canvas(page).apply { drawColor(Color.WHITE) }
        val lines = listOf("TANDA TERIMA PERMOHONAN", "Nomor: 33.12.08.2002-26-7K-0001-X", "Pengurusan tidak dipungut biaya. ".repeat(9))
        val end = ReceiptPage.draw(canvas, lines, width.toFloat())
        assertTrue("it ends at $end", end < page.height)
        val right = (0 until page.height).none { page.getPixel(width - 30, it) != Color.WHITE }
        val left = (0 until page.height).any { y -> (36 until width - 36).any { page.getPixel(it, y) != Color.WHITE } }
        assertTrue(left && right)
    }
}
