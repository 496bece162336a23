package id.loket.petugas.screens

import android.content.Intent
import android.os.Bundle
import android.text.InputType
import android.widget.EditText
import android.widget.LinearLayout
import id.loket.petugas.logic.EnrolModel

/** The first screen of a new phone: the office's invitation, shared by a reader of QR codes or typed. */
class EnrolActivity : ModelActivity() {
    private lateinit var column: LinearLayout
    private lateinit var typed: EditText
    private val model by lazy { EnrolModel(scope, app.folder, { app.keystore() }) { app.enrolled(it) } }

    override fun onCreate(saved: Bundle?) {
        super.onCreate(saved)
        val shared = intent.getStringExtra(Intent.EXTRA_TEXT).orEmpty()
        if (shared.trim().startsWith(MeetActivity.CODE, ignoreCase = true)) {
            startActivity(Intent(this, MeetActivity::class.java).putExtra(Intent.EXTRA_TEXT, shared))
            finish()
            return
        }
        title = "Daftarkan HP"
        val (scroll, page) = page()
        column = column()
        typed = EditText(this).apply {
            id = android.R.id.edit
            hint = "https://loket.…go.id#daftar=…"
            inputType = InputType.TYPE_CLASS_TEXT or InputType.TYPE_TEXT_VARIATION_URI or InputType.TYPE_TEXT_FLAG_MULTI_LINE
            setText(shared.ifEmpty { saved?.getString(TYPED).orEmpty() })
        }
        page.addView(heading("Undangan dari Dinas"))
        page.addView(text("Pindai kode QR undangan dengan kamera atau pembaca QR, lalu bagikan teksnya ke Loket Petugas. Bisa juga diketik di bawah ini."))
        page.addView(typed)
        page.addView(column)
        setContentView(scroll)
        model.drawnBy(::draw)
    }

    private fun draw(state: EnrolModel.State) {
        if (state.done) {
            open<ListActivity>()
            finish()
            return
        }
        column.removeAllViews()
        (state.trouble?.sentence ?: intent.getStringExtra(WHY))?.let { column.addView(notice(it, wrong = state.trouble != null)) }
        val words = if (state.busy) "Mendaftarkan…" else "Daftarkan HP ini"
        column.addView(button(words, main = true) { model.enrol(typed.text.toString()) }.apply { isEnabled = !state.busy })
    }

    override fun onSaveInstanceState(out: Bundle) {
        if (::typed.isInitialized) out.putString(TYPED, typed.text.toString())
        super.onSaveInstanceState(out)
    }

    companion object {
        const val WHY = "sebab"
        private const val TYPED = "undangan"
    }
}
