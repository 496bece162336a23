// swift-tools-version: 5.9
// The app for village officers on iOS. Open this folder in Xcode and run the scheme "Petugas"; the logic without its
// screens is tested by `swift test` on a Mac. First: mobile-bindings/package swift, with --target for each platform.

import PackageDescription

let package = Package(
    name: "Petugas",
    defaultLocalization: "id",
    platforms: [.iOS(.v16), .macOS(.v13)],
    products: [.library(name: "PetugasLogic", targets: ["PetugasLogic"])],
    dependencies: [.package(name: "Loket", path: "../../target/packages/swift")],
    targets: [
        .target(name: "PetugasLogic", dependencies: [.product(name: "Loket", package: "Loket")]),
        .executableTarget(name: "Petugas", dependencies: ["PetugasLogic"], exclude: ["Info.plist"]),
        .testTarget(name: "PetugasLogicTests", dependencies: ["PetugasLogic"]),
    ]
)
