import Loket
import PetugasLogic
import SwiftUI

/// The form of an application, as its service's file has it.
struct FormScreen: View {
    @StateObject var model: FormModel
    let submitted: () -> Void
    @State private var photographing: FormRequirement?

    var body: some View {
        Form {
            if let form = model.form {
                head(form)
                ForEach(model.conflicts, id: \.field, content: conflict)
                ForEach(model.sections) { section in
                    Section(section.title) {
                        ForEach(section.fields.filter { !$0.conflict }, id: \.id) { field in
                            FieldView(field: field, problem: model.problems[field.id], lacking: model.isLacking(field.id)) { value in
                                Task { await model.typed(field.id, value) }
                            }
                        }
                    }
                }
                Section("Berkas persyaratan") { ForEach(form.requirements, id: \.id, content: paper) }
                warnings
                foot
            } else if let trouble = model.trouble {
                Notice(trouble.sentence)
                BigButton("Coba lagi") { Task { await model.load() } }
            }
        }
        .navigationTitle("Isi permohonan")
        .task { await model.load() }
        .onChange(of: model.submitted) { if $0 { submitted() } }
        .sheet(item: $photographing) { paper in
            Camera { photo in
                photographing = nil
                guard let photo else { return }
                Task { await model.photographed(paper.id, path: photo.path, check: photo.check) }
            }
        }
    }

    @ViewBuilder
    private func head(_ form: ApplicationForm) -> some View {
        Section {
            Text(form.title).font(.title3).bold()
            Text("Nomor \(model.number)").foregroundStyle(.secondary)
            if let trouble = model.trouble { Notice(trouble.sentence) }
            ForEach(model.marks, id: \.id) { Notice("\(model.label($0.id)): \($0.label.lowercased())") }
        }
    }

    /// Both values, who wrote each and when; a touch chooses one. Nobody's is lost.
    private func conflict(_ conflict: Conflict) -> some View {
        Section("Dua isian berbeda: \(model.label(conflict.field))") {
            Text("Pilih yang benar. Tanpa pilihan, permohonan belum dapat diajukan.").foregroundStyle(.secondary)
            ForEach(conflict.values, id: \.self) { value in
                Button {
                    Task { await model.choose(conflict.field, value.value) }
                } label: {
                    VStack(alignment: .leading) {
                        Text(value.value).bold()
                        Text("\(Words.author(value.author, own: model.device)) · \(value.time)").font(.footnote)
                    }
                }
            }
        }
    }

    @ViewBuilder
    private func paper(_ paper: FormRequirement) -> some View {
        VStack(alignment: .leading, spacing: 6) {
            Text(paper.title + (paper.required ? " *" : "")).bold()
            if paper.surrender { Text("Aslinya diserahkan ke Dinas").foregroundStyle(.secondary) }
            Text(paper.scans.isEmpty ? "Belum difoto" : "\(paper.scans.count) foto")
                .foregroundStyle(model.isLacking(paper.id) ? .red : .secondary)
            if let doubtful = model.doubtful, doubtful.requirement == paper.id {
                Notice(doubtful.sentence)
                Button("Pakai foto ini juga") { Task { await model.decided(keep: true) } }.buttonStyle(.bordered)
            }
            Button(paper.scans.isEmpty ? "Foto" : "Foto lagi") {
                Task { await model.decided(keep: false) }
                photographing = paper
            }
            .buttonStyle(.borderedProminent)
        }
    }

    @ViewBuilder
    private var warnings: some View {
        if !model.warnings.isEmpty {
            Section("Periksa dahulu") {
                ForEach(model.warnings, id: \.id) { warning in
                    VStack(alignment: .leading) {
                        Text(Words.capitalised(warning.sentence))
                        if warning.ticked {
                            Text("✓ sudah diperiksa").foregroundStyle(.teal)
                        } else {
                            Button("Sudah saya periksa") { Task { await model.tick(warning.id) } }.buttonStyle(.bordered)
                        }
                    }
                }
            }
        }
    }

    private var foot: some View {
        Section(model.lacks.isEmpty ? "Lengkap: siap diajukan" : "Masih \(model.lacks.count) hal yang kurang") {
            ForEach(model.lacks, id: \.self) { Text("• \(Words.capitalised($0.sentence))") }
            BigButton("Ajukan ke Dinas") { Task { await model.submit() } }.disabled(!model.lacks.isEmpty)
        }
    }
}

extension FormRequirement: Identifiable {}
