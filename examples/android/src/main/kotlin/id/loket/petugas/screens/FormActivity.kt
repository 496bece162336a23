package id.loket.petugas.screens

import android.content.Intent
import android.os.Bundle
import android.widget.LinearLayout
import android.widget.ScrollView
import id.loket.petugas.logic.FormModel
import id.loket.petugas.logic.Words
import id.loket.petugas.platform.Camera
import kotlinx.coroutines.launch
import uniffi.loket.Conflict
import uniffi.loket.FormRequirement

/** The form of an application, as its service's file has it. */
class FormActivity : ModelActivity() {
    private lateinit var column: LinearLayout
    private lateinit var scroll: ScrollView
    private var model: FormModel? = null
    private var fields: List<FieldView> = emptyList()
    private var photographed: Camera.Shot? = null
    private val camera by lazy { Camera(this) }

    override fun onCreate(saved: Bundle?) {
        super.onCreate(saved)
        photographed = saved?.let { Camera.Shot.read(it) }
        column = screen("Isi permohonan")
        scroll = column.parent as ScrollView
        withPhone { phone -> model = FormModel(scope, phone, id).also { it.drawnBy(::draw); it.load() } }
    }

    private fun draw(state: FormModel.State) {
        val form = state.form ?: return failed(state)
        if (state.submitted) {
            open<ReceiptActivity>(id)
            finish()
            return
        }
        val (at, before) = scroll.scrollY to fields.associateBy { it.field.id }
        fields = emptyList()
        column.removeAllViews()
        column.addView(text(form.title, 20f, Ink.MAIN, bold = true))
        column.addView(text("Nomor ${state.number}", 16f, Ink.QUIET))
        state.trouble?.let { column.addView(notice(it.sentence)) }
        marks(state)
        state.conflicts.forEach { conflict(state, it) }
        state.sections.forEach { section ->
            column.addView(heading(section.title))
            section.fields.filterNot { it.conflict }.forEach { field ->
                val problem = state.problems[field.id]
                val view = FieldView(this, field, problem) { model?.typed(field.id, it) }
                view.say(problem, field.id in state.lackingFields)
                fields = fields + view
                column.addView(view)
            }
        }
        column.addView(heading("Berkas persyaratan"))
        form.requirements.forEach { paper(state, it) }
        warnings(state)
        foot(state)
        fields.forEach { field -> before[field.field.id]?.let { field.goOn(it) } }
        scroll.post { scroll.scrollTo(0, at) }
    }

    private fun failed(state: FormModel.State) {
        val trouble = state.trouble ?: return
        column.removeAllViews()
        column.addView(notice(trouble.sentence))
        column.addView(button("Coba lagi") { model?.load() })
    }

    private fun marks(state: FormModel.State) {
        if (state.marks.isEmpty()) return
        column.addView(heading("Dikembalikan Dinas"))
        val titles = state.form?.requirements.orEmpty().associate { it.id to it.title } +
            state.form?.fields.orEmpty().associate { it.id to it.label }
        state.marks.forEach { column.addView(notice("${titles[it.id] ?: it.id}: ${it.label.replaceFirstChar { c -> c.lowercase() }}")) }
    }

    /** Both values, who wrote each and when; a touch chooses one. Nobody's is lost. */
    private fun conflict(state: FormModel.State, conflict: Conflict) {
        val label = state.form?.fields?.firstOrNull { it.id == conflict.field }?.label ?: conflict.field
        column.addView(heading("Dua isian berbeda: $label"))
        column.addView(text("Pilih yang benar. Tanpa pilihan, permohonan belum dapat diajukan.", color = Ink.QUIET))
        conflict.values.forEach { value ->
            column.addView(card(touched = { model?.choose(conflict.field, value.value) }) {
                addView(text(value.value, 18f, bold = true))
                addView(text("${Words.author(value.author, state.device)} · ${Words.moment(value.time)}", 15f, Ink.QUIET))
            })
        }
    }

    private fun paper(state: FormModel.State, paper: FormRequirement) = column.addView(card {
        addView(text(paper.title + if (paper.required) " *" else "", 16f, bold = true))
        if (paper.surrender) addView(text("Aslinya diserahkan ke Dinas", 15f, Ink.QUIET))
        val count = if (paper.scans.isEmpty()) "Belum difoto" else "${paper.scans.size} foto"
        val lacking = paper.id in state.lackingPapers
        addView(text(count, 15f, if (lacking) Ink.WRONG else Ink.QUIET))
        val doubtful = state.doubtful?.takeIf { it.requirement == paper.id }
        if (doubtful != null) return@card doubtful(doubtful)
        addView(button(if (paper.scans.isEmpty()) "Foto" else "Foto lagi") {
            fields.forEach { it.give() }
            photographed = camera.take(paper.id)
        })
    })

    private fun LinearLayout.doubtful(photo: FormModel.Doubtful) {
        addView(notice(photo.sentence))
        addView(button("Foto lagi", main = true) {
            model?.decided(keep = false)
            photographed = camera.take(photo.requirement)
        })
        addView(button("Pakai foto ini juga") { model?.decided(keep = true) })
    }

    private fun warnings(state: FormModel.State) {
        if (state.warnings.isEmpty()) return
        column.addView(heading("Periksa dahulu"))
        state.warnings.forEach { warning ->
            column.addView(card {
                addView(text(warning.sentence.replaceFirstChar { it.uppercase() }))
                if (warning.ticked) addView(text("✓ sudah diperiksa", 15f, Ink.MAIN))
                else addView(button("Sudah saya periksa") { model?.tick(warning.id) })
            })
        }
    }

    private fun foot(state: FormModel.State) {
        val open = state.lacks.size
        val words = if (open == 0) "Lengkap: siap diajukan" else "Masih $open hal yang kurang"
        column.addView(heading(words))
        state.lacks.forEach { column.addView(text("• ${it.sentence.replaceFirstChar { c -> c.uppercase() }}", 15f)) }
        column.addView(button("Ajukan ke Dinas", main = true) {
            fields.forEach { it.give() }
            model?.submit()
        }.apply { isEnabled = open == 0; alpha = if (open == 0) 1f else 0.4f })
        column.addView(button("Tanda terima") { open<ReceiptActivity>(id) })
    }

    override fun onPause() {
        fields.forEach { it.give() }
        super.onPause()
    }

    override fun onSaveInstanceState(out: Bundle) {
        photographed?.write(out)
        super.onSaveInstanceState(out)
    }

    @Deprecated("the framework's own, without a library around it")
    override fun onActivityResult(request: Int, result: Int, data: Intent?) {
        val shot = photographed ?: return
        photographed = null
        if (request != Camera.REQUEST || result != RESULT_OK) return shot.discard()
        withPhone {
            scope.launch {
                val photo = camera.develop(shot)
                if (photo != null) model?.photographed(shot.requirement, photo.path, photo.check)
            }
        }
    }
}
