package id.loket.petugas.logic

import kotlinx.coroutines.CoroutineScope
import kotlinx.coroutines.Job
import kotlinx.coroutines.sync.Mutex
import kotlinx.coroutines.sync.withLock
import uniffi.loket.ApplicationForm
import uniffi.loket.Conflict
import uniffi.loket.FieldValue
import uniffi.loket.FormField
import uniffi.loket.Lack
import uniffi.loket.LackKind
import uniffi.loket.LoketException
import uniffi.loket.LoketPhone
import uniffi.loket.MarkedRequirement
import uniffi.loket.PhotoCheck
import uniffi.loket.PhotoVerdict
import uniffi.loket.Warning

/** A form as its service's file has it: fields by their section, papers, what contradicts itself, what is lacking. */
class FormModel(
    scope: CoroutineScope,
    private val phone: LoketPhone,
    private val id: String,
) : Model<FormModel.State>(scope, State()) {
    data class Section(val title: String, val fields: List<FormField>)

    /** What was typed and cannot be saved, and why. */
    data class Problem(val typed: String, val sentence: String)

    /** A photo that may not be legible, and waits for the officer's word. */
    data class Doubtful(val requirement: String, val path: String, val sentence: String)

    data class State(
        val number: String = "",
        val form: ApplicationForm? = null,
        val sections: List<Section> = emptyList(),
        val conflicts: List<Conflict> = emptyList(),
        val warnings: List<Warning> = emptyList(),
        val lacks: List<Lack> = emptyList(),
        val marks: List<MarkedRequirement> = emptyList(),
        val device: String = "",
        /** By field. */
        val problems: Map<String, Problem> = emptyMap(),
        val doubtful: Doubtful? = null,
        val submitted: Boolean = false,
        val trouble: Trouble? = null,
    ) {
        val lackingFields get() = lacks.filter { it.kind == LackKind.FIELD }.map { it.id }.toSet()
        val lackingPapers get() = lacks.filter { it.kind == LackKind.REQUIREMENT }.map { it.id }.toSet()
    }

    /** One at a time: what is typed into two fields is saved in the order in which it was typed. */
    private val turn = Mutex()

    override fun failed(state: State, trouble: Trouble) = state.copy(trouble = trouble)

    fun load(): Job = work { turn.withLock { read() } }

    private suspend fun read() {
        val details = phone.application(id)
        val form = phone.form(id)
        val sections = form.fields.groupBy { it.section }.map { (title, fields) -> Section(title.replaceFirstChar { c -> c.uppercase() }, fields) }
        val (conflicts, warnings, lacks) = Triple(phone.conflicts(id), phone.warnings(id), phone.missing(id))
        val device = phone.profile().device
        show {
            it.copy(
                number = details.summary.number, form = form, sections = sections, conflicts = conflicts,
                warnings = warnings, lacks = lacks, marks = details.marks, device = device, trouble = null,
            )
        }
    }

    /** Saves what was typed into one field, and nothing else. */
    fun typed(field: String, value: String): Job = work {
        turn.withLock {
            val known = state.value.form?.fields?.firstOrNull { it.id == field }?.value.orEmpty()
            if (value.trim() == known && field !in state.value.problems) return@withLock
            try {
                phone.set(id, listOf(FieldValue(field, value)))
                show { it.copy(problems = it.problems - field) }
            } catch (wrong: LoketException.Input) {
                // The label stands beside it already.
                val problem = Problem(value, wrong.sentence.removePrefix("$field: "))
                show { it.copy(problems = it.problems + (field to problem)) }
                return@withLock
            }
            read()
        }
    }

    /** A photo was taken: it is attached if it can be read, and otherwise the officer is asked. */
    fun photographed(requirement: String, path: String, check: PhotoCheck): Job = work {
        if (check.verdict == PhotoVerdict.LEGIBLE) {
            attach(requirement, path)
        } else {
            show { it.copy(doubtful = Doubtful(requirement, path, check.sentence.replaceFirstChar { c -> c.uppercase() })) }
        }
    }

    /** The officer has looked: the photo is taken as it is, or not at all. */
    fun decided(keep: Boolean): Job = work {
        val doubtful = state.value.doubtful ?: return@work
        show { it.copy(doubtful = null) }
        if (keep) attach(doubtful.requirement, doubtful.path)
    }

    private suspend fun attach(requirement: String, path: String) = turn.withLock {
        phone.attach(id, requirement, path)
        read()
    }

    fun choose(field: String, value: String): Job = work {
        turn.withLock {
            phone.choose(id, field, value)
            read()
        }
    }

    fun tick(warning: String): Job = work {
        turn.withLock {
            phone.tick(id, warning)
            read()
        }
    }

    fun submit(): Job = work {
        turn.withLock {
            phone.submit(id)
            show { it.copy(submitted = true, trouble = null) }
        }
    }
}
