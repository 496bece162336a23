package id.loket.petugas.logic

import kotlinx.coroutines.CoroutineScope
import kotlinx.coroutines.Job
import kotlinx.coroutines.flow.MutableStateFlow
import kotlinx.coroutines.flow.StateFlow
import kotlinx.coroutines.flow.asStateFlow
import kotlinx.coroutines.flow.update
import kotlinx.coroutines.launch
import uniffi.loket.LoketException

/** What went wrong, in the library's words, and what the screen does about it. */
data class Trouble(val sentence: String, val next: Next) {
    enum class Next { MEND, NOTHING, ENROL, MAKE_ROOM, UPDATE, REPORT }

    companion object {
        fun of(error: LoketException) = Trouble(
            error.message.orEmpty().replaceFirstChar { it.uppercase() },
            when (error) {
                is LoketException.Input, is LoketException.Refused -> Next.MEND
                is LoketException.Later -> Next.NOTHING
                is LoketException.SignIn -> Next.ENROL
                is LoketException.StorageFull -> Next.MAKE_ROOM
                is LoketException.Update -> Next.UPDATE
                is LoketException.Defect -> Next.REPORT
            },
        )
    }
}

/** What a screen shows and may do. It knows no view, and runs on the JVM as it does on a phone. */
abstract class Model<S : Any>(protected val scope: CoroutineScope, first: S) {
    private val states = MutableStateFlow(first)
    val state: StateFlow<S> = states.asStateFlow()

    protected fun show(change: (S) -> S) = states.update(change)

    /** Runs what may be refused; what goes wrong is shown and never thrown. */
    protected fun work(block: suspend () -> Unit): Job = scope.launch {
        try {
            block()
        } catch (error: LoketException) {
            show { failed(it, Trouble.of(error)) }
        }
    }

    protected abstract fun failed(state: S, trouble: Trouble): S
}
