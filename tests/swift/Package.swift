// swift-tools-version: 5.9
// A day on the library for phones, in Swift.
//
//   tests/swift/run        with a real office, and a Swift of its own where the system has none
//
// By hand: mobile-bindings/package swift writes the package that this one uses; LOKET is the office's program, LOKET_DIR its folder,
// LOKET_URL where it serves, LOKET_LIBRARY the folder of the library; then swift test.

import Foundation
import PackageDescription

let library = ProcessInfo.processInfo.environment["LOKET_LIBRARY"] ?? "."

let package = Package(
    name: "LoketDay",
    platforms: [.macOS(.v12)],
    dependencies: [.package(name: "Loket", path: "../../target/packages/swift/Loket")],
    targets: [
        .testTarget(
            name: "DayTests",
            dependencies: [.product(name: "Loket", package: "Loket")],
            linkerSettings: [.unsafeFlags(["-L", library, "-Xlinker", "-rpath", "-Xlinker", library])]
        )
    ]
)
