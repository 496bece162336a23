package id.loket.petugas

import java.math.BigInteger
import java.security.KeyPairGenerator
import java.security.SecureRandom
import java.security.Signature
import java.security.interfaces.ECPublicKey
import java.security.spec.ECGenParameterSpec
import id.loket.petugas.platform.PetugasApp
import uniffi.loket.Keystore

/** Keys as Android's Keystore keeps them, which the JVM does not have. */
internal class SoftKeystore : Keystore {
    private val pair = KeyPairGenerator.getInstance("EC").apply { initialize(ECGenParameterSpec("secp256r1")) }.generateKeyPair()
    private val random = ByteArray(32).also { SecureRandom().nextBytes(it) }

    override fun publicKey(): ByteArray {
        val point = (pair.public as ECPublicKey).w
        return byteArrayOf(4) + bytes(point.affineX) + bytes(point.affineY)
    }

    private fun bytes(n: BigInteger) = ByteArray(32).also { out ->
        val given = n.toByteArray().takeLast(32).toByteArray()
        given.copyInto(out, 32 - given.size)
    }

    override fun sign(message: ByteArray): ByteArray = Signature.getInstance("SHA256withECDSA").run {
        initSign(pair.private)
        update(message)
        sign()
    }

    override fun storeKey(): ByteArray = random

    override fun destroyKeys() = random.fill(0)
}

/** The app with keys that the JVM has. Everything else is what is installed. */
internal class TestApp : PetugasApp() {
    private val keys = SoftKeystore()

    override val showsInRecents = true

    override fun keystore(): Keystore = keys

    override fun addresses() = listOf("127.0.0.1")
}
