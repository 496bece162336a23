package id.loket.petugas.screens

import android.content.Context
import android.text.InputType
import android.view.View
import android.widget.CheckBox
import android.widget.EditText
import android.widget.LinearLayout
import android.widget.RadioButton
import android.widget.RadioGroup
import id.loket.petugas.logic.FormModel
import id.loket.petugas.logic.Words
import uniffi.loket.FieldKind
import uniffi.loket.FormField

/** One field, drawn by its kind alone. What is typed is given away when the officer leaves the field. */
internal class FieldView(
    context: Context,
    val field: FormField,
    problem: FormModel.Problem? = null,
    private val left: (String) -> Unit,
) : LinearLayout(context) {
    private val input: View
    private val stands = problem?.typed ?: field.value.orEmpty().let { if (field.kind == FieldKind.DATE) Words.date(it) else it }
    private var given = stands

    init {
        orientation = VERTICAL
        layoutParams = context.spaced()
        val label = context.text(field.label + if (field.required) " *" else "", 16f, bold = true)
        addView(label)
        input = when {
            field.many -> checks()
            field.kind == FieldKind.CHOICE || field.kind == FieldKind.YES_NO -> radios()
            else -> edit()
        }
        input.contentDescription = field.label
        if (input.id == View.NO_ID) input.id = View.generateViewId()
        label.labelFor = input.id
        addView(input)
    }

    /** What stands in it now. */
    val value: String
        get() = when (input) {
            is EditText -> input.text.toString()
            is RadioGroup -> input.findViewById<View?>(input.checkedRadioButtonId)?.tag as? String ?: ""
            else -> (0 until (input as LinearLayout).childCount).map { input.getChildAt(it) as CheckBox }
                .filter { it.isChecked }.joinToString(",") { it.tag as String }
        }

    /** What was typed and not given away yet: a form that is drawn anew takes it along. */
    val typed: String? get() = value.takeIf { it != given }

    /** Goes on where the view before it stopped: with its text, and the cursor where it stood. */
    fun goOn(from: FieldView) {
        val (here, there) = (input as? EditText ?: return) to (from.input as? EditText ?: return)
        from.typed?.let { here.setText(it) }
        if (there.hasFocus()) {
            here.requestFocus()
            here.setSelection(there.selectionEnd.coerceIn(0, here.length()))
        }
    }

    /** Gives away what was typed, if that has not been done yet. */
    fun give() {
        val now = value
        if (now != given) {
            given = now
            left(now)
        }
    }

    /** What is wrong with it, or that it lacks. */
    fun say(problem: FormModel.Problem?, lacking: Boolean) {
        if (problem != null) addView(context.text(problem.sentence.replaceFirstChar { it.uppercase() }, 15f, Ink.WRONG))
        else if (lacking) addView(context.text("Belum diisi", 15f, Ink.QUIET))
    }

    private fun edit() = EditText(context).apply {
        textSize = 18f
        minHeight = context.dp(48)
        inputType = when (field.kind) {
            FieldKind.NIK, FieldKind.FAMILY_CARD, FieldKind.NUMBER -> InputType.TYPE_CLASS_NUMBER
            FieldKind.PHONE -> InputType.TYPE_CLASS_PHONE
            FieldKind.DATE -> InputType.TYPE_CLASS_DATETIME or InputType.TYPE_DATETIME_VARIATION_DATE
            FieldKind.NAME -> InputType.TYPE_CLASS_TEXT or InputType.TYPE_TEXT_FLAG_CAP_WORDS
            FieldKind.REMARK -> InputType.TYPE_CLASS_TEXT or InputType.TYPE_TEXT_FLAG_MULTI_LINE
            else -> InputType.TYPE_CLASS_TEXT or InputType.TYPE_TEXT_FLAG_CAP_SENTENCES
        }
        hint = when (field.kind) {
            FieldKind.NIK, FieldKind.FAMILY_CARD -> "16 angka"
            FieldKind.DATE -> "tanggal-bulan-tahun"
            FieldKind.REGION -> "kode wilayah"
            else -> null
        }
        setText(stands)
        setOnFocusChangeListener { _, has -> if (!has) give() }
    }

    private fun radios() = RadioGroup(context).apply {
        options().forEach { (id, label) ->
            addView(RadioButton(context).apply {
                this.id = View.generateViewId()
                tag = id
                text = label
                textSize = 17f
                minHeight = context.dp(48)
                isChecked = id == field.value
            })
        }
        setOnCheckedChangeListener { _, _ -> give() }
    }

    private fun checks() = LinearLayout(context).apply {
        orientation = VERTICAL
        val chosen = field.value.orEmpty().split(',').map { it.trim() }
        options().forEach { (id, label) ->
            addView(CheckBox(context).apply {
                tag = id
                text = label
                textSize = 17f
                minHeight = context.dp(48)
                isChecked = id in chosen
                setOnCheckedChangeListener { _, _ -> give() }
            })
        }
    }

    private fun options() =
        if (field.kind == FieldKind.YES_NO) listOf("ya" to "Ya", "tidak" to "Tidak") else field.options.map { it.id to it.label }
}
