import Combine
import Foundation
import Loket

/// What a screen shows and may do. It knows no view.
@MainActor
open class Model: ObservableObject {
    @Published public var trouble: Trouble?

    /// Runs what may be refused; what goes wrong is shown and never thrown.
    public func work(_ block: @escaping @MainActor () async throws -> Void) async {
        do {
            try await block()
        } catch let error as LoketError {
            trouble = Trouble(error)
        } catch is CancellationError {
            // The screen is gone.
        } catch {
            trouble = Trouble(.Defect(sentence: "pekerjaan terhenti karena kesalahan program: ulangi, lalu laporkan"))
        }
    }
}
