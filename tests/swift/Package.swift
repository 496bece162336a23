// swift-tools-version: 5.9
// A day on the library for phones, in Swift.
//
//   mobile-bindings/package swift                      writes the package that this one uses
//   loket init --dir D --region 33.12; loket serve --dir D --listen 127.0.0.1:8080
//   LOKET=…/loket LOKET_DIR=D LOKET_URL=http://127.0.0.1:8080 LOKET_LIBRARY=…/folder-of-the-library swift test

import Foundation
import PackageDescription

let library = ProcessInfo.processInfo.environment["LOKET_LIBRARY"] ?? "."

let package = Package(
    name: "LoketDay",
    platforms: [.macOS(.v12)],
    dependencies: [.package(name: "Loket", path: "../../target/packages/swift")],
    targets: [
        .testTarget(
            name: "DayTests",
            dependencies: [.product(name: "Loket", package: "Loket")],
            linkerSettings: [.unsafeFlags(["-L", library, "-Xlinker", "-rpath", "-Xlinker", library])]
        )
    ]
)
