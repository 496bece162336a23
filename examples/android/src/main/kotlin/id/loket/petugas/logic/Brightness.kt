package id.loket.petugas.logic

/** A photo's brightness, small enough to be judged at once. */
object Brightness {
    private const val LONGER_SIDE = 1000

    data class Grey(val width: Int, val height: Int, val pixels: ByteArray)

    /** Every n-th pixel of a picture of this size, as the eye weighs red, green and blue. */
    fun of(width: Int, height: Int, pixel: (Int, Int) -> Int): Grey {
        val step = maxOf(1, (maxOf(width, height) + LONGER_SIDE - 1) / LONGER_SIDE)
        val (across, down) = width / step to height / step
        val pixels = ByteArray(across * down) { n ->
            val argb = pixel(n % across * step, n / across * step)
            val (red, green, blue) = Triple(argb shr 16 and 255, argb shr 8 and 255, argb and 255)
            ((red * 299 + green * 587 + blue * 114) / 1000).toByte()
        }
        return Grey(across, down, pixels)
    }
}
