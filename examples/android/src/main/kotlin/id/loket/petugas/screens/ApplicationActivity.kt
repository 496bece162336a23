package id.loket.petugas.screens

import android.os.Bundle
import android.text.InputType
import android.widget.EditText
import android.widget.LinearLayout
import id.loket.petugas.logic.ApplicationModel
import id.loket.petugas.logic.Words
import uniffi.loket.ApplicationDetails
import uniffi.loket.AvailableAct

/** One file: where it stands, what came back, its official record, and what may be done. */
class ApplicationActivity : ModelActivity() {
    private lateinit var column: LinearLayout
    private var model: ApplicationModel? = null

    override fun onCreate(saved: Bundle?) {
        super.onCreate(saved)
        column = screen("Berkas")
        withPhone { phone -> model = ApplicationModel(scope, phone, id).also { it.drawnBy(::draw); it.load() } }
    }

    private fun draw(state: ApplicationModel.State) {
        column.removeAllViews()
        state.trouble?.let { column.addView(notice(it.sentence)) }
        val details = state.details ?: return
        val summary = details.summary
        column.addView(text(Words.title(summary), 22f, Ink.MAIN, bold = true))
        column.addView(text(summary.title))
        column.addView(text("Nomor ${summary.number}", 16f, Ink.QUIET))
        column.addView(text(summary.label, 18f, bold = true))
        column.addView(text(Words.progress(summary.progress), 16f, Ink.MAIN))
        state.said?.let { column.addView(notice(it.replaceFirstChar { c -> c.uppercase() }, wrong = false)) }
        tellings(state, details)
        val asked = state.asked
        if (asked != null) needs(asked, state.problem) else acts(state)
        record(details)
    }

    private fun tellings(state: ApplicationModel.State, details: ApplicationDetails) {
        details.notices.forEach { column.addView(notice(it, wrong = false)) }
        details.held.forEach { column.addView(notice("Ditahan Dinas: $it")) }
        if (details.summary.waiting > 0u) column.addView(notice("Menunggu perubahan dari HP lain", wrong = false))
        if (details.marks.isEmpty()) return
        column.addView(heading("Dikembalikan: perbaiki"))
        details.marks.forEach { column.addView(notice("${state.titles[it.id] ?: it.id}: ${it.label.replaceFirstChar { c -> c.lowercase() }}")) }
    }

    private fun acts(state: ApplicationModel.State) {
        if (state.editable) column.addView(button("Isi dan ajukan", main = true) { open<FormActivity>(id) })
        state.acts.filterNot { it.act == ApplicationModel.SUBMIT }.forEach { act ->
            column.addView(button(act.label) { model?.begin(act) })
        }
        column.addView(button("Tanda terima") { open<ReceiptActivity>(id) })
    }

    /** What an act has to be told, drawn as a form's fields are. */
    private fun needs(act: AvailableAct, problem: String?) {
        column.addView(heading(act.label))
        problem?.let { column.addView(notice(it.replaceFirstChar { c -> c.uppercase() })) }
        val fields = act.needs.map { FieldView(this, it) {} }
        fields.forEach { column.addView(it) }
        column.addView(text("Keterangan", bold = true))
        val reason = EditText(this).apply {
            inputType = InputType.TYPE_CLASS_TEXT or InputType.TYPE_TEXT_FLAG_CAP_SENTENCES or InputType.TYPE_TEXT_FLAG_MULTI_LINE
            contentDescription = "Keterangan"
        }
        column.addView(reason)
        column.addView(button("Lakukan", main = true) {
            model?.act(fields.associate { it.field to it.value }, reason.text.toString())
        })
        column.addView(button("Batal") { model?.giveUp() })
    }

    private fun record(details: ApplicationDetails) {
        if (details.record.isEmpty()) return
        column.addView(heading("Catatan resmi"))
        details.record.asReversed().forEach { line ->
            column.addView(card {
                addView(text(line.label, 16f, bold = true))
                addView(text("${Words.moment(line.at)} · ${line.by}", 15f, Ink.QUIET))
                if (line.outcome != "dicatat") addView(text(line.outcome, 15f, Ink.WRONG))
                line.reason?.let { addView(text(it, 15f)) }
            })
        }
    }

    override fun onResume() {
        super.onResume()
        model?.load()
    }
}
