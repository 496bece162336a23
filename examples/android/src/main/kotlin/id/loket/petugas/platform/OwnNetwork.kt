package id.loket.petugas.platform

import java.net.Inet4Address
import java.net.NetworkInterface
import java.net.SocketException

/** Where phones on the same Wi-Fi or hotspot find this one. */
object OwnNetwork {
    fun addresses(): List<String> = try {
        NetworkInterface.getNetworkInterfaces().asSequence().filter { it.isUp && !it.isLoopback }
            .flatMap { it.inetAddresses.asSequence() }
            // Of mobile data there is an address too, which no phone nearby reaches.
            .filter { it is Inet4Address && it.isSiteLocalAddress }
            .mapNotNull { it.hostAddress }.toList()
    } catch (_: SocketException) {
        emptyList()
    }
}
