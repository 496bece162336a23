// swift-tools-version: 5.9
// The app for village officers on iOS. Open this folder in Xcode and run the scheme "Petugas"; the logic without its
// screens is built and tested by `swift test`, also on Linux. First: mobile-bindings/package swift, with --target for each
// platform; LOKET_LIBRARY names the folder of the library for tests.

import Foundation
import PackageDescription

let library = ProcessInfo.processInfo.environment["LOKET_LIBRARY"] ?? "."

var targets: [Target] = [
    .target(name: "PetugasLogic", dependencies: [.product(name: "Loket", package: "Loket")]),
    .testTarget(
        name: "PetugasLogicTests",
        dependencies: ["PetugasLogic"],
        linkerSettings: [.unsafeFlags(["-L", library, "-Xlinker", "-rpath", "-Xlinker", library])]
    ),
]
#if !os(Linux)
// There is no SwiftUI elsewhere.
targets.append(.executableTarget(name: "Petugas", dependencies: ["PetugasLogic"], exclude: ["Info.plist"]))
#endif

let package = Package(
    name: "Petugas",
    defaultLocalization: "id",
    platforms: [.iOS(.v16), .macOS(.v13)],
    products: [.library(name: "PetugasLogic", targets: ["PetugasLogic"])],
    dependencies: [.package(name: "Loket", path: "../../target/packages/swift/Loket")],
    targets: targets
)
