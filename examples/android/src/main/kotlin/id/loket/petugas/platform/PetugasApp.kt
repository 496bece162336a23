package id.loket.petugas.platform

import android.app.Application
import id.loket.petugas.logic.Trouble
import java.io.File
import kotlinx.coroutines.sync.Mutex
import kotlinx.coroutines.sync.withLock
import uniffi.loket.Keystore
import uniffi.loket.LoketException
import uniffi.loket.LoketPhone
import uniffi.loket.openPhone

/** The app: the phone's folder is opened once, whoever asks first. */
open class PetugasApp : Application() {
    sealed interface Opened {
        class Phone(val phone: LoketPhone) : Opened
        class Refused(val trouble: Trouble) : Opened
    }

    private val turn = Mutex()
    private var open: LoketPhone? = null

    val folder: String get() = File(filesDir, "loket").path

    /** Whether others may see it in the list of recent apps. */
    open val showsInRecents = false

    /** Where phones nearby find this one. */
    open fun addresses(): List<String> = OwnNetwork.addresses()

    /** Whether scans may use up what mobile data costs; entries always may. */
    var scansOverMetered: Boolean
        get() = settings.getBoolean(METERED, true)
        set(allowed) = settings.edit().putBoolean(METERED, allowed).apply()

    private val settings get() = getSharedPreferences("pengaturan", MODE_PRIVATE)

    open fun keystore(): Keystore = AndroidKeystore(this)

    override fun onCreate() {
        super.onCreate()
        SyncJob.plan(this)
    }

    suspend fun phone(): Opened = turn.withLock {
        open?.let { return Opened.Phone(it) }
        try {
            Opened.Phone(openPhone(folder, keystore()).also { open = it })
        } catch (error: LoketException) {
            Opened.Refused(Trouble.of(error))
        }
    }

    fun enrolled(phone: LoketPhone) {
        open = phone
    }

    private companion object {
        const val METERED = "lampiran_lewat_kuota"
    }
}
