import Loket
import PetugasLogic
import SwiftUI
import UIKit

/// The phone's camera: a photo made as small as can be read, and looked at.
struct Camera: UIViewControllerRepresentable {
    struct Photo {
        let path: String
        let check: PhotoCheck
    }

    let done: (Photo?) -> Void

    func makeUIViewController(context: Context) -> UIImagePickerController {
        let picker = UIImagePickerController()
        picker.sourceType = UIImagePickerController.isSourceTypeAvailable(.camera) ? .camera : .photoLibrary
        picker.delegate = context.coordinator
        return picker
    }

    func updateUIViewController(_ picker: UIImagePickerController, context: Context) {}

    func makeCoordinator() -> Coordinator { Coordinator(done) }

    final class Coordinator: NSObject, UIImagePickerControllerDelegate, UINavigationControllerDelegate {
        private let done: (Photo?) -> Void
        init(_ done: @escaping (Photo?) -> Void) { self.done = done }

        func imagePickerControllerDidCancel(_ picker: UIImagePickerController) { done(nil) }

        func imagePickerController(
            _ picker: UIImagePickerController, didFinishPickingMediaWithInfo info: [UIImagePickerController.InfoKey: Any]
        ) {
            done((info[.originalImage] as? UIImage).flatMap(develop))
        }
    }
}

/// A4 at 200 dots per inch.
private let longerSide: CGFloat = 2339

/// Turns it upright, scales it, and looks whether it can be read.
private func develop(_ image: UIImage) -> Camera.Photo? {
    let scale = min(1, longerSide / max(image.size.width, image.size.height))
    let size = CGSize(width: (image.size.width * scale).rounded(), height: (image.size.height * scale).rounded())
    let format = UIGraphicsImageRendererFormat()
    format.scale = 1
    let small = UIGraphicsImageRenderer(size: size, format: format).image { _ in image.draw(in: CGRect(origin: .zero, size: size)) }
    let url = FileManager.default.temporaryDirectory.appendingPathComponent("\(UUID().uuidString).jpg")
    guard let jpeg = small.jpegData(compressionQuality: 0.75), let cg = small.cgImage else { return nil }
    guard (try? jpeg.write(to: url, options: .completeFileProtectionUntilFirstUserAuthentication)) != nil else { return nil }
    var rgba = [UInt8](repeating: 0, count: cg.width * cg.height * 4)
    let drawn = rgba.withUnsafeMutableBytes { buffer -> Bool in
        guard let context = CGContext(
            data: buffer.baseAddress, width: cg.width, height: cg.height, bitsPerComponent: 8, bytesPerRow: cg.width * 4,
            space: CGColorSpaceCreateDeviceRGB(), bitmapInfo: CGImageAlphaInfo.noneSkipLast.rawValue)
        else { return false }
        context.draw(cg, in: CGRect(x: 0, y: 0, width: cg.width, height: cg.height))
        return true
    }
    guard drawn else { return nil }
    let grey = Brightness.of(width: cg.width, height: cg.height, rgba: rgba)
    guard let check = try? checkPhoto(width: UInt32(grey.width), height: UInt32(grey.height), brightness: Data(grey.pixels)) else {
        return nil
    }
    return Camera.Photo(path: url.path, check: check)
}
