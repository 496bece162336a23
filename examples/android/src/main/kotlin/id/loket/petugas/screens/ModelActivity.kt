package id.loket.petugas.screens

import android.app.Activity
import android.content.Intent
import android.os.Bundle
import android.widget.LinearLayout
import id.loket.petugas.logic.Model
import id.loket.petugas.logic.Trouble
import id.loket.petugas.platform.MainDispatcher
import id.loket.petugas.platform.PetugasApp
import kotlinx.coroutines.CoroutineScope
import kotlinx.coroutines.SupervisorJob
import kotlinx.coroutines.cancel
import kotlinx.coroutines.launch
import uniffi.loket.LoketPhone

/** A screen over a model: draws each state, and works as long as it is there. */
abstract class ModelActivity : Activity() {
    protected val scope = CoroutineScope(SupervisorJob() + MainDispatcher)
    protected val app get() = application as PetugasApp

    override fun onDestroy() {
        scope.cancel()
        super.onDestroy()
    }

    /** The phone, once it is open; where it cannot be opened, enrolment takes over or the reason is shown. */
    protected fun withPhone(work: (LoketPhone) -> Unit) {
        scope.launch {
            when (val opened = app.phone()) {
                is PetugasApp.Opened.Phone -> work(opened.phone)
                is PetugasApp.Opened.Refused -> refused(opened.trouble)
            }
        }
    }

    private fun refused(trouble: Trouble) {
        if (trouble.next == Trouble.Next.ENROL) {
            startActivity(Intent(this, EnrolActivity::class.java).putExtra(EnrolActivity.WHY, trouble.sentence))
            finish()
        } else {
            val (scroll, column) = page()
            column.addView(notice(trouble.sentence))
            column.addView(button("Coba lagi", main = true) { recreate() })
            setContentView(scroll)
        }
    }

    protected fun <S : Any> Model<S>.drawnBy(draw: (S) -> Unit) {
        scope.launch { state.collect { draw(it) } }
    }

    /** A titled page that scrolls, as all screens are; what is drawn goes into its column. */
    protected fun screen(words: String): LinearLayout {
        title = words
        val (scroll, column) = page()
        setContentView(scroll)
        return column
    }

    /** The application that this screen is about. */
    protected val id get() = intent.getStringExtra(ID).orEmpty()

    protected inline fun <reified A : Activity> open(id: String? = null) =
        startActivity(Intent(this, A::class.java).apply { if (id != null) putExtra(ID, id) })

    override fun onCreate(saved: Bundle?) {
        super.onCreate(saved)
        // What is on it are people's papers: out of the list of recent apps, and of screenshots by others.
        if (!app.showsInRecents) window.addFlags(android.view.WindowManager.LayoutParams.FLAG_SECURE)
    }

    companion object {
        const val ID = "berkas"
    }
}
