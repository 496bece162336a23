// swift-tools-version: 5.9
// Put together by mobile-bindings/package; the library lies in lib/TRIPLE.

import PackageDescription

let package = Package(
    name: "Loket",
    platforms: [.iOS(.v15), .macOS(.v12)],
    products: [.library(name: "Loket", targets: ["Loket"])],
    targets: [
        .systemLibrary(name: "loketFFI", path: "Sources/loketFFI"),
        .target(
            name: "Loket",
            dependencies: ["loketFFI"],
            path: "Sources/Loket",
            linkerSettings: [.linkedLibrary("loket_mobile")]
        ),
    ]
)
