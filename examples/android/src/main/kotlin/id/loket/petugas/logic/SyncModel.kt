package id.loket.petugas.logic

import kotlinx.coroutines.CoroutineScope
import uniffi.loket.LoketPhone
import uniffi.loket.Network
import uniffi.loket.SyncHandle
import uniffi.loket.SyncObserver
import uniffi.loket.SyncStep

/** Being in touch with the office while the app is open. What it says is what the office has confirmed. */
class SyncModel(scope: CoroutineScope, private val phone: LoketPhone) : Model<SyncModel.State>(scope, State()) {
    data class State(val words: String = Words.sync(null), val trouble: Trouble? = null)

    private var handle: SyncHandle? = null
    private var network = Network.UNMETERED
    private var batteryLow = false
    private var scansOverMetered = true

    override fun failed(state: State, trouble: Trouble) =
        state.copy(words = trouble.sentence, trouble = trouble)

    fun start() {
        if (handle != null) return
        show { State() }
        work {
            val observer = object : SyncObserver {
                override fun onStep(step: SyncStep) = show { it.copy(words = Words.sync(step)) }
            }
            val started = phone.follow(observer)
            handle = started
            hint()
            try {
                started.finished()
            } finally {
                handle = null
            }
        }
    }

    fun stop() {
        handle?.stop()
    }

    /** What the platform says of the network; without one nothing is tried, and with one again at once. */
    fun network(network: Network) {
        this.network = network
        hint()
        if (network == Network.ABSENT) show { it.copy(words = "Tidak ada jaringan; pekerjaan tersimpan di HP") }
    }

    fun battery(low: Boolean) {
        batteryLow = low
        hint()
    }

    fun scansOverMetered(allowed: Boolean) {
        scansOverMetered = allowed
        hint()
    }

    private fun hint() = handle?.run {
        network(network)
        batteryLow(batteryLow)
        scansOverMetered(scansOverMetered)
    }
}
