package id.loket.petugas.logic

import kotlinx.coroutines.CoroutineScope
import kotlinx.coroutines.Job
import uniffi.loket.LoketPhone
import uniffi.loket.NewApplication
import uniffi.loket.ServiceSummary

/** A new application: the services that the catalogue has today. */
class NewModel(scope: CoroutineScope, private val phone: LoketPhone) : Model<NewModel.State>(scope, State()) {
    data class State(
        val services: List<ServiceSummary> = emptyList(),
        val loaded: Boolean = false,
        val created: String? = null,
        val trouble: Trouble? = null,
    )

    override fun failed(state: State, trouble: Trouble) = state.copy(trouble = trouble)

    fun load(): Job = work {
        val services = phone.services()
        show { it.copy(services = services, loaded = true) }
    }

    /** Begins one: its number holds at once, without a network. */
    fun begin(service: String, variant: String?): Job = work {
        if (state.value.created != null) return@work
        val new = phone.create(NewApplication(service = service, variant = variant))
        show { it.copy(created = new.id) }
    }
}
