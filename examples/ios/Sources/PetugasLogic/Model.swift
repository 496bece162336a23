import Foundation
import Loket

#if canImport(Combine)
import Combine
#else
/// Where there is no Combine (Linux), models are built and tested without anybody watching.
public protocol ObservableObject: AnyObject {}

@propertyWrapper
public struct Published<Value> {
    public var wrappedValue: Value
    public init(wrappedValue: Value) { self.wrappedValue = wrappedValue }
}
#endif

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
