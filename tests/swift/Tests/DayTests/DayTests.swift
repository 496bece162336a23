// A day of two village officers and a kecamatan counter, on the library that phones run, with a real office.

import Foundation
import Loket
import XCTest

private let village = "33.12.08.2002"
private let kecamatan = "33.12.08"
private let service = "ktp-el-hilang"
private let nik = "3312081503900007"
private let desks = ["front-office", "kasi-pendaftaran", "loket-pengambilan"]

private typealias Object = [String: Any]

private func variable(_ name: String) -> String { ProcessInfo.processInfo.environment[name] ?? "" }

/// A command of the office, as a script types it.
private func office(_ args: String...) throws -> Any { try office(args) }

private func office(_ args: [String]) throws -> Any {
    let (process, out) = (Process(), Pipe())
    process.executableURL = URL(fileURLWithPath: variable("LOKET"))
    process.arguments = ["--dir", variable("LOKET_DIR"), "--json"] + args
    process.standardOutput = out
    try process.run()
    let bytes = out.fileHandleForReading.readDataToEndOfFile()
    process.waitUntilExit()
    XCTAssertEqual(process.terminationStatus, 0, "\(args)")
    return try JSONSerialization.jsonObject(with: bytes)
}

private func text(_ object: Any, _ key: String) -> String { (object as? Object)?[key] as? String ?? "" }

private func list(_ object: Any, _ key: String) -> [Object] { (object as? Object)?[key] as? [Object] ?? [] }

/// An observer of an app that has a defect.
private final class Throws: SyncObserver, ChangeObserver, @unchecked Sendable {
    private let lock = NSLock()
    private var told: [SyncStep] = []
    private var count = 0

    var steps: [SyncStep] { lock.withLock { told } }
    var changes: Int { lock.withLock { count } }

    func onStep(step: SyncStep) throws {
        lock.withLock { told.append(step) }
        throw CallbackFailed.Failed(reason: "the app has a defect")
    }

    func changed() throws {
        lock.withLock { count += 1 }
        throw CallbackFailed.Failed(reason: "the app has a defect")
    }
}

private func enrolled(_ folder: URL, _ role: String, _ place: String) async throws -> LoketPhone {
    let code = text(try office("invite", "--role", role, "--partition", place), "code")
    return try await enrolPhone(dir: folder.path, office: variable("LOKET_URL"), code: code, keystore: nil)
}

/// Something valid for a field or a need, by its kind alone: a screen knows no more.
private func value(_ field: FormField) -> String {
    switch field.kind {
    case .nik, .familyCard: return nik
    case .name: return "Contoh Fiktif"
    case .date: return "1990-03-15"
    case .text: return "007"
    case .phone: return "081200000007"
    case .choice: return field.options.first?.id ?? ""
    case .region: return village
    case .number: return "7"
    case .yesNo: return "ya"
    case .remark: return "catatan"
    }
}

private func scan(_ folder: URL, _ name: String) throws -> String {
    let path = folder.appendingPathComponent("\(name).jpg")
    try (Data([0xff, 0xd8, 0xff, 0xe0]) + Data(String(repeating: name, count: 40).utf8)).write(to: path)
    return path.path
}

/// Answers what is missing from the form until nothing is.
private func fill(_ phone: LoketPhone, _ name: String, _ folder: URL) async throws {
    for _ in 0..<8 {
        let lacks = try await phone.missing(name: name)
        if lacks.isEmpty { return }
        let fields = try await phone.form(name: name).fields
        var typed: [FieldValue] = []
        for lack in lacks {
            switch lack.kind {
            case .field:
                let field = try XCTUnwrap(fields.first { $0.id == lack.id })
                typed.append(FieldValue(field: lack.id, value: value(field)))
            case .requirement:
                _ = try await phone.attach(name: name, requirement: lack.id, path: scan(folder, "\(name) \(lack.id)"))
            case .warning:
                try await phone.tick(name: name, warning: lack.id)
            case .conflict, .attachment:
                XCTFail("nobody can fill in \(lack)")
            }
        }
        if !typed.isEmpty { try await phone.set(name: name, fields: typed) }
    }
    XCTFail("never complete")
}

private func eventually(_ what: String, _ attempt: () async throws -> Bool) async throws {
    for _ in 0..<200 {
        if try await attempt() { return }
        try await Task.sleep(nanoseconds: 100_000_000)
    }
    XCTFail("never: \(what)")
}

final class DayTests: XCTestCase {
    private var staff: [String: String] = [:]

