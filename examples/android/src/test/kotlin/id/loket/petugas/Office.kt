package id.loket.petugas

import com.google.gson.JsonElement
import com.google.gson.JsonObject
import com.google.gson.JsonParser
import java.io.File
import java.util.concurrent.TimeUnit
import org.junit.Assert.assertEquals
import org.junit.Assert.assertTrue

internal const val VILLAGE = "33.12.08.2002"
/** Where nobody else of these tests works. */
internal const val OWN_VILLAGE = "33.12.08.2001"
internal const val KECAMATAN = "33.12.08"
internal const val SERVICE = "ktp-el-hilang"

/** The office: a process of its own, told what to do as a script does. */
internal object Office {
    val url: String get() = System.getenv("LOKET_URL")

    fun run(vararg args: String): JsonElement {
        val command = listOf(System.getenv("LOKET"), "--dir", System.getenv("LOKET_DIR"), "--json") + args
        val errors = File.createTempFile("loket", ".err")
        val process = ProcessBuilder(command).redirectError(errors).start()
        val text = process.inputStream.bufferedReader().readText()
        assertTrue(process.waitFor(60, TimeUnit.SECONDS))
        assertEquals(errors.readText(), 0, process.exitValue())
        return JsonParser.parseString(text)
    }

    fun show(number: String): JsonObject = run("show", number).asJsonObject

    fun state(number: String): String = show(number).get("state").asString

    fun staff(role: String): String =
        run("staff", "add", "--role", role, "--name", "Petugas $role").asJsonObject.get("id").asString

    /** What the administrator's screen shows as a QR code. */
    fun invitation(role: String, place: String): String {
        val code = run("invite", "--role", role, "--partition", place).asJsonObject.get("code").asString
        return "$url#daftar=$code"
    }

    /** The straight line of a service: acts with the roles that do them. */
    fun line(service: String): List<Pair<String, String>> = run("catalogue", "show", service).asJsonObject
        .getAsJsonArray("steps").map { it.asJsonObject }.map { it.get("act").asString to it.get("role").asString }

    /** Does the next step of the line, if it is a desk's; tells whose it is otherwise. */
    fun step(number: String, staff: Map<String, String>): String? {
        val able = show(number).getAsJsonArray("available").map { it.asJsonObject }
        val (act, role) = line(SERVICE).first { (act, role) ->
            able.any { it.get("act").asString == act && it.get("role").asString == role }
        }
        val person = staff[role] ?: return act
        val needs = able.first { it.get("act").asString == act && it.get("role").asString == role }
            .getAsJsonArray("needs").map { it.asJsonObject }
        val told = needs.flatMap { need ->
            val options = need.getAsJsonArray("options")
            val value = if (options.isEmpty) "007" else options[0].asJsonObject.get("id").asString
            listOf("--set", "${need.get("id").asString}=$value")
        }
        run("act", number, act, "--as", person, *told.toTypedArray())
        return null
    }
}
