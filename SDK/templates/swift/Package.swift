// swift-tools-version: 6.2
import PackageDescription

let package = Package(
    name: "{{library}}",
    products: [.library(name: "{{library}}", type: .dynamic, targets: ["{{library}}"])],
    dependencies: [.package(path: "aquatint-sdk")],
    targets: [
        .target(name: "{{library}}", dependencies: [.product(name: "AquatintPlugin", package: "aquatint-sdk")]),
        .testTarget(name: "{{library}}Tests",
                    dependencies: [.target(name: "{{library}}"), .product(name: "AquatintPlugin", package: "aquatint-sdk")]),
    ],
    swiftLanguageModes: [.v6]
)
