import Loket
import PetugasLogic
import SwiftUI

/// The app: the phone's folder is opened once, and enrolment takes over where it is none.
@main
struct PetugasApp: App {
    @StateObject private var opened = Opened()

    var body: some Scene {
        WindowGroup {
            Group {
                if let phone = opened.phone {
                    ListScreen(phone: phone)
                } else if let trouble = opened.trouble, trouble.next != .enrol {
                    VStack(spacing: 16) {
                        Notice(trouble.sentence)
                        BigButton("Coba lagi") { Task { await opened.open() } }
                    }
                    .padding()
                } else {
                    EnrolScreen(model: opened.enrolment())
                }
            }
            .task { await opened.open() }
        }
    }
}

@MainActor
final class Opened: ObservableObject {
    @Published var phone: LoketPhone?
    @Published var trouble: Trouble?
    private let keystore = AppleKeystore()

    private var folder: String {
        let support = FileManager.default.urls(for: .applicationSupportDirectory, in: .userDomainMask)[0]
        return support.appendingPathComponent("loket").path
    }

    func open() async {
        guard phone == nil else { return }
        do {
            phone = try await openPhone(dir: folder, keystore: keystore)
            excludeFromBackup()
        } catch let error as LoketError {
            trouble = Trouble(error)
        } catch {
            trouble = Trouble(.Defect(sentence: "aplikasi tidak dapat dibuka: mulai ulang HP, lalu laporkan"))
        }
    }

    func enrolment() -> EnrolModel {
        EnrolModel(folder: folder, keystore: keystore) { [weak self] phone in
            self?.phone = phone
            self?.excludeFromBackup()
        }
    }

    /// The keys stay on this phone, so a copied store could not be opened elsewhere.
    private func excludeFromBackup() {
        var url = URL(fileURLWithPath: folder)
        var values = URLResourceValues()
        values.isExcludedFromBackup = true
        try? url.setResourceValues(values)
    }
}
