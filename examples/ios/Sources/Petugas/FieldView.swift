import Loket
import PetugasLogic
import SwiftUI

/// One field, drawn by its kind alone. What is typed is given away when the officer leaves the field.
struct FieldView: View {
    let field: FormField
    var problem: FormModel.Problem?
    var lacking = false
    let left: (String) -> Void
    @State private var typed: String
    @FocusState private var focused: Bool

    init(field: FormField, problem: FormModel.Problem? = nil, lacking: Bool = false, left: @escaping (String) -> Void) {
        (self.field, self.problem, self.lacking, self.left) = (field, problem, lacking, left)
        let value = field.value ?? ""
        _typed = State(initialValue: problem?.typed ?? (field.kind == .date ? Words.date(value) : value))
    }

    var body: some View {
        VStack(alignment: .leading, spacing: 4) {
            Text(field.label + (field.required ? " *" : "")).bold()
            input
            if let problem {
                Text(problem.sentence).foregroundStyle(.red)
            } else if lacking {
                Text("Belum diisi").foregroundStyle(.secondary)
            }
        }
        .accessibilityElement(children: .combine)
    }

    @ViewBuilder
    private var input: some View {
        if field.many {
            ForEach(options, id: \.id) { option in
                Toggle(option.label, isOn: Binding(
                    get: { chosen.contains(option.id) },
                    set: { on in
                        typed = (on ? chosen + [option.id] : chosen.filter { $0 != option.id }).joined(separator: ",")
                        left(typed)
                    }))
            }
        } else if field.kind == .choice || field.kind == .yesNo {
            Picker(field.label, selection: $typed) {
                Text("—").tag("")
                ForEach(options, id: \.id) { Text($0.label).tag($0.id) }
            }
            .labelsHidden()
            .onChange(of: typed) { left($0) }
        } else {
            TextField(hint, text: $typed, axis: field.kind == .remark ? .vertical : .horizontal)
                .keyboardType(keyboard)
                .focused($focused)
                .onChange(of: focused) { if !$0 { left(typed) } }
                .onDisappear { left(typed) }
        }
    }

    private var chosen: [String] {
        typed.split(separator: ",").map { $0.trimmingCharacters(in: .whitespaces) }
    }

    private var options: [Choice] {
        field.kind == .yesNo ? [Choice(id: "ya", label: "Ya"), Choice(id: "tidak", label: "Tidak")] : field.options
    }

    private var hint: String {
        switch field.kind {
        case .nik, .familyCard: return "16 angka"
        case .date: return "tanggal-bulan-tahun"
        case .region: return "kode wilayah"
        default: return ""
        }
    }

    private var keyboard: UIKeyboardType {
        switch field.kind {
        case .nik, .familyCard, .number: return .numberPad
        case .phone: return .phonePad
        case .date: return .numbersAndPunctuation
        default: return .default
        }
    }
}