    /// Leads it along its straight line: desks act by the office's program, counters by their phones.
    private func walk(_ phones: [String: LoketPhone], _ number: String, until: String? = nil) async throws -> Any {
        let line = list(try office("catalogue", "show", service), "steps")
        for _ in 0..<40 {
            let shown = try office("show", number)
            if (shown as? Object)?["final"] as? Bool == true || text(shown, "state") == until { return shown }
            let able = list(shown, "available")
            let isAble = { (step: Object) in
                able.contains { text($0, "act") == text(step, "act") && text($0, "role") == text(step, "role") }
            }
            let step = try XCTUnwrap(line.first(where: isAble))
            let (act, role) = (text(step, "act"), text(step, "role"))
            if let phone = phones[role] {
                let details = try await phone.application(name: number)
                let mine = try XCTUnwrap(details.acts.first { $0.act == act })
                let needs = mine.needs.map { FieldValue(field: $0.id, value: value($0)) }
                _ = try await phone.act(name: number, act: act, reason: nil, needs: needs)
                _ = try await phone.sync(observer: nil)
            } else {
                let one = try XCTUnwrap(able.first { text($0, "act") == act && text($0, "role") == role })
                let sets = list(one, "needs").flatMap { need -> [String] in
                    let first = list(need, "options").first.map { text($0, "id") }
                    return ["--set", "\(text(need, "id"))=\(first ?? "007")"]
                }
                _ = try office(["act", number, act, "--as", staff[role] ?? ""] + sets)
            }
            for phone in phones.values { _ = try await phone.sync(observer: nil) }
        }
        return XCTFail("it goes in circles")
    }

    func testADay() async throws {
        let folder = FileManager.default.temporaryDirectory.appendingPathComponent(UUID().uuidString)
        try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
        defer { try? FileManager.default.removeItem(at: folder) }
        for role in desks {
            let added = try office("staff", "add", "--role", role, "--name", "Petugas \(role)") as? Object
            staff[role] = "\(try XCTUnwrap(added?["id"]))"
        }
        let first = try await enrolled(folder.appendingPathComponent("satu"), "operator-desa", village)
        let second = try await enrolled(folder.appendingPathComponent("dua"), "operator-desa", village)
        let counter = try await enrolled(folder.appendingPathComponent("kecamatan"), "operator-kecamatan", kecamatan)

        // Offline: a number at once, the form from the catalogue, what is wrong said at once.
        let seen = Throws()
        let subscription = try first.observe(observer: seen)
        let new = try await first.create(new: NewApplication(service: service))
        XCTAssertEqual(new.progress, .onThisPhone)
        do {
            try await first.set(name: new.id, fields: [FieldValue(field: "nik", value: "123")])
            XCTFail("a wrong NIK was taken")
        } catch LoketError.Input(let sentence) {
            XCTAssertTrue(sentence.contains("16"), sentence)
        }
        try await fill(first, new.id, folder)
        let found = try await first.search(text: "contoh FIK", limit: 10)
        XCTAssertEqual(found.map(\.id), [new.id])
        try await eventually("the observer is told") { seen.changes > 0 }
        subscription.end()

        // In touch; an observer that throws changes nothing.
        let report = try await first.sync(observer: seen)
        XCTAssertEqual(report.scansSent, 2)
        XCTAssertTrue(seen.steps.contains { if case .settled = $0 { true } else { false } })
        _ = try await second.sync(observer: nil)

        // Two officers write at the same time: both values stay, and one is chosen.
        try await first.set(name: new.number, fields: [FieldValue(field: "alamat", value: "Dusun Satu")])
        try await second.set(name: new.number, fields: [FieldValue(field: "alamat", value: "Dusun Dua")])
        for phone in [first, second, first] { _ = try await phone.sync(observer: nil) }
        let conflicts = try await first.conflicts(name: new.number)
        XCTAssertEqual(conflicts.flatMap(\.values).map(\.value).sorted(), ["Dusun Dua", "Dusun Satu"])
        try await first.choose(name: new.number, field: "alamat", value: "Dusun Dua")
        _ = try await first.submit(name: new.number)
        _ = try await first.sync(observer: nil)

        // Returned with a mark, mended, submitted again.
        _ = try await walk([:], new.number, until: "DIVERIFIKASI_FO")
        _ = try office(
            "act", new.number, "kembalikan_fo", "--as", staff["front-office"] ?? "", "--reason", "foto tidak terbaca",
            "--set", "tanda.surat_kehilangan=buram")
        _ = try await first.sync(observer: nil)
        let tasks = try await first.toDo()
        XCTAssertEqual(tasks.flatMap(\.marks), [MarkedRequirement(id: "surat_kehilangan", mark: "buram", label: "Buram, tidak terbaca")])
        _ = try await first.attach(
            name: new.id, requirement: "surat_kehilangan", path: scan(folder, "lebih terang"))
        try await fill(first, new.id, folder)
        _ = try await first.submit(name: new.id)

        // A sync whose task is cancelled is no harm.
        let cancelled = Task { try await first.sync(observer: nil) }
        cancelled.cancel()
        _ = await cancelled.result
        _ = try await first.sync(observer: nil)

        // Printed and handed over at the kecamatan, while the village follows.
        let handle = try first.follow(observer: nil)
        _ = try await counter.sync(observer: nil)
        let end = try await walk(["operator-kecamatan": counter], new.number)
        XCTAssertEqual(text(end, "state"), "DIAMBIL")
        try await eventually("the village hears of the end") {
            try await first.application(name: new.number).summary.finished
        }
        handle.stop()
        _ = try await handle.finished()
        let details = try await first.application(name: new.number)
        XCTAssertEqual(details.summary.progress, .decided)
        XCTAssertEqual(details.record.last?.act, "serah")
    }
}
