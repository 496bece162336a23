package id.loket.petugas.platform

import android.content.BroadcastReceiver
import android.content.Context
import android.content.Intent
import android.content.IntentFilter
import android.net.ConnectivityManager
import android.net.NetworkCapabilities
import id.loket.petugas.logic.SyncModel
import uniffi.loket.Network

/** What Android says of network and battery, passed on while a screen syncs. */
class Hints(private val context: Context, private val sync: SyncModel) {
    private val networks = context.getSystemService(ConnectivityManager::class.java)

    private val network = object : ConnectivityManager.NetworkCallback() {
        override fun onCapabilitiesChanged(network: android.net.Network, of: NetworkCapabilities) {
            val free = of.hasCapability(NetworkCapabilities.NET_CAPABILITY_NOT_METERED)
            sync.network(if (free) Network.UNMETERED else Network.METERED)
        }

        override fun onLost(network: android.net.Network) = sync.network(Network.ABSENT)
    }

    private val battery = object : BroadcastReceiver() {
        override fun onReceive(context: Context, intent: Intent) = sync.battery(intent.action == Intent.ACTION_BATTERY_LOW)
    }

    fun begin() {
        networks.registerDefaultNetworkCallback(network)
        val told = IntentFilter(Intent.ACTION_BATTERY_LOW).apply { addAction(Intent.ACTION_BATTERY_OKAY) }
        context.registerReceiver(battery, told)
    }

    fun end() {
        networks.unregisterNetworkCallback(network)
        context.unregisterReceiver(battery)
    }
}
