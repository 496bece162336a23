package id.loket.petugas.platform

import android.graphics.Bitmap
import android.graphics.Color
import com.google.zxing.BarcodeFormat
import com.google.zxing.EncodeHintType
import com.google.zxing.qrcode.QRCodeWriter

/** A text as a QR code, one pixel a module: whoever draws it makes it as large as there is room. */
object QrPicture {
    private const val MARGIN = 3

    fun of(text: String): Bitmap {
        val modules = QRCodeWriter().encode(text, BarcodeFormat.QR_CODE, 0, 0, mapOf(EncodeHintType.MARGIN to MARGIN))
        val picture = Bitmap.createBitmap(modules.width, modules.height, Bitmap.Config.ARGB_8888)
        for (y in 0 until modules.height) for (x in 0 until modules.width) {
            picture.setPixel(x, y, if (modules[x, y]) Color.BLACK else Color.WHITE)
        }
        return picture
    }
}
