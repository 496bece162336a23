package id.loket.petugas.logic

import kotlinx.coroutines.CoroutineScope
import kotlinx.coroutines.Job
import uniffi.loket.ApplicationDetails
import uniffi.loket.ApplicationSummary
import uniffi.loket.LoketPhone

/** All files on the phone: those that came back first, what was searched, and whether everything has arrived. */
class ListModel(scope: CoroutineScope, private val phone: LoketPhone) : Model<ListModel.State>(scope, State()) {
    data class State(
        val search: String = "",
        val returned: List<ApplicationDetails> = emptyList(),
        val rows: List<ApplicationSummary> = emptyList(),
        val more: Boolean = false,
        val tally: String = "",
        val clock: String? = null,
        val trouble: Trouble? = null,
    )

    private var reading: Job? = null

    override fun failed(state: State, trouble: Trouble) = state.copy(trouble = trouble)

    fun search(text: String) {
        show { it.copy(search = text) }
        refresh()
    }

    /** Reads what is shown anew; a reading that is on its way is given up for it. */
    fun refresh() {
        reading?.cancel()
        reading = work {
            val search = state.value.search
            val rows = if (search.isBlank()) phone.applications(null, PAGE) else phone.search(search, PAGE)
            val returned = if (search.isBlank()) phone.toDo() else emptyList()
            val (tally, clock) = phone.tally() to phone.profile().clock
            show {
                it.copy(
                    returned = returned,
                    rows = rows,
                    more = search.isBlank() && rows.size >= PAGE.toInt(),
                    tally = Words.tally(tally),
                    clock = clock,
                    trouble = null,
                )
            }
        }
    }

    fun readMore() = work {
        val last = state.value.rows.lastOrNull() ?: return@work
        val rows = phone.applications(last.id, PAGE)
        show { it.copy(rows = it.rows + rows, more = rows.size >= PAGE.toInt()) }
    }

    private companion object {
        val PAGE = 50u
    }
}
