package id.loket.petugas.platform

import android.app.Activity
import android.content.ActivityNotFoundException
import android.content.Intent
import android.graphics.Bitmap
import android.graphics.BitmapFactory
import android.graphics.Matrix
import android.media.ExifInterface
import android.os.Bundle
import android.provider.MediaStore
import android.widget.Toast
import id.loket.petugas.logic.Brightness
import java.io.File
import java.io.IOException
import kotlinx.coroutines.Dispatchers
import kotlinx.coroutines.withContext
import uniffi.loket.PhotoCheck
import uniffi.loket.checkPhoto

/** Photos of papers: taken by the phone's own camera app, made as small as can be read, and looked at. */
class Camera(private val activity: Activity) {
    /** A photo that is being taken. It outlives the screen, which the camera may push out of memory. */
    class Shot(val requirement: String, private val path: String) {
        val file get() = File(path)

        fun write(out: Bundle) {
            out.putString("foto.syarat", requirement)
            out.putString("foto.berkas", path)
        }

        fun discard() {
            file.delete()
        }

        companion object {
            fun read(saved: Bundle): Shot? =
                Shot(saved.getString("foto.syarat") ?: return null, saved.getString("foto.berkas") ?: return null)
        }
    }

    /** A photo as it is attached, and whether it can be read. */
    class Photo(val path: String, val check: PhotoCheck)

    fun take(requirement: String): Shot? {
        val name = "${System.nanoTime()}.jpg"
        val shot = Shot(requirement, PhotoProvider.file(activity, name).path)
        val intent = Intent(MediaStore.ACTION_IMAGE_CAPTURE)
            .putExtra(MediaStore.EXTRA_OUTPUT, PhotoProvider.uri(name))
            .addFlags(Intent.FLAG_GRANT_WRITE_URI_PERMISSION)
        return try {
            activity.startActivityForResult(intent, REQUEST)
            shot
        } catch (_: ActivityNotFoundException) {
            Toast.makeText(activity, "HP ini tidak punya aplikasi kamera", Toast.LENGTH_LONG).show()
            null
        }
    }

    /** Turns it upright, scales it to A4 at 200 dots per inch, and looks whether it can be read. */
    suspend fun develop(shot: Shot): Photo? = withContext(Dispatchers.IO) {
        try {
            val upright = upright(shot.file) ?: return@withContext null
            val small = File(shot.file.path.removeSuffix(".jpg") + "-kecil.jpg")
            small.outputStream().use { upright.compress(Bitmap.CompressFormat.JPEG, QUALITY, it) }
            val (width, height, pixels) = Brightness.of(upright.width, upright.height) { x, y -> upright.getPixel(x, y) }
            Photo(small.path, checkPhoto(width.toUInt(), height.toUInt(), pixels))
        } catch (_: IOException) {
            null
        } finally {
            shot.discard()
        }
    }

    private fun upright(file: File): Bitmap? {
        val size = BitmapFactory.Options().apply { inJustDecodeBounds = true }
        BitmapFactory.decodeFile(file.path, size)
        if (size.outWidth <= 0 || size.outHeight <= 0) return null
        val longer = maxOf(size.outWidth, size.outHeight)
        // Coarsely while reading, so that a large photo never fills a small phone's memory; finely after.
        val read = BitmapFactory.decodeFile(file.path, BitmapFactory.Options().apply { inSampleSize = maxOf(1, longer / LONGER_SIDE) }) ?: return null
        val turn = when (ExifInterface(file.path).getAttributeInt(ExifInterface.TAG_ORIENTATION, 0)) {
            ExifInterface.ORIENTATION_ROTATE_90 -> 90f
            ExifInterface.ORIENTATION_ROTATE_180 -> 180f
            ExifInterface.ORIENTATION_ROTATE_270 -> 270f
            else -> 0f
        }
        val scale = minOf(1f, LONGER_SIDE.toFloat() / maxOf(read.width, read.height))
        val matrix = Matrix().apply { postScale(scale, scale); postRotate(turn) }
        return Bitmap.createBitmap(read, 0, 0, read.width, read.height, matrix, true)
    }

    companion object {
        const val REQUEST = 7
        private const val LONGER_SIDE = 2339
        private const val QUALITY = 75
    }
}
