import Foundation
import Loket

/// A form as its service's file has it: fields by their section, papers, what contradicts itself, what is lacking.
@MainActor
public final class FormModel: Model {
    public struct Section: Identifiable {
        public let title: String
        public let fields: [FormField]
        public var id: String { title }
    }

    /// What was typed and cannot be saved, and why.
    public struct Problem: Equatable {
        public let typed: String
        public let sentence: String
    }

    /// A photo that may not be legible, and waits for the officer's word.
    public struct Doubtful: Equatable {
        public let requirement: String
        public let path: String
        public let sentence: String
    }

    @Published public private(set) var number = ""
    @Published public private(set) var form: ApplicationForm?
    @Published public private(set) var sections: [Section] = []
    @Published public private(set) var conflicts: [Conflict] = []
    @Published public private(set) var warnings: [Warning] = []
    @Published public private(set) var lacks: [Lack] = []
    @Published public private(set) var marks: [MarkedRequirement] = []
    @Published public private(set) var problems: [String: Problem] = [:]
    @Published public private(set) var doubtful: Doubtful?
    @Published public private(set) var submitted = false
    public private(set) var device = ""
    private let phone: LoketPhone
    public let id: String
    /// What is written goes one behind the other, in the order in which it was typed.
    private var last: Task<Void, Never>?

    public init(phone: LoketPhone, id: String) { (self.phone, self.id) = (phone, id) }

    public func isLacking(_ id: String) -> Bool { lacks.contains { $0.id == id } }

    public func label(_ id: String) -> String {
        form?.requirements.first { $0.id == id }?.title ?? form?.fields.first { $0.id == id }?.label ?? id
    }

    public func load() async {
        await inTurn { [self] in try await read() }
    }

    private func read() async throws {
        let details = try await phone.application(name: id)
        let form = try await phone.form(name: id)
        var order: [String] = []
        for field in form.fields where !order.contains(field.section) { order.append(field.section) }
        sections = order.map { title in
            Section(title: Words.capitalised(title), fields: form.fields.filter { $0.section == title })
        }
        conflicts = try await phone.conflicts(name: id)
        warnings = try await phone.warnings(name: id)
        lacks = try await phone.missing(name: id)
        device = try await phone.profile().device
        (number, marks, self.form, trouble) = (details.summary.number, details.marks, form, nil)
    }

    /// Saves what was typed into one field, and nothing else.
    public func typed(_ field: String, _ value: String) async {
        await inTurn { [self] in
            let known = form?.fields.first { $0.id == field }?.value ?? ""
            guard value.trimmingCharacters(in: .whitespaces) != known || problems[field] != nil else { return }
            do {
                try await phone.set(name: id, fields: [FieldValue(field: field, value: value)])
                problems[field] = nil
            } catch let LoketError.Input(sentence) {
                // The label stands beside it already.
                let plain = sentence.hasPrefix("\(field): ") ? String(sentence.dropFirst(field.count + 2)) : sentence
                problems[field] = Problem(typed: value, sentence: Words.capitalised(plain))
                return
            }
            try await read()
        }
    }

    /// A photo was taken: it is attached if it can be read, and otherwise the officer is asked.
    public func photographed(_ requirement: String, path: String, check: PhotoCheck) async {
        if check.verdict == .legible {
            await attach(requirement, path)
        } else {
            doubtful = Doubtful(requirement: requirement, path: path, sentence: Words.capitalised(check.sentence))
        }
    }

    /// The officer has looked: the photo is taken as it is, or not at all.
    public func decided(keep: Bool) async {
        guard let waiting = doubtful else { return }
        doubtful = nil
        if keep { await attach(waiting.requirement, waiting.path) }
    }

    private func attach(_ requirement: String, _ path: String) async {
        await inTurn { [self] in
            _ = try await phone.attach(name: id, requirement: requirement, path: path)
            try await read()
        }
    }

    public func choose(_ field: String, _ value: String) async {
        await inTurn { [self] in
            try await phone.choose(name: id, field: field, value: value)
            try await read()
        }
    }

    public func tick(_ warning: String) async {
        await inTurn { [self] in
            try await phone.tick(name: id, warning: warning)
            try await read()
        }
    }

    public func submit() async {
        await inTurn { [self] in
            _ = try await phone.submit(name: id)
            submitted = true
        }
    }

    private func inTurn(_ block: @escaping @MainActor () async throws -> Void) async {
        let before = last
        let mine = Task { [self] in
            await before?.value
            await work(block)
        }
        last = mine
        await mine.value
    }
}
