package id.loket.petugas.logic

import java.time.OffsetDateTime
import java.time.format.DateTimeFormatter
import java.time.format.DateTimeParseException
import java.util.Locale
import uniffi.loket.ApplicationSummary
import uniffi.loket.MeetingReport
import uniffi.loket.SyncStep
import uniffi.loket.Tally
import uniffi.loket.WorkProgress

/** The app's own words; everything about a service comes from its catalogue file. */
object Words {
    private val indonesian = Locale("in", "ID")

    fun progress(progress: WorkProgress) = when (progress) {
        WorkProgress.ON_THIS_PHONE -> "○ hanya di HP ini"
        WorkProgress.CARRIED -> "◔ juga di HP rekan"
        WorkProgress.AT_OFFICE -> "◑ sudah di Dinas"
        WorkProgress.DECIDED -> "● sudah dijawab Dinas"
    }

    /** What is true of all files, counted from the office's receipts. */
    fun tally(tally: Tally): String {
        val held = if (tally.held > 0u) ", ${tally.held} ditahan" else ""
        return "${tally.applications} berkas, ${tally.receipted} tanda terima, ${tally.hanging} menggantung$held"
    }

    fun sync(step: SyncStep?): String = when (step) {
        null -> "Belum tersambung; pekerjaan tersimpan di HP"
        is SyncStep.Connected -> "Tersambung dengan Dinas"
        is SyncStep.Scans -> "Mengirim lampiran: ${step.done} dari ${step.of}"
        is SyncStep.Settled -> "Semua yang ada di HP ini sudah di Dinas"
        is SyncStep.Waits -> step.sentence.replaceFirstChar { it.uppercase() }
        is SyncStep.Lost -> "${step.sentence.replaceFirstChar { it.uppercase() }} (mencoba lagi sendiri)"
    }

    const val NO_NETWORK_TO_MEET = "HP ini tidak terhubung ke Wi-Fi dan tidak membuka hotspot: hubungkan keduanya ke jaringan yang sama"

    /** What two phones gave each other. */
    fun met(met: MeetingReport) = "Bertemu ${met.officer}: ${met.entriesSent} perubahan diberikan, ${met.entriesReceived} diterima; " +
        "${met.scansSent} lampiran diberikan, ${met.scansReceived} diterima"

    fun title(application: ApplicationSummary) = application.name ?: "Tanpa nama"

    /** A moment, as the library writes it, for people. */
    fun moment(time: String): String = try {
        OffsetDateTime.parse(time).format(DateTimeFormatter.ofPattern("d MMMM yyyy, HH.mm", indonesian))
    } catch (_: DateTimeParseException) {
        time
    }

    /** A date as people write it; the library takes it so too. */
    fun date(value: String): String {
        val parts = value.split('-')
        return if (parts.size == 3 && parts[0].length == 4) parts.reversed().joinToString("-") else value
    }

    /** Who wrote a value: this phone, or somebody by name and device. */
    fun author(author: String, own: String) = if (own.isNotEmpty() && own.take(DEVICE) in author) "HP ini" else author

    /** Characters of a device's name that people are shown. */
    private const val DEVICE = 8
}
