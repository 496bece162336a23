package id.loket.petugas.platform

import android.graphics.Canvas
import android.graphics.Paint
import android.graphics.Typeface

/** How the receipt lies on a page: its first two lines bold, long ones broken between words. */
object ReceiptPage {
    private const val MARGIN = 36f
    private const val BOLD = 2

    /** Draws it and returns where it ends, in points from the top. */
    fun draw(canvas: Canvas, lines: List<String>, width: Float): Float {
        var at = MARGIN
        lines.forEachIndexed { n, line ->
            val paint = paint(bold = n < BOLD)
            for (piece in broken(line, paint, width - 2 * MARGIN)) {
                at += paint.fontSpacing
                canvas.drawText(piece, MARGIN, at, paint)
            }
        }
        return at
    }

    private fun broken(line: String, paint: Paint, width: Float): List<String> {
        val pieces = mutableListOf("")
        for (word in line.split(' ')) {
            val longer = "${pieces.last()} $word".trim()
            if (paint.measureText(longer) <= width || pieces.last().isEmpty()) pieces[pieces.lastIndex] = longer else pieces += word
        }
        return pieces
    }

    private fun paint(bold: Boolean) = Paint(Paint.ANTI_ALIAS_FLAG).apply {
        textSize = 11f
        typeface = if (bold) Typeface.DEFAULT_BOLD else Typeface.DEFAULT
    }
}
