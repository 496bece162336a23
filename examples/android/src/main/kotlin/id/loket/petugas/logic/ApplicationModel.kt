package id.loket.petugas.logic

import kotlinx.coroutines.CoroutineScope
import kotlinx.coroutines.Job
import uniffi.loket.ApplicationDetails
import uniffi.loket.AvailableAct
import uniffi.loket.FieldValue
import uniffi.loket.FormField
import uniffi.loket.LoketException
import uniffi.loket.LoketPhone

/** One file: where it stands, what came back, and what this officer may do with it. */
class ApplicationModel(
    scope: CoroutineScope,
    private val phone: LoketPhone,
    private val id: String,
) : Model<ApplicationModel.State>(scope, State()) {
    data class State(
        val details: ApplicationDetails? = null,
        /** Titles of papers and fields, by id: marks name them so. */
        val titles: Map<String, String> = emptyMap(),
        /** The act whose needs are being filled in. */
        val asked: AvailableAct? = null,
        val problem: String? = null,
        val said: String? = null,
        val trouble: Trouble? = null,
    ) {
        /** Whether it is in the officer's hand: to be filled in and submitted. */
        val editable get() = acts.any { it.act == SUBMIT }
        val acts get() = details?.acts.orEmpty()
    }

    override fun failed(state: State, trouble: Trouble) = state.copy(trouble = trouble)

    fun load(): Job = work { read() }

    private suspend fun read() {
        val details = phone.application(id)
        val form = try {
            phone.form(id)
        } catch (_: LoketException.Input) {
            null // Its service's file has not come yet, or its data are gone: what is known is shown.
        }
        val titles = form?.requirements.orEmpty().associate { it.id to it.title } + form?.fields.orEmpty().associate { it.id to it.label }
        show { it.copy(details = details, titles = titles, trouble = null) }
    }

    /** Begins an act: one that has to be told something asks for it first. */
    fun begin(act: AvailableAct) {
        show { it.copy(asked = act, problem = null, said = null) }
    }

    fun giveUp() = show { it.copy(asked = null, problem = null) }

    fun act(needs: Map<FormField, String>, reason: String?): Job = work {
        val act = state.value.asked ?: return@work
        val told = needs.filterValues { it.isNotBlank() }.map { (field, value) -> FieldValue(field.id, value) }
        try {
            val sent = phone.act(id, act.act, reason?.ifBlank { null }, told)
            show { it.copy(asked = null, problem = null, said = sent.warning ?: "${act.label}: tercatat di HP, dikirim ke Dinas") }
        } catch (wrong: LoketException.Input) {
            show { it.copy(problem = wrong.sentence) }
            return@work
        }
        read()
    }

    companion object {
        /** The act by which an officer submits; it is done from the form, which says what is lacking. */
        const val SUBMIT = "ajukan"
    }
}
