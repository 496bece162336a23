package id.loket.petugas.logic

import kotlinx.coroutines.CoroutineScope
import uniffi.loket.Keystore
import uniffi.loket.LoketPhone
import uniffi.loket.enrolPhone
import uniffi.loket.readInvitation

/** Enrolment: the folder becomes a phone, by the text of an invitation. */
class EnrolModel(
    scope: CoroutineScope,
    private val folder: String,
    private val keystore: suspend () -> Keystore,
    private val enrolled: (LoketPhone) -> Unit,
) : Model<EnrolModel.State>(scope, State()) {
    data class State(val busy: Boolean = false, val trouble: Trouble? = null, val done: Boolean = false)

    override fun failed(state: State, trouble: Trouble) = state.copy(busy = false, trouble = trouble)

    /** Enrols by what the camera read or somebody shared: the office's address and the one-time code. */
    fun enrol(invitation: String) {
        if (state.value.busy) return
        show { State(busy = true) }
        work {
            val read = readInvitation(invitation.trim())
            enrolled(enrolPhone(folder, read.office, read.code, keystore()))
            show { State(done = true) }
        }
    }
}
