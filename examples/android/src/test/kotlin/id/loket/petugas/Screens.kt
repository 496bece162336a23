package id.loket.petugas

import android.app.Activity
import android.content.Intent
import android.graphics.Bitmap
import android.graphics.Canvas
import android.os.Looper
import android.view.View
import android.view.ViewGroup
import android.widget.Button
import android.widget.EditText
import android.widget.TextView
import java.io.File
import org.junit.Assert.assertEquals
import org.junit.Assert.assertNotNull
import org.junit.Assert.fail
import org.robolectric.Robolectric
import org.robolectric.Shadows.shadowOf
import org.robolectric.android.controller.ActivityController

/** Waits for the library's threads and the screen's own, as a person waits. */
internal fun await(what: String, ready: () -> Boolean) {
    val until = System.nanoTime() + 30_000_000_000
    while (System.nanoTime() < until) {
        shadowOf(Looper.getMainLooper()).idle()
        if (ready()) return
        Thread.sleep(10)
    }
    fail("never: $what")
}

/** A screen as a person sees and touches it. */
internal class Screen<A : Activity>(val controller: ActivityController<A>) {
    val activity: A get() = controller.get()
    private val root: View get() = activity.window.decorView

    fun all(): List<View> = views(root)

    /** Everything that can be read on it. */
    fun words(): String = all().filterIsInstance<TextView>().joinToString("\n") { it.text }

    fun shows(words: String) = await("\"$words\" on ${activity.javaClass.simpleName}, which shows:\n${words()}") { words in words() }

    fun fields(): List<EditText> = all().filterIsInstance<EditText>()

    /** Touches what bears these words: a button, or the box around a text. */
    fun touch(words: String) {
        shows(words)
        val found = all().filterIsInstance<TextView>().firstOrNull { it is Button && it.text.toString() == words }
            ?: all().filterIsInstance<TextView>().first { words in it.text }
        var view: View = found
        while (!view.hasOnClickListeners()) view = view.parent as View
        assertEquals("$words can be touched", true, view.isEnabled && view.performClick())
    }

    /** The screen that was opened from here. */
    inline fun <reified B : Activity> next(): Screen<B> {
        var intent: Intent? = null
        await("${B::class.java.simpleName} is opened") {
            // Others are there too: of the camera, which nobody here looks at.
            intent = shadowOf(activity).nextStartedActivity
            intent?.component?.className == B::class.java.name
        }
        return opened(B::class.java, intent)
    }

    fun leave() {
        controller.pause().stop().destroy()
    }

    /** Keeps a picture where LOKET_SHOTS says. */
    fun picture(name: String) {
        val folder = System.getenv("LOKET_SHOTS") ?: return
        shadowOf(Looper.getMainLooper()).idle()
        val bitmap = Bitmap.createBitmap(root.width, root.height, Bitmap.Config.ARGB_8888)
        root.draw(Canvas(bitmap))
        File(folder).mkdirs()
        File(folder, "android-$name.png").outputStream().use { bitmap.compress(Bitmap.CompressFormat.PNG, 100, it) }
    }

    /** What a screen has to be for large fingers and for who hears it read. */
    fun isFitToUse() {
        val density = activity.resources.displayMetrics.density
        for (view in all().filter { it.hasOnClickListeners() && it.visibility == View.VISIBLE && it.height > 0 }) {
            assertEquals("${(view as? TextView)?.text} is high enough", true, view.height >= (48 * density).toInt())
        }
        for (input in fields()) assertNotNull("an input has a name", input.contentDescription ?: input.hint)
    }
}

internal fun <A : Activity> opened(kind: Class<A>, intent: Intent? = null): Screen<A> =
    Screen(Robolectric.buildActivity(kind, intent).setup())

private fun views(view: View): List<View> =
    listOf(view) + if (view is ViewGroup) (0 until view.childCount).flatMap { views(view.getChildAt(it)) } else emptyList()
