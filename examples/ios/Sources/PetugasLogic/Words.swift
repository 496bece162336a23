import Foundation
import Loket

/// The app's own words; everything about a service comes from its catalogue file.
public enum Words {
    public static func progress(_ progress: WorkProgress) -> String {
        switch progress {
        case .onThisPhone: return "○ hanya di HP ini"
        case .carried: return "◔ juga di HP rekan"
        case .atOffice: return "◑ sudah di Dinas"
        case .decided: return "● sudah dijawab Dinas"
        }
    }

    /// What is true of all files, counted from the office's receipts.
    public static func tally(_ tally: Tally) -> String {
        let held = tally.held > 0 ? ", \(tally.held) ditahan" : ""
        return "\(tally.applications) berkas, \(tally.receipted) tanda terima, \(tally.hanging) menggantung\(held)"
    }

    static let noNetworkToMeet =
        "HP ini tidak terhubung ke Wi-Fi dan tidak membuka hotspot: hubungkan keduanya ke jaringan yang sama"

    /// What two phones gave each other.
    public static func met(_ met: MeetingReport) -> String {
        "Bertemu \(met.officer): \(met.entriesSent) perubahan diberikan, \(met.entriesReceived) diterima; "
            + "\(met.scansSent) lampiran diberikan, \(met.scansReceived) diterima"
    }

    public static func sync(_ step: SyncStep?) -> String {
        switch step {
        case nil: return "Belum tersambung; pekerjaan tersimpan di HP"
        case .connected: return "Tersambung dengan Dinas"
        case let .scans(done, of, _, _): return "Mengirim lampiran: \(done) dari \(of)"
        case .settled: return "Semua yang ada di HP ini sudah di Dinas"
        case let .waits(sentence): return capitalised(sentence)
        case let .lost(sentence, _): return "\(capitalised(sentence)) (mencoba lagi sendiri)"
        }
    }

    /// A date as people write it; the library takes it so too.
    public static func date(_ value: String) -> String {
        let parts = value.split(separator: "-")
        return parts.count == 3 && parts[0].count == 4 ? parts.reversed().joined(separator: "-") : value
    }

    /// Who wrote a value: this phone, or somebody by name and device.
    public static func author(_ author: String, own: String) -> String {
        !own.isEmpty && author.contains(own.prefix(8)) ? "HP ini" : author
    }

    public static func capitalised(_ words: String) -> String {
        words.prefix(1).uppercased() + words.dropFirst()
    }
}
