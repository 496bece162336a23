package id.loket.petugas.logic

import kotlinx.coroutines.CoroutineScope
import kotlinx.coroutines.Job
import uniffi.loket.LoketPhone
import uniffi.loket.MeetingReport

/** Two phones on one network bring each other what both may have, without the office. */
class MeetModel(scope: CoroutineScope, private val phone: LoketPhone, private val addresses: () -> List<String>) :
    Model<MeetModel.State>(scope, State()) {
    /** The code is there while this phone waits; busy also while it calls. */
    data class State(val code: String? = null, val busy: Boolean = false, val done: String? = null, val trouble: Trouble? = null)

    private var running: Job? = null

    override fun failed(state: State, trouble: Trouble) = State(trouble = trouble)

    /** Shows a code and waits until the other phone has read it. */
    fun await() = start {
        val address = addresses().firstOrNull()
        if (address == null) {
            show { State(trouble = Trouble(Words.NO_NETWORK_TO_MEET, Trouble.Next.MEND)) }
        } else {
            phone.waitToMeet(address).use { waiting ->
                show { State(code = waiting.code(), busy = true) }
                end(waiting.meet())
            }
        }
    }

    /** Calls the phone whose code was read. */
    fun call(code: String) = start {
        show { State(busy = true) }
        end(phone.meet(code.trim()))
    }

    fun giveUp() {
        running?.cancel()
        show { State() }
    }

    private fun start(block: suspend () -> Unit) {
        if (state.value.busy) return
        running = work(block)
    }

    private fun end(met: MeetingReport) = show { State(done = Words.met(met)) }
}
