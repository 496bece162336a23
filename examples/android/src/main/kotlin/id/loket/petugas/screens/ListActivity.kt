package id.loket.petugas.screens

import android.os.Bundle
import android.text.Editable
import android.text.TextWatcher
import android.widget.EditText
import android.widget.LinearLayout
import android.widget.Switch
import android.widget.TextView
import id.loket.petugas.logic.ListModel
import id.loket.petugas.logic.SyncModel
import id.loket.petugas.logic.Words
import id.loket.petugas.platform.Hints
import uniffi.loket.ApplicationSummary
import uniffi.loket.ChangeObserver
import uniffi.loket.Subscription

/** All files, whether everything has arrived, and what came back. */
class ListActivity : ModelActivity() {
    private var model: ListModel? = null
    private var sync: SyncModel? = null
    private var hints: Hints? = null
    private var subscription: Subscription? = null
    private lateinit var state: TextView
    private lateinit var tally: TextView
    private lateinit var notices: LinearLayout
    private lateinit var rows: LinearLayout

    override fun onCreate(saved: Bundle?) {
        super.onCreate(saved)
        title = "Loket Petugas"
        withPhone { phone ->
            build()
            val (list, sync) = ListModel(scope, phone) to SyncModel(scope, phone)
            this.model = list
            this.sync = sync
            list.drawnBy(::draw)
            sync.drawnBy { state.text = it.words }
            val seen = object : ChangeObserver {
                override fun changed() = runOnUiThread { list.refresh() }
            }
            subscription = phone.observe(seen)
            hints = Hints(this, sync).also { it.begin() }
            sync.scansOverMetered(app.scansOverMetered)
            list.refresh()
            sync.start()
        }
    }

    private fun build() {
        val (scroll, column) = page()
        tally = text("", 18f, Ink.MAIN, bold = true).apply { accessibilityLiveRegion = android.view.View.ACCESSIBILITY_LIVE_REGION_POLITE }
        state = text("", 15f, Ink.QUIET)
        notices = column()
        rows = column()
        val search = EditText(this).apply {
            id = android.R.id.edit
            hint = "Cari nama atau nomor"
            isSingleLine = true
            addTextChangedListener(object : TextWatcher {
                override fun beforeTextChanged(s: CharSequence?, a: Int, b: Int, c: Int) = Unit
                override fun onTextChanged(s: CharSequence?, a: Int, b: Int, c: Int) = Unit
                override fun afterTextChanged(s: Editable?) {
                    model?.search(s.toString())
                }
            })
        }
        val metered = Switch(this).apply {
            text = "Kirim lampiran lewat kuota internet"
            textSize = 16f
            minHeight = dp(52)
            isChecked = app.scansOverMetered
            setOnCheckedChangeListener { _, allowed ->
                app.scansOverMetered = allowed
                sync?.scansOverMetered(allowed)
            }
        }
        val fresh = button("Permohonan baru", main = true) { open<NewActivity>() }
        val meet = button("Bertemu HP lain") { open<MeetActivity>() }
        for (view in listOf(tally, state, fresh, search, notices, rows, meet, metered)) {
            column.addView(view)
        }
        setContentView(scroll)
    }

    private fun draw(shown: ListModel.State) {
        tally.text = shown.tally
        notices.removeAllViews()
        shown.clock?.let { notices.addView(notice(it.replaceFirstChar { c -> c.uppercase() })) }
        shown.trouble?.let { notices.addView(notice(it.sentence)) }
        rows.removeAllViews()
        if (shown.returned.isNotEmpty()) {
            rows.addView(heading("Perlu dikerjakan (${shown.returned.size})"))
            shown.returned.forEach { rows.addView(row(it.summary, marks = it.marks.size)) }
        }
        rows.addView(heading(if (shown.search.isBlank()) "Semua berkas" else "Hasil pencarian"))
        if (shown.rows.isEmpty()) {
            rows.addView(text(if (shown.search.isBlank()) "Belum ada berkas di HP ini." else "Tidak ada yang cocok.", color = Ink.QUIET))
        }
        shown.rows.forEach { rows.addView(row(it)) }
        if (shown.more) rows.addView(button("Tampilkan lagi") { model?.readMore() })
    }

    private fun row(one: ApplicationSummary, marks: Int = 0) = card(touched = { open<ApplicationActivity>(one.id) }) {
        addView(text(Words.title(one), 18f, bold = true))
        addView(text(one.title, 15f))
        addView(text("${one.label} · ${one.number}", 15f, Ink.QUIET))
        if (marks > 0) addView(text("$marks hal harus diperbaiki", 15f, Ink.WRONG, bold = true))
        if (one.held > 0u) addView(text("${one.held} perubahan ditahan Dinas", 15f, Ink.WRONG))
        addView(text(Words.progress(one.progress), 15f, Ink.MAIN))
    }

    override fun onResume() {
        super.onResume()
        model?.refresh()
        sync?.start()
    }

    override fun onDestroy() {
        hints?.end()
        sync?.stop()
        subscription?.run {
            end()
            close()
        }
        super.onDestroy()
    }
}
