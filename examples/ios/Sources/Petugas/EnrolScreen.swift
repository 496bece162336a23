import PetugasLogic
import SwiftUI

/// The first screen of a new phone: the office's invitation, pasted from the camera's reading of its QR code.
struct EnrolScreen: View {
    @StateObject var model: EnrolModel
    @State private var invitation = ""

    var body: some View {
        Form {
            Section("Undangan dari Dinas") {
                Text("Pindai kode QR undangan dengan kamera, salin teksnya, lalu tempelkan di sini.")
                TextField("https://loket.…go.id#daftar=…", text: $invitation, axis: .vertical)
                    .textInputAutocapitalization(.never)
                    .autocorrectionDisabled()
                PasteButton(payloadType: String.self) { invitation = $0.first ?? invitation }
            }
            if let trouble = model.trouble { Notice(trouble.sentence) }
            BigButton(model.busy ? "Mendaftarkan…" : "Daftarkan HP ini") {
                Task { await model.enrol(invitation) }
            }
            .disabled(model.busy)
        }
    }
}
