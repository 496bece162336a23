import Foundation
import Loket

/// Two phones on one network bring each other what both may have, without the office.
@MainActor
public final class MeetModel: Model {
    /// What the other phone has to read, while this one waits.
    @Published public private(set) var code: String?
    @Published public private(set) var busy = false
    @Published public private(set) var done: String?
    private let phone: LoketPhone
    private let addresses: () -> [String]

    public init(phone: LoketPhone, addresses: @escaping () -> [String]) {
        self.phone = phone
        self.addresses = addresses
    }

    /// Shows a code and waits until the other phone has read it.
    public func wait() async {
        await hold { [self] in
            guard let address = addresses().first else { throw LoketError.Input(sentence: Words.noNetworkToMeet) }
            let waiting = try await phone.waitToMeet(address: address)
            code = waiting.code()
            return try await waiting.meet()
        }
    }

    /// Calls the phone whose code was read.
    public func call(_ read: String) async {
        await hold { [self] in try await phone.meet(code: read.trimmingCharacters(in: .whitespacesAndNewlines)) }
    }

    private func hold(_ meeting: @escaping @MainActor () async throws -> MeetingReport) async {
        guard !busy else { return }
        (busy, done, trouble) = (true, nil, nil)
        await work { [self] in done = Words.met(try await meeting()) }
        (busy, code) = (false, nil)
    }
}
