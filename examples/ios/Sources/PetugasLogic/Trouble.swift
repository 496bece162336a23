import Loket

/// What went wrong, in the library's words, and what the screen does about it.
public struct Trouble: Equatable, Sendable {
    public enum Next: Sendable { case mend, nothing, enrol, makeRoom, update, report }

    public let sentence: String
    public let next: Next

    public init(_ error: LoketError) {
        switch error {
        case let .Input(sentence), let .Refused(sentence): (self.sentence, next) = (Words.capitalised(sentence), .mend)
        case let .Later(sentence): (self.sentence, next) = (Words.capitalised(sentence), .nothing)
        case let .SignIn(sentence): (self.sentence, next) = (Words.capitalised(sentence), .enrol)
        case let .StorageFull(sentence): (self.sentence, next) = (Words.capitalised(sentence), .makeRoom)
        case let .Update(sentence): (self.sentence, next) = (Words.capitalised(sentence), .update)
        case let .Defect(sentence): (self.sentence, next) = (Words.capitalised(sentence), .report)
        }
    }
}
