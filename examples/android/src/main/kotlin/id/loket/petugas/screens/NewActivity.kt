package id.loket.petugas.screens

import android.os.Bundle
import android.widget.LinearLayout
import id.loket.petugas.logic.NewModel

/** Which service: whatever the office's catalogue has today. */
class NewActivity : ModelActivity() {
    private lateinit var column: LinearLayout
    private var model: NewModel? = null

    override fun onCreate(saved: Bundle?) {
        super.onCreate(saved)
        column = screen("Permohonan baru")
        withPhone { phone -> model = NewModel(scope, phone).also { it.drawnBy(::draw); it.load() } }
    }

    private fun draw(state: NewModel.State) {
        state.created?.let {
            open<FormActivity>(it)
            finish()
            return
        }
        column.removeAllViews()
        state.trouble?.let { column.addView(notice(it.sentence)) }
        if (state.loaded && state.services.isEmpty()) {
            column.addView(notice("Belum ada layanan di HP ini: hubungkan dengan Dinas dahulu.", wrong = false))
        }
        for (service in state.services) {
            if (service.variants.isEmpty()) {
                column.addView(button(service.title) { model?.begin(service.service, null) })
                continue
            }
            column.addView(heading(service.title))
            service.variants.forEach { variant ->
                column.addView(button(variant.title) { model?.begin(service.service, variant.id) })
            }
        }
    }
}
