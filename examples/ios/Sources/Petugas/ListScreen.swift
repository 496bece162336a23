import Loket
import Network
import PetugasLogic
import SwiftUI

/// All files, whether everything has arrived, and what came back.
struct ListScreen: View {
    let phone: LoketPhone
    @StateObject private var model: ListModel
    @StateObject private var sync: SyncModel
    @State private var path: [Place] = []
    @State private var watch: Watch?
    @AppStorage("lampiran_lewat_kuota") private var overMetered = true

    init(phone: LoketPhone) {
        self.phone = phone
        _model = StateObject(wrappedValue: ListModel(phone: phone))
        _sync = StateObject(wrappedValue: SyncModel(phone: phone))
    }

    enum Place: Hashable { case new, meet, form(String), application(String), receipt(String) }

    var body: some View {
        NavigationStack(path: $path) {
            List {
                Section {
                    Text(model.tally).font(.headline)
                    Text(sync.words).foregroundStyle(.secondary)
                    BigButton("Permohonan baru") { path.append(.new) }
                    if let clock = model.clock { Notice(clock) }
                    if let trouble = model.trouble { Notice(trouble.sentence) }
                }
                if !model.returned.isEmpty {
                    Section("Perlu dikerjakan (\(model.returned.count))") {
                        ForEach(model.returned, id: \.summary.id) { one in row(one.summary, marks: one.marks.count) }
                    }
                }
                Section(model.search.isEmpty ? "Semua berkas" : "Hasil pencarian") {
                    if model.rows.isEmpty {
                        Text(model.search.isEmpty ? "Belum ada berkas di HP ini." : "Tidak ada yang cocok.")
                            .foregroundStyle(.secondary)
                    }
                    ForEach(model.rows, id: \.id) { row($0, marks: 0) }
                    if model.more { Button("Tampilkan lagi") { Task { await model.readMore() } } }
                }
                Section {
                    Button("Bertemu HP lain") { path.append(.meet) }
                    Toggle("Kirim lampiran lewat kuota internet", isOn: $overMetered)
                }
            }
            .navigationTitle("Loket Petugas")
            .searchable(text: $model.search, prompt: "Cari nama atau nomor")
            .task(id: model.search) { await model.refresh() }
            .refreshable { await model.refresh() }
            .navigationDestination(for: Place.self, destination: screen)
        }
        .task { await sync.run() }
        .onAppear { sync.scansOverMetered(overMetered) }
        .onChange(of: overMetered) { sync.scansOverMetered($0) }
        .task { watch = Watch(phone: phone, sync: sync) { Task { await model.refresh() } } }
    }

    private func row(_ one: ApplicationSummary, marks: Int) -> some View {
        NavigationLink(value: Place.application(one.id)) {
            VStack(alignment: .leading, spacing: 4) {
                Text(one.name ?? "Tanpa nama").font(.headline)
                Text(one.title)
                Text("\(one.label) · \(one.number)").foregroundStyle(.secondary)
                if marks > 0 { Text("\(marks) hal harus diperbaiki").foregroundStyle(.red).bold() }
                if one.held > 0 { Text("\(one.held) perubahan ditahan Dinas").foregroundStyle(.red) }
                Text(Words.progress(one.progress)).foregroundStyle(.teal)
            }
        }
    }

    @ViewBuilder
    private func screen(_ place: Place) -> some View {
        switch place {
        case .meet: MeetScreen(model: MeetModel(phone: phone, addresses: OwnNetwork.addresses))
        case .new: NewScreen(model: NewModel(phone: phone)) { path = [.form($0)] }
        case let .form(id): FormScreen(model: FormModel(phone: phone, id: id)) { path = [.receipt(id)] }
        case let .application(id):
            ApplicationScreen(model: ApplicationModel(phone: phone, id: id)) { path.append($0) }
        case let .receipt(id): ReceiptScreen(model: ReceiptModel(phone: phone, id: id))
        }
    }
}

/// Hears of changes on the phone, and passes on what iOS says of network and battery, as long as it is kept.
@MainActor
final class Watch {
    private var subscription: Subscription?
    private let paths = NWPathMonitor()

    init(phone: LoketPhone, sync: SyncModel, changed: @escaping @MainActor () -> Void) {
        subscription = try? phone.observe(observer: Told { Task { @MainActor in changed() } })
        paths.pathUpdateHandler = { path in
            let network: Loket.Network = path.status != .satisfied ? .absent : path.isExpensive ? .metered : .unmetered
            Task { @MainActor in sync.network(network) }
        }
        paths.start(queue: .global(qos: .utility))
        UIDevice.current.isBatteryMonitoringEnabled = true
        let changed = UIDevice.batteryLevelDidChangeNotification
        NotificationCenter.default.addObserver(forName: changed, object: nil, queue: .main) { _ in
            Task { @MainActor in
                let level = UIDevice.current.batteryLevel
                sync.battery(low: level >= 0 && level < 0.15 && UIDevice.current.batteryState == .unplugged)
            }
        }
    }

    deinit {
        subscription?.end()
        paths.cancel()
    }

    private final class Told: ChangeObserver, @unchecked Sendable {
        private let tell: @Sendable () -> Void
        init(_ tell: @escaping @Sendable () -> Void) { self.tell = tell }
        func changed() throws { tell() }
    }
}
