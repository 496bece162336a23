package id.loket.petugas.logic

import kotlinx.coroutines.CoroutineScope
import kotlinx.coroutines.Job
import uniffi.loket.LoketPhone

/** What the applicant takes home: shown, sent as a message, or printed. */
class ReceiptModel(
    scope: CoroutineScope,
    private val phone: LoketPhone,
    private val id: String,
) : Model<ReceiptModel.State>(scope, State()) {
    data class State(
        val number: String = "",
        val lines: List<String> = emptyList(),
        val progress: String = "",
        val trouble: Trouble? = null,
    ) {
        val text get() = lines.joinToString("\n")
    }

    override fun failed(state: State, trouble: Trouble) = state.copy(trouble = trouble)

    fun load(): Job = work {
        val receipt = phone.receipt(id)
        show { State(receipt.number, receipt.lines, Words.progress(receipt.progress)) }
    }
}
