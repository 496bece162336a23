import Loket
import PetugasLogic
import SwiftUI

/// Which service: whatever the office's catalogue has today.
struct NewScreen: View {
    @StateObject var model: NewModel
    let begun: (String) -> Void

    var body: some View {
        List {
            if let trouble = model.trouble { Notice(trouble.sentence) }
            ForEach(model.services, id: \.service) { service in
                if service.variants.isEmpty {
                    Button(service.title) { Task { await model.begin(service.service, variant: nil) } }
                } else {
                    Section(service.title) {
                        ForEach(service.variants, id: \.id) { variant in
                            Button(variant.title) { Task { await model.begin(service.service, variant: variant.id) } }
                        }
                    }
                }
            }
        }
        .navigationTitle("Permohonan baru")
        .task { await model.load() }
        .onChange(of: model.created) { if let id = $0 { begun(id) } }
    }
}

/// One file: where it stands, what came back, its official record, and what may be done.
struct ApplicationScreen: View {
    @StateObject var model: ApplicationModel
    let go: (ListScreen.Place) -> Void
    @State private var asked: AvailableAct?

    var body: some View {
        List {
            if let trouble = model.trouble { Notice(trouble.sentence) }
            if let details = model.details {
                head(details)
                Section {
                    if model.editable { BigButton("Isi dan ajukan") { go(.form(model.id)) } }
                    ForEach(details.acts.filter { $0.act != ApplicationModel.submit }, id: \.act) { act in
                        Button(act.label) { asked = act }
                    }
                    Button("Tanda terima") { go(.receipt(model.id)) }
                }
                Section("Catatan resmi") { ForEach(details.record.reversed(), id: \.self, content: line) }
            }
        }
        .navigationTitle("Berkas")
        .task { await model.load() }
        .sheet(item: $asked) { act in ActSheet(model: model, act: act) { asked = nil } }
    }

    private func head(_ details: ApplicationDetails) -> some View {
        Section {
            Text(details.summary.name ?? "Tanpa nama").font(.title2).bold()
            Text(details.summary.title)
            Text("Nomor \(details.summary.number)").foregroundStyle(.secondary)
            Text(details.summary.label).font(.headline)
            Text(Words.progress(details.summary.progress)).foregroundStyle(.teal)
            if let said = model.said { Notice(Words.capitalised(said), wrong: false) }
            ForEach(details.notices, id: \.self) { Notice($0, wrong: false) }
            ForEach(details.held, id: \.self) { Notice("Ditahan Dinas: \($0)") }
            ForEach(details.marks, id: \.id) { Notice("\(model.titles[$0.id] ?? $0.id): \($0.label.lowercased())") }
        }
    }

    private func line(_ line: RecordLine) -> some View {
        VStack(alignment: .leading) {
            Text(line.label).bold()
            Text("\(line.at) · \(line.by)").foregroundStyle(.secondary)
            if line.outcome != "dicatat" { Text(line.outcome).foregroundStyle(.red) }
            if let reason = line.reason { Text(reason) }
        }
    }
}

/// What an act has to be told, drawn as a form's fields are.
private struct ActSheet: View {
    @ObservedObject var model: ApplicationModel
    let act: AvailableAct
    let close: () -> Void
    @State private var told: [String: String] = [:]
    @State private var reason = ""

    var body: some View {
        NavigationStack {
            Form {
                if let problem = model.problem { Notice(problem) }
                ForEach(act.needs, id: \.id) { need in FieldView(field: need) { told[need.id] = $0 } }
                TextField("Keterangan", text: $reason, axis: .vertical)
                BigButton("Lakukan") {
                    Task { if await model.act(act, needs: told, reason: reason) { close() } }
                }
            }
            .navigationTitle(act.label)
            .toolbar { Button("Batal", action: close) }
        }
    }
}

extension AvailableAct: Identifiable {
    public var id: String { act }
}

/// The applicant's receipt: large enough to be copied by hand, and to be sent or printed.
struct ReceiptScreen: View {
    @StateObject var model: ReceiptModel

    var body: some View {
        ScrollView {
            VStack(spacing: 12) {
                if let trouble = model.trouble { Notice(trouble.sentence) }
                if let receipt = model.receipt {
                    Text("Nomor pendaftaran").foregroundStyle(.secondary)
                    Text(receipt.number).font(.system(.title2, design: .monospaced)).textSelection(.enabled)
                    Text(Words.progress(receipt.progress)).foregroundStyle(.teal)
                    VStack(alignment: .leading, spacing: 6) { ForEach(receipt.lines, id: \.self) { Text($0) } }
                        .frame(maxWidth: .infinity, alignment: .leading)
                    ShareLink("Kirim ke pemohon", item: model.text).buttonStyle(.borderedProminent)
                    Button("Cetak", action: print).buttonStyle(.bordered)
                }
            }
            .padding()
        }
        .navigationTitle("Tanda terima")
        .task { await model.load() }
    }

    private func print() {
        let printer = UIPrintInteractionController.shared
        printer.printFormatter = UISimpleTextPrintFormatter(text: model.text)
        printer.present(animated: true)
    }
}
