import Foundation
import Loket

/// Being in touch with the office while the app is open. What it says is what the office has confirmed.
@MainActor
public final class SyncModel: Model {
    @Published public private(set) var words = Words.sync(nil)
    private let phone: LoketPhone
    private var handle: SyncHandle?
    private var overMetered = true

    public init(phone: LoketPhone) { self.phone = phone }

    public func run() async {
        guard handle == nil else { return }
        await work { [self] in
            let started = try phone.follow(observer: Told { step in
                Task { @MainActor [weak self] in self?.words = Words.sync(step) }
            })
            handle = started
            started.scansOverMetered(allowed: overMetered)
            defer { handle = nil }
            try await withTaskCancellationHandler {
                _ = try await started.finished()
            } onCancel: {
                started.stop()
            }
        }
        if let trouble { words = trouble.sentence }
    }

    public func stop() { handle?.stop() }

    /// What the platform says of the network; without one nothing is tried, and with one again at once.
    public func network(_ network: Network) {
        handle?.network(network: network)
        if network == .absent { words = "Tidak ada jaringan; pekerjaan tersimpan di HP" }
    }

    public func battery(low: Bool) { handle?.batteryLow(low: low) }

    /// Whether scans may use up what mobile data costs; entries always may.
    public func scansOverMetered(_ allowed: Bool) {
        overMetered = allowed
        handle?.scansOverMetered(allowed: allowed)
    }

    private final class Told: SyncObserver, @unchecked Sendable {
        private let tell: @Sendable (SyncStep) -> Void
        init(_ tell: @escaping @Sendable (SyncStep) -> Void) { self.tell = tell }
        func onStep(step: SyncStep) throws { tell(step) }
    }
}
