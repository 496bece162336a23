import Foundation
import Loket

/// Enrolment: the folder becomes a phone, by the text of an invitation.
@MainActor
public final class EnrolModel: Model {
    @Published public private(set) var busy = false
    private let folder: String
    private let keystore: Keystore?
    private let enrolled: (LoketPhone) -> Void

    public init(folder: String, keystore: Keystore?, enrolled: @escaping (LoketPhone) -> Void) {
        (self.folder, self.keystore, self.enrolled) = (folder, keystore, enrolled)
    }

    public func enrol(_ invitation: String) async {
        guard !busy else { return }
        (busy, trouble) = (true, nil)
        await work { [self] in
            let read = try readInvitation(text: invitation.trimmingCharacters(in: .whitespacesAndNewlines))
            enrolled(try await enrolPhone(dir: folder, office: read.office, code: read.code, keystore: keystore))
        }
        busy = false
    }
}

/// All files on the phone: those that came back first, what was searched, and whether everything has arrived.
@MainActor
public final class ListModel: Model {
    @Published public var search = ""
    @Published public private(set) var returned: [ApplicationDetails] = []
    @Published public private(set) var rows: [ApplicationSummary] = []
    @Published public private(set) var more = false
    @Published public private(set) var tally = ""
    @Published public private(set) var clock: String?
    private let phone: LoketPhone
    private let page: UInt32 = 50

    public init(phone: LoketPhone) { self.phone = phone }

    public func refresh() async {
        await work { [self] in
            let wanted = search.trimmingCharacters(in: .whitespaces)
            let all = wanted.isEmpty
            let found = all ? try await phone.applications(after: nil, limit: page) : try await phone.search(text: wanted, limit: page)
            let back = all ? try await phone.toDo() : []
            let counted = Words.tally(try await phone.tally())
            let clock = try await phone.profile().clock
            // Somebody typed on meanwhile: that search shows its own.
            guard wanted == search.trimmingCharacters(in: .whitespaces) else { return }
            (rows, returned, tally, self.clock) = (found, back, counted, clock.map(Words.capitalised))
            more = all && found.count >= Int(page)
            trouble = nil
        }
    }

    public func readMore() async {
        guard let last = rows.last else { return }
        await work { [self] in
            let next = try await phone.applications(after: last.id, limit: page)
            rows += next
            more = next.count >= Int(page)
        }
    }
}

/// A new application: the services that the catalogue has today.
@MainActor
public final class NewModel: Model {
    @Published public private(set) var services: [ServiceSummary] = []
    @Published public private(set) var created: String?
    private let phone: LoketPhone

    public init(phone: LoketPhone) { self.phone = phone }

    public func load() async {
        await work { [self] in services = try await phone.services() }
    }

    /// Begins one: its number holds at once, without a network.
    public func begin(_ service: String, variant: String?) async {
        guard created == nil else { return }
        await work { [self] in
            created = try await phone.create(new: NewApplication(service: service, variant: variant)).id
        }
    }
}

/// One file: where it stands, what came back, and what this officer may do with it.
@MainActor
public final class ApplicationModel: Model {
    /// The act by which an officer submits; it is done from the form, which says what is lacking.
    public static let submit = "ajukan"

    @Published public private(set) var details: ApplicationDetails?
    @Published public private(set) var titles: [String: String] = [:]
    @Published public private(set) var said: String?
    @Published public private(set) var problem: String?
    private let phone: LoketPhone
    public let id: String

    public init(phone: LoketPhone, id: String) { (self.phone, self.id) = (phone, id) }

    public var editable: Bool { details?.acts.contains { $0.act == Self.submit } ?? false }

    public func load() async {
        await work { [self] in
            details = try await phone.application(name: id)
            // Its service's file may not have come yet, or its data are gone: what is known is shown.
            guard let form = try? await phone.form(name: id) else { return }
            let papers = form.requirements.map { ($0.id, $0.title) }
            titles = Dictionary(papers + form.fields.map { ($0.id, $0.label) }) { first, _ in first }
        }
    }

    /// Asks for an act or reports a fact; returns whether it was taken.
    public func act(_ act: AvailableAct, needs: [String: String], reason: String) async -> Bool {
        problem = nil
        var taken = false
        await work { [self] in
            let told = needs.filter { !$0.value.isEmpty }.map { FieldValue(field: $0.key, value: $0.value) }
            do {
                let sent = try await phone.act(name: id, act: act.act, reason: reason.isEmpty ? nil : reason, needs: told)
                said = sent.warning ?? "\(act.label): tercatat di HP, dikirim ke Dinas"
                taken = true
            } catch let LoketError.Input(sentence) {
                problem = Words.capitalised(sentence)
            }
        }
        if taken { await load() }
        return taken
    }
}

/// What the applicant takes home: shown, sent as a message, or printed.
@MainActor
public final class ReceiptModel: Model {
    @Published public private(set) var receipt: ApplicationReceipt?
    private let phone: LoketPhone
    private let id: String

    public init(phone: LoketPhone, id: String) { (self.phone, self.id) = (phone, id) }

    public var text: String { receipt?.lines.joined(separator: "\n") ?? "" }

    public func load() async {
        await work { [self] in receipt = try await phone.receipt(name: id) }
    }
}
