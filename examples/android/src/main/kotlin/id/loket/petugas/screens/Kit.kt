package id.loket.petugas.screens

import android.content.Context
import android.graphics.Typeface
import android.graphics.drawable.GradientDrawable
import android.view.View
import android.view.ViewGroup.LayoutParams.MATCH_PARENT
import android.view.ViewGroup.LayoutParams.WRAP_CONTENT
import android.widget.Button
import android.widget.LinearLayout
import android.widget.ScrollView
import android.widget.TextView

/** Colours that stand out on white by at least 4.5 to 1. */
internal object Ink {
    const val TEXT = 0xFF1B1B1B.toInt()
    const val QUIET = 0xFF4F5B57.toInt()
    const val MAIN = 0xFF00574B.toInt()
    const val WRONG = 0xFFB3261E.toInt()
    const val CARD = 0xFFF1F5F4.toInt()
    const val WARN = 0xFFFFF4D6.toInt()
}

internal fun Context.dp(n: Int) = (n * resources.displayMetrics.density).toInt()

/** A column that scrolls; returns it and what scrolls it. */
internal fun Context.page(): Pair<ScrollView, LinearLayout> {
    val column = column().apply { setPadding(dp(16), dp(12), dp(16), dp(32)) }
    return ScrollView(this).apply { isFillViewport = true; addView(column) } to column
}

internal fun Context.column() = LinearLayout(this).apply {
    orientation = LinearLayout.VERTICAL
    layoutParams = LinearLayout.LayoutParams(MATCH_PARENT, WRAP_CONTENT)
}

/** Sizes are in sp everywhere, so that the phone's own setting for large type holds. */
internal fun Context.text(words: CharSequence, size: Float = 16f, color: Int = Ink.TEXT, bold: Boolean = false) = TextView(this).apply {
    text = words
    textSize = size
    setTextColor(color)
    if (bold) setTypeface(typeface, Typeface.BOLD)
    setPadding(0, dp(2), 0, dp(2))
}

internal fun Context.heading(words: CharSequence) = text(words, 20f, Ink.MAIN, bold = true).apply {
    setPadding(0, dp(14), 0, dp(4))
    isAccessibilityHeading(this)
}

private fun isAccessibilityHeading(view: View) {
    if (android.os.Build.VERSION.SDK_INT >= android.os.Build.VERSION_CODES.P) view.isAccessibilityHeading = true
}

/** What is wrong, or what to look at: in a box of its own, and read out by who cannot see it. */
internal fun Context.notice(words: CharSequence, wrong: Boolean = true) = text(words, 16f, if (wrong) Ink.WRONG else Ink.TEXT).apply {
    background = rounded(if (wrong) 0xFFFDECEA.toInt() else Ink.WARN)
    setPadding(dp(12), dp(8), dp(12), dp(8))
    accessibilityLiveRegion = View.ACCESSIBILITY_LIVE_REGION_POLITE
    layoutParams = spaced()
}

/** At least 48 dp high: a thumb in the rain hits it. */
internal fun Context.button(words: CharSequence, main: Boolean = false, act: () -> Unit) = Button(this).apply {
    text = words
    textSize = 17f
    isAllCaps = false
    minHeight = dp(52)
    stateListAnimator = null
    background = if (main) rounded(Ink.MAIN) else rounded(0xFFFFFFFF.toInt(), border = Ink.MAIN)
    setTextColor(if (main) 0xFFFFFFFF.toInt() else Ink.MAIN)
    layoutParams = spaced()
    setOnClickListener { act() }
}

/** A box that belongs together; where something happens on a touch, all of it is the target. */
internal fun Context.card(touched: (() -> Unit)? = null, fill: LinearLayout.() -> Unit) = column().apply {
    background = rounded(Ink.CARD)
    setPadding(dp(14), dp(10), dp(14), dp(10))
    layoutParams = spaced()
    minimumHeight = dp(52)
    if (touched != null) {
        isFocusable = true
        setOnClickListener { touched() }
    }
    fill()
}

internal fun Context.spaced() = LinearLayout.LayoutParams(MATCH_PARENT, WRAP_CONTENT).apply { topMargin = dp(8) }

private fun Context.rounded(fill: Int, border: Int? = null) = GradientDrawable().apply {
    setColor(fill)
    cornerRadius = dp(8).toFloat()
    if (border != null) setStroke(dp(2), border)
}
