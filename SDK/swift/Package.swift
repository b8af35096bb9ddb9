// swift-tools-version: 6.2
// Aquatint's plug-in interface for Swift, as a package of its own: a copy lies in every Swift plug-in, so that it builds without Aquatint.
import PackageDescription

let package = Package(
    name: "aquatint-sdk",
    products: [.library(name: "AquatintPlugin", targets: ["AquatintPlugin"])],
    targets: [
        .target(name: "CAquatintPlugin"),
        .target(name: "AquatintPlugin", dependencies: ["CAquatintPlugin"], swiftSettings: [
            .enableUpcomingFeature("ExistentialAny"),
            .enableUpcomingFeature("MemberImportVisibility"),
            .enableUpcomingFeature("InternalImportsByDefault"),
        ]),
    ],
    swiftLanguageModes: [.v6]
)
