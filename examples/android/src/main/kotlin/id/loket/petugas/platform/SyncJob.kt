package id.loket.petugas.platform

import android.app.job.JobInfo
import android.app.job.JobParameters
import android.app.job.JobScheduler
import android.app.job.JobService
import android.content.ComponentName
import android.content.Context
import java.util.concurrent.TimeUnit
import kotlinx.coroutines.CoroutineScope
import kotlinx.coroutines.Job
import kotlinx.coroutines.SupervisorJob
import kotlinx.coroutines.launch
import uniffi.loket.LoketException

/** Syncs now and then while nobody has the app open, whenever there is a network. */
class SyncJob : JobService() {
    private val scope = CoroutineScope(SupervisorJob() + MainDispatcher)
    private var running: Job? = null

    override fun onStartJob(parameters: JobParameters): Boolean {
        running = scope.launch {
            val opened = (application as PetugasApp).phone()
            val again = try {
                (opened as? PetugasApp.Opened.Phone)?.phone?.sync(null)
                false
            } catch (_: LoketException.Later) {
                true
            } catch (_: LoketException) {
                false // The list says it when it is opened next.
            }
            jobFinished(parameters, again)
        }
        return true
    }

    /** The system needs the network elsewhere: what was moved stays moved, and it is tried again. */
    override fun onStopJob(parameters: JobParameters): Boolean {
        running?.cancel()
        return true
    }

    companion object {
        private const val NUMBER = 1
        private val EVERY = TimeUnit.HOURS.toMillis(1)

        fun plan(context: Context) {
            val job = JobInfo.Builder(NUMBER, ComponentName(context, SyncJob::class.java))
                .setRequiredNetworkType(JobInfo.NETWORK_TYPE_ANY).setPeriodic(EVERY).setPersisted(true).build()
            context.getSystemService(JobScheduler::class.java).schedule(job)
        }
    }
}
