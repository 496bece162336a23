package id.loket.petugas.platform

import android.content.Context
import android.content.pm.PackageManager
import android.os.Build
import android.security.keystore.KeyGenParameterSpec
import android.security.keystore.KeyProperties
import java.io.File
import java.math.BigInteger
import java.security.KeyPairGenerator
import java.security.KeyStore
import java.security.SecureRandom
import java.security.Signature
import java.security.interfaces.ECPublicKey
import java.security.spec.ECGenParameterSpec
import javax.crypto.Cipher
import javax.crypto.KeyGenerator
import javax.crypto.SecretKey
import javax.crypto.spec.GCMParameterSpec
import uniffi.loket.Keystore

/**
 * The phone's keys in Android's Keystore. The key that signs never leaves it. The store's key has to be handed over, so
 * it lies in a file that a key of the Keystore seals: without this phone the file opens nothing.
 */
class AndroidKeystore(private val context: Context) : Keystore {
    private val store = KeyStore.getInstance(NAME).apply { load(null) }
    private val sealed get() = File(context.noBackupFilesDir, "kunci-penyimpanan")

    override fun publicKey(): ByteArray {
        if (!store.containsAlias(DEVICE)) makeDevice()
        val point = (store.getCertificate(DEVICE).publicKey as ECPublicKey).w
        return byteArrayOf(4) + bytes(point.affineX) + bytes(point.affineY)
    }

    override fun sign(message: ByteArray): ByteArray = Signature.getInstance("SHA256withECDSA").run {
        initSign((store.getEntry(DEVICE, null) as KeyStore.PrivateKeyEntry).privateKey)
        update(message)
        sign()
    }

    override fun storeKey(): ByteArray {
        if (!sealed.exists()) seal(ByteArray(KEY).also { SecureRandom().nextBytes(it) })
        val bytes = sealed.readBytes()
        return Cipher.getInstance(SEAL).run {
            init(Cipher.DECRYPT_MODE, sealingKey(), GCMParameterSpec(128, bytes, 0, NONCE))
            doFinal(bytes, NONCE, bytes.size - NONCE)
        }
    }

    override fun destroyKeys() {
        store.deleteEntry(STORE)
        store.deleteEntry(DEVICE)
        sealed.delete()
    }

    private fun seal(key: ByteArray) {
        val bytes = Cipher.getInstance(SEAL).run {
            init(Cipher.ENCRYPT_MODE, sealingKey())
            iv + doFinal(key)
        }
        // Durable under another name first: a cut leaves no half key behind.
        val new = File(sealed.path + ".baru")
        new.outputStream().use {
            it.write(bytes)
            it.fd.sync()
        }
        check(new.renameTo(sealed)) { "the key cannot be kept" }
    }

    private fun sealingKey(): SecretKey {
        (store.getKey(STORE, null) as? SecretKey)?.let { return it }
        val spec = KeyGenParameterSpec.Builder(STORE, KeyProperties.PURPOSE_ENCRYPT or KeyProperties.PURPOSE_DECRYPT)
            .setKeySize(256).setBlockModes(KeyProperties.BLOCK_MODE_GCM)
            .setEncryptionPaddings(KeyProperties.ENCRYPTION_PADDING_NONE).build()
        return KeyGenerator.getInstance(KeyProperties.KEY_ALGORITHM_AES, NAME).apply { init(spec) }.generateKey()
    }

    private fun makeDevice() {
        val spec = KeyGenParameterSpec.Builder(DEVICE, KeyProperties.PURPOSE_SIGN)
            .setAlgorithmParameterSpec(ECGenParameterSpec("secp256r1")).setDigests(KeyProperties.DIGEST_SHA256)
        val apart = Build.VERSION.SDK_INT >= Build.VERSION_CODES.P &&
            context.packageManager.hasSystemFeature(PackageManager.FEATURE_STRONGBOX_KEYSTORE)
        if (apart) spec.setIsStrongBoxBacked(true)
        KeyPairGenerator.getInstance(KeyProperties.KEY_ALGORITHM_EC, NAME).apply { initialize(spec.build()) }.generateKeyPair()
    }

    private fun bytes(n: BigInteger) = ByteArray(KEY).also { out ->
        val given = n.toByteArray().takeLast(KEY).toByteArray()
        given.copyInto(out, KEY - given.size)
    }

    private companion object {
        const val NAME = "AndroidKeyStore"
        const val DEVICE = "perangkat"
        const val STORE = "penyimpanan"
        const val SEAL = "AES/GCM/NoPadding"
        const val KEY = 32
        const val NONCE = 12
    }
}
