package id.loket.petugas.platform

import android.content.ContentProvider
import android.content.ContentValues
import android.content.Context
import android.database.Cursor
import android.net.Uri
import android.os.ParcelFileDescriptor
import java.io.File
import java.io.FileNotFoundException

/** Lets the camera app write one photo into this app's own cache, and nothing else. */
class PhotoProvider : ContentProvider() {
    override fun onCreate() = true

    override fun openFile(uri: Uri, mode: String): ParcelFileDescriptor {
        val name = uri.lastPathSegment.orEmpty()
        if (!Regex("[0-9]{1,20}\\.jpg").matches(name)) throw FileNotFoundException()
        return ParcelFileDescriptor.open(file(context!!, name), ParcelFileDescriptor.parseMode(mode))
    }

    override fun getType(uri: Uri) = "image/jpeg"

    override fun query(uri: Uri, a: Array<String>?, b: String?, c: Array<String>?, d: String?): Cursor? = null

    override fun insert(uri: Uri, values: ContentValues?): Uri? = null

    override fun delete(uri: Uri, a: String?, b: Array<String>?) = 0

    override fun update(uri: Uri, values: ContentValues?, a: String?, b: Array<String>?) = 0

    companion object {
        private const val AUTHORITY = "id.loket.petugas.foto"

        fun file(context: Context, name: String) = File(File(context.cacheDir, "foto").apply { mkdirs() }, name)

        fun uri(name: String): Uri = Uri.parse("content://$AUTHORITY/$name")
    }
}
