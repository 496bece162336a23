package id.loket.petugas.screens

import android.content.Intent
import android.graphics.Typeface
import android.os.Bundle
import android.print.PrintManager
import android.view.Gravity
import android.widget.LinearLayout
import id.loket.petugas.logic.ReceiptModel
import id.loket.petugas.platform.ReceiptPrint

/** The applicant's receipt: large enough to be copied by hand, and to be sent or printed. */
class ReceiptActivity : ModelActivity() {
    private lateinit var column: LinearLayout

    override fun onCreate(saved: Bundle?) {
        super.onCreate(saved)
        column = screen("Tanda terima")
        withPhone { phone -> ReceiptModel(scope, phone, id).also { it.drawnBy(::draw); it.load() } }
    }

    private fun draw(state: ReceiptModel.State) {
        column.removeAllViews()
        state.trouble?.let { column.addView(notice(it.sentence)) }
        if (state.lines.isEmpty()) return
        column.addView(text("Nomor pendaftaran", 16f, Ink.QUIET).apply { gravity = Gravity.CENTER })
        column.addView(text(state.number, 21f, Ink.MAIN).apply {
            gravity = Gravity.CENTER
            typeface = Typeface.MONOSPACE
            setTextIsSelectable(true)
        })
        column.addView(text(state.progress, 16f, Ink.MAIN).apply { gravity = Gravity.CENTER })
        column.addView(card { state.lines.forEach { addView(text(it, 16f)) } })
        column.addView(button("Kirim ke pemohon", main = true) { share(state.text) })
        column.addView(button("Cetak") { print(state) })
        column.addView(button("Selesai") { finish() })
    }

    private fun share(words: String) {
        val message = Intent(Intent.ACTION_SEND).setType("text/plain").putExtra(Intent.EXTRA_TEXT, words)
        startActivity(Intent.createChooser(message, "Kirim tanda terima"))
    }

    private fun print(state: ReceiptModel.State) =
        getSystemService(PrintManager::class.java).print("Tanda terima", ReceiptPrint(state.lines), null)
}
