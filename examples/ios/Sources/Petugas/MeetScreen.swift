import CoreImage.CIFilterBuiltins
import Loket
import PetugasLogic
import SwiftUI

/// Meeting another phone: one shows a code, the other reads it.
struct MeetScreen: View {
    @StateObject var model: MeetModel
    @State private var typed = ""
    @State private var meeting: Task<Void, Never>?

    var body: some View {
        List {
            Text("Kedua HP terhubung ke Wi-Fi atau hotspot yang sama; internet tidak perlu. Yang ditukar hanya berkas wilayah yang sama-sama Anda layani.")
            if let trouble = model.trouble { Notice(trouble.sentence) }
            if let done = model.done { Text(done).bold() }
            if let code = model.code {
                Section("Minta rekan memindai kode ini") {
                    if let picture = Self.picture(code) {
                        Image(decorative: picture, scale: 1).interpolation(.none).resizable().scaledToFit()
                            .accessibilityLabel("Kode QR pertemuan")
                    }
                    Text(code).font(.footnote).textSelection(.enabled)
                    Text("Kode ini untuk satu pertemuan, paling lama seperempat jam.")
                }
            }
            if model.busy {
                if model.code == nil { Text("Bertukar data. Jangan jauhkan kedua HP.").bold() }
                Button("Batal") { meeting?.cancel() }
            } else {
                BigButton("Tunggu HP lain") { meeting = Task { await model.wait() } }
                Section("Atau hubungi HP yang menunggu") {
                    TextField("LOKET-TEMU:…", text: $typed, axis: .vertical).textInputAutocapitalization(.characters)
                    Button("Hubungi") { meeting = Task { await model.call(typed) } }
                }
            }
        }
        .navigationTitle("Bertemu HP lain")
        .onDisappear { meeting?.cancel() }
    }

    private static func picture(_ code: String) -> CGImage? {
        let filter = CIFilter.qrCodeGenerator()
        filter.message = Data(code.utf8)
        return filter.outputImage.flatMap { CIContext().createCGImage($0, from: $0.extent) }
    }
}
