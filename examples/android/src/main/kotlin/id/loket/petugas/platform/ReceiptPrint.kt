package id.loket.petugas.platform

import android.graphics.pdf.PdfDocument
import android.os.Bundle
import android.os.CancellationSignal
import android.os.ParcelFileDescriptor
import android.print.PageRange
import android.print.PrintAttributes
import android.print.PrintDocumentAdapter
import android.print.PrintDocumentInfo
import java.io.FileOutputStream
import java.io.IOException

/** The receipt on paper: one page of text, in the size that the printer has. */
class ReceiptPrint(private val lines: List<String>) : PrintDocumentAdapter() {
    private var size = PrintAttributes.MediaSize.ISO_A5

    override fun onLayout(old: PrintAttributes?, new: PrintAttributes, cancel: CancellationSignal?, done: LayoutResultCallback, extras: Bundle?) {
        size = new.mediaSize ?: size
        val info = PrintDocumentInfo.Builder("tanda-terima.pdf").setContentType(PrintDocumentInfo.CONTENT_TYPE_DOCUMENT).setPageCount(1).build()
        done.onLayoutFinished(info, old != new)
    }

    override fun onWrite(pages: Array<PageRange>, to: ParcelFileDescriptor, cancel: CancellationSignal?, done: WriteResultCallback) {
        val document = draw()
        try {
            FileOutputStream(to.fileDescriptor).use { document.writeTo(it) }
            done.onWriteFinished(arrayOf(PageRange.ALL_PAGES))
        } catch (_: IOException) {
            done.onWriteFailed("tanda terima tidak dapat dicetak: ulangi")
        } finally {
            document.close()
        }
    }

    private fun draw(): PdfDocument {
        val (width, height) = size.widthMils * POINTS / 1000 to size.heightMils * POINTS / 1000
        val document = PdfDocument()
        val page = document.startPage(PdfDocument.PageInfo.Builder(width, height, 1).create())
        ReceiptPage.draw(page.canvas, lines, width.toFloat())
        document.finishPage(page)
        return document
    }

    private companion object {
        const val POINTS = 72
    }
}
