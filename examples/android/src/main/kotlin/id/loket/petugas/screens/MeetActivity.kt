package id.loket.petugas.screens

import android.content.Intent
import android.graphics.drawable.BitmapDrawable
import android.os.Bundle
import android.text.InputType
import android.view.View
import android.widget.EditText
import android.widget.ImageView
import android.widget.LinearLayout
import id.loket.petugas.logic.MeetModel
import id.loket.petugas.platform.QrPicture

/** Meeting another phone: one shows a code, the other reads it. */
class MeetActivity : ModelActivity() {
    private var model: MeetModel? = null
    private lateinit var column: LinearLayout
    private lateinit var typed: EditText

    override fun onCreate(saved: Bundle?) {
        super.onCreate(saved)
        withPhone { phone ->
            val page = screen("Bertemu HP lain")
            page.addView(text("Kedua HP terhubung ke Wi-Fi atau hotspot yang sama; internet tidak perlu. Yang ditukar hanya berkas wilayah yang sama-sama Anda layani."))
            column = column()
            page.addView(column)
            typed = EditText(this).apply {
                hint = "LOKET-TEMU:…"
                inputType = InputType.TYPE_CLASS_TEXT or InputType.TYPE_TEXT_FLAG_CAP_CHARACTERS or InputType.TYPE_TEXT_FLAG_MULTI_LINE
                setText(intent.getStringExtra(Intent.EXTRA_TEXT).orEmpty())
            }
            val meet = MeetModel(scope, phone, app::addresses)
            model = meet
            meet.drawnBy(::draw)
            if (typed.text.isNotEmpty()) meet.call(typed.text.toString())
        }
    }

    private fun draw(state: MeetModel.State) {
        column.removeAllViews()
        state.trouble?.let { column.addView(notice(it.sentence)) }
        state.done?.let { column.addView(notice(it, wrong = false)) }
        val code = state.code
        when {
            code != null -> waits(code)
            state.busy -> {
                column.addView(text("Bertukar data. Jangan jauhkan kedua HP.", 18f, bold = true))
                column.addView(button("Batal") { model?.giveUp() })
            }
            else -> choices()
        }
    }

    private fun waits(code: String) {
        column.addView(heading("Minta rekan memindai kode ini"))
        column.addView(picture(code))
        column.addView(text(code, 13f, Ink.QUIET).apply { setTextIsSelectable(true) })
        column.addView(text("Kode ini untuk satu pertemuan, paling lama seperempat jam."))
        column.addView(button("Batal") { model?.giveUp() })
    }

    private fun picture(code: String): View = ImageView(this).apply {
        // Sharp edges, however large: a reader of codes looks for them.
        setImageDrawable(BitmapDrawable(resources, QrPicture.of(code)).apply { isFilterBitmap = false; setAntiAlias(false) })
        scaleType = ImageView.ScaleType.FIT_CENTER
        adjustViewBounds = true
        contentDescription = "Kode QR pertemuan"
        layoutParams = LinearLayout.LayoutParams(dp(PICTURE), dp(PICTURE))
    }

    private fun choices() {
        column.addView(button("Tunggu HP lain", main = true) { model?.await() })
        column.addView(heading("Atau hubungi HP yang menunggu"))
        column.addView(text("Pindai kodenya dengan kamera atau pembaca QR, lalu bagikan teksnya ke Loket Petugas. Bisa juga diketik di bawah ini."))
        (typed.parent as? LinearLayout)?.removeView(typed)
        column.addView(typed)
        column.addView(button("Hubungi") { model?.call(typed.text.toString()) })
    }

    companion object {
        /** What a meeting's code begins with. */
        const val CODE = "LOKET-TEMU:"
        private const val PICTURE = 280
    }
}
